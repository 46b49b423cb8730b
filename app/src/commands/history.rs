//! The latest commands of a device with every step they have taken.

use domain::{
    DeviceId,
    command::{Command, CommandState},
};
use leptos::prelude::*;
use leptos_i18n::{t, t_string, td_string};

use crate::{
    devices::server_fns::CancelCommand,
    i18n::{Locale, use_i18n},
    parts::{Mark, StatusMark, Time},
};

fn word(locale: Locale, state: CommandState) -> &'static str {
    match state {
        CommandState::Queued => td_string!(locale, commands.queued),
        CommandState::Delivered => td_string!(locale, commands.delivered),
        CommandState::Accepted => td_string!(locale, commands.accepted),
        CommandState::Executing => td_string!(locale, commands.executing),
        CommandState::Completed => td_string!(locale, commands.completed),
        CommandState::Failed => td_string!(locale, commands.failed),
        CommandState::Rejected => td_string!(locale, commands.rejected),
        CommandState::Expired => td_string!(locale, commands.expired),
        CommandState::Cancelled => td_string!(locale, commands.cancelled),
    }
}

fn mark(state: CommandState) -> Mark {
    match state {
        CommandState::Completed => Mark::Done,
        CommandState::Failed | CommandState::Rejected => Mark::Failed,
        CommandState::Expired => Mark::Warning,
        CommandState::Cancelled | CommandState::Queued => Mark::Offline,
        _ => Mark::Working,
    }
}

/// The latest commands.
#[component]
pub fn CommandHistory(
    /// The device.
    id: DeviceId,
    /// Newest first.
    commands: Vec<Command>,
    /// Whether this person may take one back.
    may_cancel: bool,
    /// Takes one back.
    cancel: ServerAction<CancelCommand>,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <section class="card commands">
            <h2>{t!(i18n, commands.title)}</h2>
            {if commands.is_empty() {
                view! { <p class="mut pad">{t!(i18n, commands.none)}</p> }.into_any()
            } else {
                view! {
                    <ol class="list">
                        {commands
                            .into_iter()
                            .map(|command| view! { <Line id command may_cancel cancel/> })
                            .collect_view()}
                    </ol>
                }
                    .into_any()
            }}
        </section>
    }
}

#[component]
fn Line(
    id: DeviceId,
    command: Command,
    may_cancel: bool,
    cancel: ServerAction<CancelCommand>,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let what = match &command.component {
        Some(component) => format!("{} {component}", command.name),
        None => command.name.clone(),
    };
    let arguments = match command.arguments.as_object() {
        Some(object) if !object.is_empty() => command.arguments.to_string(),
        _ => String::new(),
    };
    let state = command.state;
    let progress = command
        .progress
        .filter(|_| state == CommandState::Executing)
        .map(|progress| format!("{progress} %"));
    let steps = [
        (CommandState::Queued, Some(command.queued_at)),
        (CommandState::Delivered, command.delivered_at),
        (CommandState::Accepted, command.accepted_at),
        (CommandState::Executing, command.executing_at),
        (state, command.finished_at),
    ];
    let start = command.queued_at;
    let steps = steps
        .into_iter()
        .filter_map(|(step, at)| Some((step, at?)))
        .map(|(step, at)| {
            let after = match at.since(start) {
                0 => String::new(),
                ms if ms < 10_000 => format!(" +{ms} ms"),
                ms => format!(" +{} s", ms / 1_000),
            };
            view! {
                <li>
                    {word(locale, step)}
                    <span class="num mut">{after}</span>
                </li>
            }
        })
        .collect_view();
    let by = t_string!(i18n, commands.by, name = command.created_by).to_string();
    let waits = may_cancel && state == CommandState::Queued;
    let command_id = command.id;
    view! {
        <li>
            <div class="row">
                <StatusMark
                    mark=Signal::stored(mark(state))
                    word=Signal::stored(word(locale, state).to_owned())
                />
                <b>{what}</b>
                <code class="ell">{arguments}</code>
                <span class="num">{progress}</span>
                <span class="mut push nw">
                    <Time at=Signal::stored(Some(start))/>
                </span>
            </div>
            <ol class="steps">{steps}</ol>
            <p class="mut xs">{by} {command.reason.map(|reason| format!(" · {reason}"))}</p>
            {waits
                .then(|| {
                    view! {
                        <ActionForm action=cancel>
                            <input type="hidden" name="id" value=id.to_string()/>
                            <input type="hidden" name="command" value=command_id.to_string()/>
                            <button class="btn sm" type="submit">
                                {t!(i18n, commands.cancel)}
                            </button>
                        </ActionForm>
                    }
                })}
        </li>
    }
}
