//! What people do to their own account.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use leptos::prelude::*;

use crate::Failure;

/// Changes one's own name.
#[server(prefix = "/do", endpoint = "rename_me")]
pub async fn rename_me(name: String) -> Result<(), Failure> {
    use crate::{form::answer, request};
    let result = async {
        let actor = request::actor()?;
        service::accounts::profile::rename(&request::services()?, &actor, &name).await
    }
    .await;
    answer(result, "rename_me", &[("name", &name)], None)
}
