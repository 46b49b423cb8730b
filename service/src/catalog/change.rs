//! A change to the catalog: what it does and its line in the audit trail stand together or not at all.

use std::ops::Deref;

use domain::AppError;
use sea_orm::{DatabaseTransaction, TransactionTrait};
use serde_json::Value;

use crate::{Admin, Services, audit, internal};

/// A change under way; what is not done when it is dropped has not happened.
pub(super) struct Change<'a> {
    services: &'a Services,
    admin: &'a Admin,
    transaction: DatabaseTransaction,
}

impl<'a> Change<'a> {
    /// Begins a change of this administrator.
    pub(super) async fn begin(services: &'a Services, admin: &'a Admin) -> Result<Self, AppError> {
        let transaction = services.db.write.begin().await.map_err(internal)?;
        Ok(Self {
            services,
            admin,
            transaction,
        })
    }

    /// Writes down what was done to what, and commits both.
    pub(super) async fn done(
        self,
        action: &str,
        target: impl ToString,
        detail: Value,
    ) -> Result<(), AppError> {
        let target = Some(target.to_string());
        let actor = self.admin.actor();
        audit::record(
            self.services,
            &self.transaction,
            actor,
            action,
            target,
            detail,
        )
        .await?;
        self.transaction.commit().await.map_err(internal)
    }
}

impl Deref for Change<'_> {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}
