//! A search that was not understood: what is wrong, and where.

use domain::filter::{FilterError, FilterFault};
use leptos::prelude::*;
use leptos_i18n::td_string;

use crate::{
    i18n::use_i18n,
    parts::{Mark, status_mark::Shape},
};

/// Says why the search `of` was not understood, and marks the place in what was typed; as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(crate) async fn notice(of: Box<(String, FilterError)>) -> AnyView {
    drawn(&of.0, of.1)
}

/// Says why the search was not understood, and marks the place in what was typed. Without the hint that would have
/// it loaded before the page.
#[cfg(not(feature = "hydrate"))]
#[allow(
    clippy::unused_async,
    reason = "a part is waited for where it is loaded"
)]
pub(crate) async fn notice(of: Box<(String, FilterError)>) -> AnyView {
    drawn(&of.0, of.1)
}

fn drawn(search: &str, wrong: FilterError) -> AnyView {
    let locale = use_i18n().get_locale_untracked();
    let words = match wrong.fault {
        FilterFault::UnknownField => td_string!(locale, finding.wrong_unknown_field),
        FilterFault::UnknownValue => td_string!(locale, finding.wrong_unknown_value),
        FilterFault::MissingValue => td_string!(locale, finding.wrong_missing_value),
        FilterFault::NotANumber => td_string!(locale, finding.wrong_not_a_number),
        FilterFault::NotADuration => td_string!(locale, finding.wrong_not_a_duration),
        FilterFault::NotComparable => td_string!(locale, finding.wrong_not_comparable),
        FilterFault::NeedsComparison => td_string!(locale, finding.wrong_needs_comparison),
        FilterFault::UnclosedQuote => td_string!(locale, finding.wrong_unclosed_quote),
        FilterFault::UnclosedGroup => td_string!(locale, finding.wrong_unclosed_group),
        FilterFault::Unexpected => td_string!(locale, finding.wrong_unexpected),
        FilterFault::TooLong => td_string!(locale, finding.wrong_too_long),
    };
    let part = |from: usize, many: usize| search.chars().skip(from).take(many).collect::<String>();
    let before = part(0, wrong.at);
    let here = part(wrong.at, wrong.len);
    let here = if here.is_empty() {
        "␣".to_owned()
    } else {
        here
    };
    let after = part(wrong.at + wrong.len, usize::MAX);
    view! {
        <div class="banner bad" role="alert" id="wrong-search">
            <Shape mark=Mark::Failed/>
            <b>{words}</b>
            <code class="where">
                {before}
                <mark title=td_string!(locale, finding.wrong_here)>{here}</mark>
                {after}
            </code>
        </div>
    }
    .into_any()
}
