//! The change under way with its steps, and the changes before.

use domain::{
    DeviceId, TimestampMs,
    command::{Command, CommandState},
    device::SaidNetwork,
};
use leptos::prelude::*;
use leptos_i18n::td_string;

use crate::{
    commands::words,
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::{ErrorNotice, Time, status_mark::Shape},
};

/// The name of the network that a change leads to.
pub(super) fn ssid(change: &Command) -> String {
    let name = change.arguments.get("ssid");
    name.and_then(serde_json::Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Where a change stands.
fn state(locale: Locale, change: &Command) -> &'static str {
    match change.state {
        CommandState::Executing => td_string!(locale, wifi.trying),
        CommandState::Completed => td_string!(locale, wifi.moved),
        CommandState::Failed if is_back(change) => td_string!(locale, wifi.returned),
        other => words::state(locale, other),
    }
}

/// Whether the device has tried it and is on its former network again.
fn is_back(change: &Command) -> bool {
    let reason = change.reason.as_deref().unwrap_or_default();
    reason.starts_with("server_not_reached") || reason.starts_with("not_joined")
}

/// What the device is doing.
fn now(locale: Locale, change: &Command, online: bool) -> &'static str {
    match (change.state, online) {
        (CommandState::Queued, false) => td_string!(locale, wifi.now_waits),
        (CommandState::Executing, true) => td_string!(locale, wifi.now_joins),
        (CommandState::Executing, false) => td_string!(locale, wifi.now_away),
        _ => td_string!(locale, wifi.now_told),
    }
}

/// The change under way, step by step.
pub(super) fn under_way(
    locale: Locale,
    id: DeviceId,
    change: &Command,
    online: bool,
    cancel: FormState,
) -> AnyView {
    let title = td_string!(locale, wifi.moving, ssid = ssid(change)).to_string();
    let command = change.id.to_string();
    let taken_back = (change.state == CommandState::Queued).then(|| {
        view! {
            <PostForm form=cancel>
                <input type="hidden" name="id" value=id.to_string()/>
                <input type="hidden" name="command" value=command/>
                <button class="btn sm" type="submit">{td_string!(locale, commands.cancel)}</button>
            </PostForm>
        }
    });
    view! {
        <section class="card commands">
            <header><h2>{title}</h2></header>
            <div class="pad form">
                <ErrorNotice error=cancel.error/>
                {steps(locale, change)}
                <p role="status">{now(locale, change, online)}</p>
                {taken_back}
            </div>
        </section>
    }
    .into_any()
}

/// The steps that a change has taken, and those that are before it.
fn steps(locale: Locale, change: &Command) -> AnyView {
    let way = [
        (
            CommandState::Queued,
            Some(change.queued_at),
            td_string!(locale, wifi.sent),
        ),
        (
            CommandState::Delivered,
            change.delivered_at,
            words::state(locale, CommandState::Delivered),
        ),
        (
            CommandState::Executing,
            change.executing_at,
            td_string!(locale, wifi.trying),
        ),
    ];
    let at = match change.state {
        // Between being told and beginning: the device has it.
        CommandState::Accepted => CommandState::Delivered,
        other => other,
    };
    let end = match change.state.is_final() {
        true => state(locale, change),
        false => td_string!(locale, wifi.moved),
    };
    let end_class = match change.state {
        CommandState::Completed => "s1",
        state if state.is_final() => "s3",
        _ => "",
    };
    let steps = way
        .into_iter()
        .filter(|(_, moment, _)| moment.is_some() || !change.state.is_final())
        .map(|(step, moment, words)| {
            let class = match moment {
                None => "",
                Some(_) if step == at => "s2",
                Some(_) => "s1",
            };
            line(class, words, moment, change.queued_at)
        })
        .collect_view();
    view! {
        <ol class="steps">{steps} {line(end_class, end, change.finished_at, change.queued_at)}</ol>
    }
    .into_any()
}

fn line(
    class: &'static str,
    words: &'static str,
    at: Option<TimestampMs>,
    start: TimestampMs,
) -> AnyView {
    let after = match at.map(|at| at.since(start) / 1_000) {
        None | Some(0) => String::new(),
        Some(seconds) => format!("+{seconds} s"),
    };
    view! {
        <li class=class>
            <i></i>
            {words}
            " "
            <span class="num mut">{after}</span>
        </li>
    }
    .into_any()
}

