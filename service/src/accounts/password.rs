//! Passwords: Argon2id, a bounded number at a time, off the runtime's threads.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use domain::AppError;

use crate::{Services, internal};

/// Fewest characters of a new password.
pub const MIN_CHARS: usize = 10;
/// Most characters of a password.
pub const MAX_CHARS: usize = 200;

/// Checks a new password's length.
pub fn check_new(password: &str) -> Result<(), AppError> {
    match password.chars().count() {
        MIN_CHARS..=MAX_CHARS => Ok(()),
        _ => Err(AppError::invalid("password", "password_length")),
    }
}

/// The hash to keep, in PHC form with its own salt.
pub(crate) async fn hash(services: &Services, password: &str) -> Result<String, AppError> {
    let password = password.to_owned();
    off_thread(services, move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(internal)
    })
    .await?
}

/// Whether `password` is that of `hash`. Without a hash it takes as long and says no, so that time does
/// not tell which addresses have an account.
pub(crate) async fn verify(
    services: &Services,
    password: &str,
    hash: Option<&str>,
) -> Result<bool, AppError> {
    if password.chars().count() > MAX_CHARS {
        return Ok(false);
    }
    let password = password.to_owned();
    let hash = hash.map(ToOwned::to_owned);
    off_thread(services, move || match hash {
        Some(hash) => {
            let parsed = PasswordHash::new(&hash).map_err(internal)?;
            Ok(Argon2::default()
                .verify_password(password.as_bytes(), &parsed)
                .is_ok())
        }
        None => {
            Argon2::default()
                .hash_password(password.as_bytes())
                .map_err(internal)?;
            Ok(false)
        }
    })
    .await?
}

/// Each hash takes 19 MiB and tens of milliseconds: a flood of sign-ins waits in line.
async fn off_thread<T: Send + 'static>(
    services: &Services,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AppError> {
    let _turn = services.limits.hashing.acquire().await.map_err(internal)?;
    tokio::task::spawn_blocking(work).await.map_err(internal)
}
