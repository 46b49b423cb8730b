//! The catalog: component types, hardware, and the pins that one may be wired to on the other.
//!
//! Invariant: what is in use is not deleted, and no two types fill one key of the state. Deleting only
//! marks a row, so that it can be brought back as it was.

mod built_in;
mod change;
pub mod hardware;
pub mod rules;
mod seed;
mod state_keys;
pub mod types;
mod usage;

pub use seed::{Restored, restore, seed};

use domain::{AppError, Page, text::is_unseen};
use sea_orm::{
    ConnectionTrait, EntityTrait, PaginatorTrait, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, Func, IntoColumnRef, LikeExpr, SimpleExpr},
};
use unicode_normalization::UnicodeNormalization;

use crate::{internal, names};

/// Rows of one page.
const PAGE_SIZE: u32 = 50;
/// Most characters of a name and of a description.
const MAX_NAME: usize = 80;
const MAX_WORDS: usize = 1_000;

/// What is looked for: words, and which page of what is found.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Each word is to be found somewhere.
    pub words: String,
    /// From 1.
    pub page: u32,
}

/// What a word must be like, with the wildcards in it as plain characters.
pub(crate) fn patterns(words: &str) -> impl Iterator<Item = LikeExpr> {
    words.split_whitespace().map(|word| {
        let word: String = word.nfc().flat_map(char::to_lowercase).collect();
        let plain = word
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        LikeExpr::new(format!("%{plain}%")).escape('\\')
    })
}

/// Whether a column, whatever its case, is like the pattern.
pub(crate) fn is_like(column: impl IntoColumnRef, pattern: &LikeExpr) -> SimpleExpr {
    Expr::expr(Func::lower(Expr::col(column))).like(pattern.clone())
}

/// One page of a query, and how many rows it has in all.
async fn page_of<C, E, T>(
    connection: &C,
    query: Select<E>,
    page: u32,
    read: impl Fn(E::Model) -> Result<T, AppError>,
) -> Result<Page<T>, AppError>
where
    C: ConnectionTrait,
    E: EntityTrait,
    E::Model: Send + Sync,
{
    let page = Ord::max(page, 1);
    let total = query.clone().count(connection).await.map_err(internal)?;
    let rows = query
        .offset(u64::from(page - 1) * u64::from(PAGE_SIZE))
        .limit(u64::from(PAGE_SIZE))
        .all(connection)
        .await
        .map_err(internal)?;
    Ok(Page {
        items: rows.into_iter().map(read).collect::<Result<_, _>>()?,
        total,
        page,
        page_size: PAGE_SIZE,
    })
}

/// A name of 1 to 80 characters.
pub(crate) fn checked_name(field: &str, name: &str) -> Result<String, AppError> {
    names::checked(field, name, MAX_NAME)
}

/// A word that names hardware in reports and addresses: 1 to 32 characters without blanks.
fn checked_word(field: &str, word: &str) -> Result<String, AppError> {
    let word = word.trim();
    let fits = (1..=32).contains(&word.chars().count())
        && !word.chars().any(|c| is_unseen(c) || "/?#%".contains(c));
    match fits {
        true => Ok(word.to_owned()),
        false => Err(AppError::invalid(field, "hardware_word")),
    }
}

/// Words for a person, or none; at most a thousand characters.
fn checked_words(field: &str, words: Option<&str>) -> Result<Option<String>, AppError> {
    match words.map(str::trim) {
        None | Some("") => Ok(None),
        Some(words) if words.chars().count() <= MAX_WORDS => Ok(Some(words.to_owned())),
        Some(_) => Err(AppError::invalid(field, "too_large")),
    }
}
