//! What tests stand on: fresh databases, services in this process, a whole server and its program, and real devices.

pub mod agent;
pub mod app;
#[cfg(target_os = "linux")]
pub mod bluez;
pub mod connection;
pub mod database;
pub mod device;
pub mod installation;
pub mod live;
pub mod site;
pub mod tools;
pub mod wifi;

use std::time::Duration;

/// Asks until the answer is there, for at most [`device::PATIENCE`].
///
/// # Panics
/// When it does not come in time; `what` says what was waited for.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        let mut pause = tokio::time::interval(Duration::from_millis(10));
        loop {
            pause.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(device::PATIENCE, asking).await;
    answer.unwrap_or_else(|late| panic!("{what}: {late}"))
}
