//! A browser that watches: when a report arrives at it over a real WebSocket.

use std::time::Instant;

use anyhow::{Context, Result};
use app::session::SESSION_COOKIE;
use domain::{
    DeviceId, Scalar,
    live::{Change, ClientFrame, LiveEvent, ServerFrame, Subject},
};
use futures::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use tokio_util::sync::CancellationToken;

use crate::figures::micros;

/// Devices in one subscription.
const AT_ONCE: usize = 200;
/// Where the pages connect.
const PATH: &str = "/live";

/// A browser that watches devices until it is told to stop; gives how long each report took to it.
pub(crate) struct Browser {
    stop: CancellationToken,
    watching: JoinHandle<Result<Vec<u32>>>,
}

impl Browser {
    /// Opens the connection and subscribes; returns when the server listens for it. Reports carry the
    /// microseconds since `epoch` under `key`.
    pub(crate) async fn watch(
        http: &str,
        session: &str,
        devices: &[DeviceId],
        key: &'static str,
        epoch: Instant,
    ) -> Result<Self> {
        let mut request = format!("ws://{http}{PATH}").into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("cookie", format!("{SESSION_COOKIE}={session}").parse()?);
        headers.insert("origin", format!("http://{http}").parse()?);
        let stream = TcpStream::connect(http).await?;
        stream.set_nodelay(true)?;
        let (mut socket, _) = client_async(request, stream)
            .await
            .context("the live connection")?;
        let mut waiting = 0;
        for (id, devices) in (1..).zip(devices.chunks(AT_ONCE)) {
            let ids = devices.to_vec();
            let subject = Subject::Devices { ids };
            let frame = serde_json::to_string(&ClientFrame::subscribe(id, subject))?;
            socket.send(Message::text(frame)).await?;
            waiting += 1;
        }
        while waiting > 0 {
            let message = socket.next().await.context("the server closed it")??;
            if let Message::Text(text) = message
                && let ServerFrame::Subscribed { .. } = serde_json::from_str(&text)?
            {
                waiting -= 1;
            }
        }
        let stop = CancellationToken::new();
        let told = stop.clone();
        let watching = tokio::spawn(async move {
            let mut waits = Vec::new();
            loop {
                let message = tokio::select! {
                    () = told.cancelled() => return Ok(waits),
                    message = socket.next() => message.context("the server closed it")??,
                };
                let Message::Text(text) = message else {
                    continue;
                };
                let now = micros(epoch.elapsed());
                if let ServerFrame::Change { event, .. } = serde_json::from_str(&text)?
                    && let Change::State(LiveEvent::State { changed, .. }) = *event
                    && let Some(Scalar::Number(sent)) = changed.get(key)
                {
                    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                    waits.push(now.saturating_sub(*sent as u32));
                }
            }
        });
        Ok(Self { stop, watching })
    }

    /// Stops watching; gives the waits in microseconds.
    pub(crate) async fn stop(self) -> Result<Vec<u32>> {
        self.stop.cancel();
        self.watching.await?
    }
}
