//! People: first administrator, invitations, sign-in, sessions, tokens, roles.

pub mod actor;
pub mod address;
pub mod api_key;
pub mod apps;
mod leave;
pub mod limit;
mod local;
pub mod password;
mod people;
pub mod profile;
mod registration;
mod session;
mod setup;
pub mod token;

use domain::{Email, UserId, account::Me, role::SiteRole};

pub use leave::delete_account;
pub use local::local_admin;
pub use people::{list_users, set_active, set_role};
pub use registration::{
    add_account, invite, list_invitations, register, register_for_tokens, withdraw_invitation,
};
pub use session::{
    actor_of_session, end_other_sessions, end_session, list_sessions, sign_in, sign_out,
};
pub use setup::{make_setup_code, needs_setup, set_up, set_up_another};

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
    /// Whether it came over TLS, here or at a trusted proxy.
    pub secure: bool,
}

impl Client {
    /// Whose wrong codes are counted together: one client must not lock the others out.
    pub(crate) fn subject(&self) -> &str {
        self.address.as_deref().unwrap_or_default()
    }
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

/// A person who may sign in.
async fn active_user(
    services: &crate::Services,
    id: uuid::Uuid,
) -> Result<Option<entity::user::Model>, domain::AppError> {
    use sea_orm::EntityTrait as _;
    let row = entity::user::Entity::find_by_id(id)
        .one(&services.db.read)
        .await
        .map_err(crate::internal)?;
    Ok(row.filter(|row| row.disabled_ms.is_none()))
}

/// The person of a row.
pub(crate) fn me(row: &entity::user::Model) -> Result<Me, domain::AppError> {
    let email: Email = row.email.parse().map_err(crate::internal)?;
    let role = SiteRole::parse(&row.role)
        .ok_or_else(|| crate::internal(format!("the role `{}` is unknown", row.role)))?;
    Ok(Me {
        id: UserId(row.id),
        email,
        name: row.name.clone(),
        role,
    })
}
