//! The latest commands of a device with every step they have taken.

use domain::{
    DeviceId, TimestampMs,
    command::{Command, CommandState},
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};
use serde_json::Value;

use super::words;
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{ErrorNotice, Time, status_mark::Shape},
};

/// The latest commands.
#[component]
pub fn CommandHistory(
    /// The device.
    id: DeviceId,
    /// Newest first.
    commands: Vec<Command>,
    /// Whether this person may take one back.
    may_cancel: bool,
    /// The form that takes one back.
    cancel: FormState,
    /// What leads on from the last of them.
    #[prop(optional)]
    foot: Option<AnyView>,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <section class="card commands" id="commands">
            <header><h2>{tu_string!(i18n, commands.title)}</h2></header>
            <ErrorNotice error=cancel.error/>
            {if commands.is_empty() {
                view! { <p class="mut pad">{tu_string!(i18n, commands.none)}</p> }.into_any()
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
            {foot}
        </section>
    }
}

#[component]
fn Line(id: DeviceId, command: Command, may_cancel: bool, cancel: FormState) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let component = command.component.as_ref().map(ToString::to_string);
    let arguments = arguments(&command.arguments);
    let state = command.state;
    let progress = command
        .progress
        .filter(|_| state == CommandState::Executing)
        .map(|progress| format!("{progress} %"));
    let start = command.queued_at;
    let steps = steps(&command)
        .into_iter()
        .map(|(step, at)| {
            let class = match (at, step == state) {
                (None, _) => "",
                (Some(_), true) if !ended(state) => "s2",
                (Some(_), true) if state != CommandState::Completed => "s3",
                _ => "s1",
            };
            let after = match at.map(|at| at.since(start)) {
                None | Some(0) => String::new(),
                Some(ms) if ms < 10_000 => format!("+{ms} ms"),
                Some(ms) => format!("+{} s", ms / 1_000),
            };
            view! {
                <li class=class>
                    <i></i>
                    {words::state(locale, step)}
                    " "
                    <span class="num mut">{after}</span>
                </li>
            }
        })
        .collect_view();
    let by = td_string!(locale, commands.by, name = command.created_by).to_string();
    let waits = may_cancel && state == CommandState::Queued;
    let command_id = command.id;
    view! {
        <li>
            <div class="what">
                <Shape mark=Signal::stored(words::mark(state))/>
                <b>{command.name}</b>
                {component.map(|component| view! { <span class="mono">{component}</span> })}
                {arguments.map(|arguments| view! { <span class="tag">{arguments}</span> })}
                <span class="mut">{by}</span>
                <span class="num">{progress}</span>
                <span class="mut push xs nw">
                    <Time at=Signal::stored(Some(start))/>
                </span>
            </div>
            <ol class="steps">{steps}</ol>
            {command
                .reason
                .map(|code| {
                    let words = words::reason(locale, &code);
                    view! { <p class="mut xs" title=code>{words}</p> }
                })}
            {waits
                .then(|| {
                    view! {
                        <PostForm form=cancel>
                            <input type="hidden" name="id" value=id.to_string()/>
                            <input type="hidden" name="command" value=command_id.to_string()/>
                            <button class="btn sm" type="submit">
                                {tu_string!(i18n, commands.cancel)}
                            </button>
                        </PostForm>
                    }
                })}
        </li>
    }
}

/// What an actuator, or whatever a command is for, was told, where that is something.
pub(crate) fn arguments(arguments: &Value) -> Option<String> {
    let object = arguments.as_object().filter(|object| !object.is_empty())?;
    // `{"status": "ON"}` or `{"level": 40}` is all that most commands say.
    let only = object.iter().next().filter(|_| object.len() == 1);
    Some(match only.map(|(name, value)| (name.as_str(), value)) {
        Some(("status", Value::String(status))) => status.clone(),
        Some(("level", Value::Number(level))) => format!("{level} %"),
        _ => arguments.to_string(),
    })
}

fn ended(state: CommandState) -> bool {
    !matches!(
        state,
        CommandState::Queued
            | CommandState::Delivered
            | CommandState::Accepted
            | CommandState::Executing
    )
}

/// The steps that it has taken and when, and those that are still before it.
fn steps(command: &Command) -> Vec<(CommandState, Option<TimestampMs>)> {
    let way = [
        (CommandState::Queued, Some(command.queued_at)),
        (CommandState::Delivered, command.delivered_at),
        (CommandState::Accepted, command.accepted_at),
        (CommandState::Executing, command.executing_at),
    ];
    let end = match ended(command.state) {
        true => (command.state, command.finished_at),
        false => (CommandState::Completed, None),
    };
    let last = way.iter().rposition(|(_, at)| at.is_some()).unwrap_or(0);
    way.into_iter()
        .enumerate()
        .filter(|(index, (_, at))| at.is_some() || (!ended(command.state) && *index > last))
        .map(|(_, step)| step)
        .chain([end])
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_most_commands_say_reads_without_braces() {
        assert_eq!(arguments(&json!({})), None);
        let said = |value| arguments(&value).unwrap_or_default();
        assert_eq!(said(json!({ "status": "ON" })), "ON");
        assert_eq!(said(json!({ "level": 40 })), "40 %");
        assert_eq!(
            said(json!({ "level": 40, "ms": 9 })),
            r#"{"level":40,"ms":9}"#
        );
        assert_eq!(said(json!({ "text": "hello" })), r#"{"text":"hello"}"#);
    }
}
