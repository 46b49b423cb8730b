//! Finding devices by any two letters or syllables: an index of bigrams, because the databases' own
//! trigram indexes miss Korean words of two syllables.

use std::collections::BTreeSet;

use domain::AppError;
use entity::search_gram::{ActiveModel, Column, Entity};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{LikeExpr, OnConflict},
};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::internal;

/// Grams of names that everybody sees.
const EVERYBODY: Uuid = Uuid::nil();
const MAX_GRAMS: usize = 24;

/// A name as it sorts and is searched: NFC, lower case.
pub(super) fn sort_key(name: &str) -> String {
    name.nfc().flat_map(char::to_lowercase).collect()
}

/// Indexes a device's name and serial number anew.
pub(crate) async fn index(
    transaction: &DatabaseTransaction,
    row: &entity::device::Model,
) -> Result<(), AppError> {
    let mut grams = grams(&row.name_key);
    grams.extend(self::grams(&sort_key(&row.cpu_serial)));
    replace(transaction, row.id, EVERYBODY, grams).await
}

/// Indexes a person's nickname for a device anew.
pub(super) async fn index_nickname(
    transaction: &DatabaseTransaction,
    device: i64,
    user: Uuid,
    nickname: Option<&str>,
) -> Result<(), AppError> {
    let grams = nickname
        .map(|name| grams(&sort_key(name)))
        .unwrap_or_default();
    replace(transaction, device, user, grams).await
}

/// The devices in whose name, serial number or nickname (of this person) the text is found.
pub(super) fn condition(search: &str, user: Uuid) -> Condition {
    let text = sort_key(search.trim());
    let mut all = Condition::all();
    for gram in grams(&text).into_iter().take(MAX_GRAMS) {
        let devices = Entity::find()
            .select_only()
            .column(Column::DeviceId)
            .filter(Column::Gram.eq(gram))
            .filter(Column::UserId.is_in([EVERYBODY, user]))
            .into_query();
        all = all.add(entity::device::Column::Id.in_subquery(devices));
    }
    // A word of two letters is its only gram.
    match text.chars().count() {
        2 if !text.contains(char::is_whitespace) => all,
        _ => all.add(contains(&text, user)),
    }
}

/// The ids of the devices in whose name or serial number the text is found.
pub(crate) fn named(search: &str) -> sea_orm::sea_query::SelectStatement {
    entity::device::Entity::find()
        .select_only()
        .column(entity::device::Column::Id)
        .filter(condition(search, EVERYBODY))
        .into_query()
}

/// A text as a part of a pattern: what would stand for anything stands for itself.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

/// Grams may come from different places of a name: the word itself must be there.
fn contains(word: &str, user: Uuid) -> Condition {
    use entity::device_access as access;
    use sea_orm::sea_query::{Expr, ExprTrait, Func};
    let like = LikeExpr::new(format!("%{}%", escaped(word))).escape('\\');
    let lower = |column: entity::device::Column| {
        Expr::expr(Func::lower(Expr::col((entity::device::Entity, column))))
    };
    let nicknamed = access::Entity::find()
        .select_only()
        .column(access::Column::DeviceId)
        .filter(access::Column::UserId.eq(user))
        .filter(
            Expr::expr(Func::lower(Expr::col((
                access::Entity,
                access::Column::Nickname,
            ))))
            .like(like.clone()),
        )
        .into_query();
    Condition::any()
        .add(entity::device::Column::NameKey.like(like.clone()))
        .add(lower(entity::device::Column::CpuSerial).like(like))
        .add(entity::device::Column::Id.in_subquery(nicknamed))
}

async fn replace(
    transaction: &DatabaseTransaction,
    device: i64,
    user: Uuid,
    grams: BTreeSet<String>,
) -> Result<(), AppError> {
    Entity::delete_many()
        .filter(Column::DeviceId.eq(device))
        .filter(Column::UserId.eq(user))
        .exec(transaction)
        .await
        .map_err(internal)?;
    if grams.is_empty() {
        return Ok(());
    }
    let rows = grams.into_iter().map(|gram| ActiveModel {
        gram: Set(gram),
        device_id: Set(device),
        user_id: Set(user),
    });
    Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([Column::Gram, Column::DeviceId, Column::UserId])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await
        .map_err(internal)?;
    Ok(())
}

/// Every two characters that stand side by side in a word.
fn grams(text: &str) -> BTreeSet<String> {
    let mut grams = BTreeSet::new();
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for pair in letters.windows(2) {
            grams.insert(pair.iter().collect());
        }
    }
    grams
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_two_syllables_are_a_gram() {
        let grams = grams(&sort_key("온실 육묘대 LAB-1"));
        for gram in ["온실", "육묘", "묘대", "la", "b-"] {
            assert!(grams.contains(gram), "{gram}");
        }
        assert!(!grams.contains("실육"), "not across words");
    }

    #[test]
    fn decomposed_hangul_is_the_same_name() {
        let decomposed: String = "온실".nfd().collect();
        assert_eq!(sort_key(&decomposed), "온실");
    }
}
