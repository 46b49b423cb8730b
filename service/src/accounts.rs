//! People: first administrator, invitations, sign-in, sessions, tokens, roles.

pub mod actor;
pub mod limit;
pub mod profile;
pub mod token;

use domain::{
    AppError, Email, Page, UserId,
    account::{Invitation, Me, UserSummary},
    role::SiteRole,
};

use crate::{Actor, Admin, Services};

/// A fresh browser session.
#[derive(Debug)]
pub struct SignedIn {
    /// The cookie's value: 256 random bits, base64url. Only its hash is stored.
    pub token: String,
    /// Who it is.
    pub me: Me,
}

/// From where a request came.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The address, after trusted proxies.
    pub address: Option<String>,
    /// The `User-Agent`, shortened to 200 characters.
    pub user_agent: Option<String>,
}

/// A wish for an account.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The address.
    pub email: String,
    /// What to call them.
    pub name: String,
    /// 10 to 200 characters.
    pub password: String,
}

/// Whether the site still waits for its first administrator.
pub async fn needs_setup(services: &Services) -> Result<bool, AppError> {
    let _ = services;
    Err(AppError::Unavailable)
}

/// Makes the first administrator with the one-time setup code; signs them in.
pub async fn set_up(
    services: &Services,
    code: &str,
    account: NewAccount,
    client: &Client,
) -> Result<SignedIn, AppError> {
    let _ = (services, code, account, client);
    Err(AppError::Unavailable)
}

/// Makes an account with an invitation code (or without, where registration is open); signs them in.
pub async fn register(
    services: &Services,
    code: Option<&str>,
    account: NewAccount,
    client: &Client,
) -> Result<SignedIn, AppError> {
    let _ = (services, code, account, client);
    Err(AppError::Unavailable)
}

/// Signs in; limited to 5 wrong tries a minute for an address and for a client, and slowed.
pub async fn sign_in(
    services: &Services,
    email: &str,
    password: &str,
    client: &Client,
) -> Result<SignedIn, AppError> {
    let _ = (services, email, password, client);
    Err(AppError::Unavailable)
}

/// Ends a session.
pub async fn sign_out(services: &Services, token: &str) -> Result<(), AppError> {
    let _ = (services, token);
    Err(AppError::Unavailable)
}

/// Who a session belongs to; `None` where it is unknown or has ended.
pub async fn actor_of_session(
    services: &Services,
    token: &str,
    client: &Client,
) -> Result<Option<Actor>, AppError> {
    let _ = (services, token, client);
    Err(AppError::Unavailable)
}

/// One page of the people, found by name or address.
pub async fn list_users(
    services: &Services,
    admin: &Admin,
    search: &str,
    page: u32,
) -> Result<Page<UserSummary>, AppError> {
    let _ = (services, admin, search, page);
    Err(AppError::Unavailable)
}

/// Gives a person another role; only a prime administrator touches administrators' roles.
pub async fn set_role(
    services: &Services,
    admin: &Admin,
    user: UserId,
    role: SiteRole,
) -> Result<(), AppError> {
    let _ = (services, admin, user, role);
    Err(AppError::Unavailable)
}

/// Lets a person sign in, or not; ends their sessions in the latter case.
pub async fn set_active(
    services: &Services,
    admin: &Admin,
    user: UserId,
    active: bool,
) -> Result<(), AppError> {
    let _ = (services, admin, user, active);
    Err(AppError::Unavailable)
}

/// Makes an invitation; gives its link's code, shown once.
pub async fn invite(
    services: &Services,
    admin: &Admin,
    email: Option<Email>,
    role: SiteRole,
) -> Result<String, AppError> {
    let _ = (services, admin, email, role);
    Err(AppError::Unavailable)
}

/// The invitations that may still be used.
pub async fn list_invitations(
    services: &Services,
    admin: &Admin,
) -> Result<Vec<Invitation>, AppError> {
    let _ = (services, admin);
    Err(AppError::Unavailable)
}

/// Takes an invitation back.
pub async fn withdraw_invitation(
    services: &Services,
    admin: &Admin,
    id: &str,
) -> Result<(), AppError> {
    let _ = (services, admin, id);
    Err(AppError::Unavailable)
}