/// The network that the device is on: as it said itself, or else as far as it was moved from here.
pub(super) fn network(
    locale: Locale,
    told: Option<&SaidNetwork>,
    done: Option<&Command>,
) -> AnyView {
    let (known, said) = match (told, done) {
        (Some(told), _) => (
            Some(as_told(locale, told)),
            td_string!(locale, wifi.as_told),
        ),
        (None, Some(done)) => (
            Some(as_moved(locale, done)),
            td_string!(locale, wifi.from_here),
        ),
        (None, None) => (None, td_string!(locale, wifi.unknown)),
    };
    view! {
        <section class="card">
            <header><h2>{td_string!(locale, wifi.network)}</h2></header>
            <div class="pad form">
                {known}
                <p class="mut xs">{said}</p>
            </div>
        </section>
    }
    .into_any()
}

/// What the device said. A network's name is whatever somebody called it, and kept from the text around it.
fn as_told(locale: Locale, told: &SaidNetwork) -> AnyView {
    let joined = match told.ssid.clone() {
        Some(name) => view! { <b><bdi>{name}</bdi></b> }.into_any(),
        None => view! { <span class="mut">{td_string!(locale, wifi.not_told)}</span> }.into_any(),
    };
    let interface = told.interface.clone().map(|name| {
        view! {
            <dt>{td_string!(locale, wifi.interface)}</dt>
            <dd class="mono"><bdi>{name}</bdi></dd>
        }
    });
    let at = Some(told.said_at);
    view! {
        <dl class="facts">
            <dt>{td_string!(locale, wifi.ssid)}</dt>
            <dd>{joined}</dd>
            {interface}
            <dt>{td_string!(locale, wifi.told_at)}</dt>
            <dd><Time at=Signal::stored(at)/></dd>
        </dl>
    }
    .into_any()
}

/// The last change from here that was done.
fn as_moved(locale: Locale, done: &Command) -> AnyView {
    let (name, since) = (ssid(done), done.finished_at);
    view! {
        <dl class="facts">
            <dt>{td_string!(locale, wifi.ssid)}</dt>
            <dd><b>{name}</b></dd>
            <dt>{td_string!(locale, wifi.since)}</dt>
            <dd><Time at=Signal::stored(since)/></dd>
        </dl>
    }
    .into_any()
}

/// The changes that have ended, as a part of their own: it brings the words of every reason.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn ended(changes: Box<Memo<Vec<Command>>>) -> AnyView {
    listed(*changes)
}

/// The changes that have ended. Without the hint that would have them loaded before the page.
#[cfg(not(feature = "hydrate"))]
#[allow(
    clippy::unused_async,
    reason = "a part is waited for where it is loaded"
)]
pub(super) async fn ended(changes: Box<Memo<Vec<Command>>>) -> AnyView {
    listed(*changes)
}

fn listed(changes: Memo<Vec<Command>>) -> AnyView {
    let locale = use_i18n().get_locale_untracked();
    (move || history(locale, &changes.read())).into_any()
}

/// The changes that have ended, newest first.
fn history(locale: Locale, changes: &[Command]) -> AnyView {
    let rows: Vec<_> = changes
        .iter()
        .filter(|change| change.state.is_final())
        .map(|change| row(locale, change))
        .collect();
    let none = rows
        .is_empty()
        .then(|| view! { <p class="mut pad">{td_string!(locale, wifi.none)}</p> });
    view! {
        <section class="card commands wifi-changes">
            <header><h2>{td_string!(locale, wifi.changes)}</h2></header>
            {none}
            <ol class="list">{rows}</ol>
        </section>
    }
    .into_any()
}

fn row(locale: Locale, change: &Command) -> AnyView {
    let by = td_string!(locale, commands.by, name = change.created_by.clone()).to_string();
    let reason = change.reason.as_ref().map(|code| {
        let words = words::reason(locale, code);
        view! { <p class="mut xs" title=code.clone()>{words}</p> }
    });
    view! {
        <li>
            <div class="what">
                <Shape mark=Signal::stored(words::mark(change.state))/>
                <b>{ssid(change)}</b>
                <span class="mut">{by}</span>
                <span class="mut push xs nw">
                    <Time at=Signal::stored(change.finished_at)/>
                </span>
            </div>
            {steps(locale, change)}
            {reason}
        </li>
    }
    .into_any()
}
