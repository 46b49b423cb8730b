//! What the states of a command are called, and why one did not succeed.

use domain::command::CommandState;
use leptos_i18n::td_string;

use crate::{i18n::Locale, parts::Mark};

pub(crate) fn state(locale: Locale, state: CommandState) -> &'static str {
    match state {
        CommandState::Queued => td_string!(locale, commands.queued),
        CommandState::Delivered => td_string!(locale, commands.delivered),
        CommandState::Accepted => td_string!(locale, commands.accepted),
        CommandState::Executing => td_string!(locale, commands.executing),
        CommandState::Completed => td_string!(locale, commands.completed),
        CommandState::Failed => td_string!(locale, commands.failed),
        CommandState::Rejected => td_string!(locale, commands.rejected),
        CommandState::Expired => td_string!(locale, commands.expired),
        CommandState::TimedOut => td_string!(locale, commands.timed_out),
        CommandState::Cancelled => td_string!(locale, commands.cancelled),
    }
}

pub(crate) fn mark(state: CommandState) -> Mark {
    match state {
        CommandState::Completed => Mark::Done,
        CommandState::Failed | CommandState::Rejected => Mark::Failed,
        CommandState::Expired | CommandState::TimedOut => Mark::Warning,
        CommandState::Cancelled | CommandState::Queued => Mark::Offline,
        _ => Mark::Working,
    }
}

/// Why a command did not succeed. A device says a code, then what it wants to add (`no_driver: …`), for one component
/// or for several with their keys before it (`led: no_driver: …; pump: …`): what is known is said in words, the rest
/// as it was said.
pub(crate) fn reason(locale: Locale, said: &str) -> String {
    let parts: Vec<_> = said.split("; ").map(|part| one(locale, part)).collect();
    parts.join("; ")
}

fn one(locale: Locale, said: &str) -> String {
    if let Some(words) = in_words(locale, said) {
        return words;
    }
    match said.split_once(": ") {
        Some((component, rest)) if !component.contains(' ') => match in_words(locale, rest) {
            Some(words) => format!("{component}: {words}"),
            None => said.to_owned(),
        },
        _ => said.to_owned(),
    }
}

/// The words of the most exact code that it begins with; none where it begins with none.
fn in_words(locale: Locale, said: &str) -> Option<String> {
    let (code, rest) = match said.split_once(": ") {
        Some((code, rest)) => (code, Some(rest)),
        None => (said, None),
    };
    let (words, says_all) = known(locale, code)?;
    let Some(rest) = rest else {
        return Some(words.to_owned());
    };
    match in_words(locale, rest) {
        Some(exact) => Some(exact),
        None if says_all => Some(words.to_owned()),
        None => Some(format!("{words} ({rest})")),
    }
}

/// The words of a code, and whether they say all that its device adds to it.
fn known(locale: Locale, code: &str) -> Option<(&'static str, bool)> {
    let all = |words| Some((words, true));
    let more = |words| Some((words, false));
    match code {
        "offline" => all(td_string!(locale, commands.why_offline)),
        "no_turn" => all(td_string!(locale, commands.why_no_turn)),
        "no_answer" => all(td_string!(locale, commands.why_no_answer)),
        "expired" => all(td_string!(locale, commands.why_expired)),
        "not_taken" => all(td_string!(locale, commands.why_not_taken)),
        "not_allowed" => all(td_string!(locale, commands.why_not_allowed)),
        "device_not_claimed" => all(td_string!(locale, commands.why_not_claimed)),
        "not_attached" | "unknown_component" => all(td_string!(locale, commands.why_not_attached)),
        "not_an_actuator" => all(td_string!(locale, commands.why_not_an_actuator)),
        "no_level" => all(td_string!(locale, commands.why_no_level)),
        "device_revoked" => all(td_string!(locale, commands.why_device_revoked)),
        "ownership_changed" => all(td_string!(locale, commands.why_ownership_changed)),
        "unknown_command" => all(td_string!(locale, commands.why_unknown_command)),
        "interrupted" => all(td_string!(locale, commands.why_interrupted)),
        "detached" => all(td_string!(locale, commands.why_detached)),
        "no_component_key" => all(td_string!(locale, commands.why_no_component_key)),
        "unsupported_value" => more(td_string!(locale, commands.why_unsupported_value)),
        "no_driver" => more(td_string!(locale, commands.why_no_driver)),
        "unreadable" => more(td_string!(locale, commands.why_unreadable)),
        "no_wifi" => more(td_string!(locale, commands.why_no_wifi)),
        "not_joined" => more(td_string!(locale, commands.why_not_joined)),
        "not_restored" => more(td_string!(locale, commands.why_not_restored)),
        "server_not_reached" => all(td_string!(locale, commands.why_server_not_reached)),
        "wrong_password" => all(td_string!(locale, commands.why_wrong_password)),
        "not_in_reach" => all(td_string!(locale, commands.why_not_in_reach)),
        "no_address" | "no_dhcp" => all(td_string!(locale, commands.why_no_address)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_said_in_words_and_the_rest_as_it_was_said() {
        let ko = |said| reason(Locale::ko, said);
        let en = |said| reason(Locale::en, said);
        assert_eq!(en("expired"), "its time ran out");
        assert_eq!(ko("unknown_command"), "기기가 모르는 명령");
        assert_eq!(
            en("not_joined: wrong_password: the password is wrong, or …"),
            "the password is wrong, or the network uses another kind of security"
        );
        assert_eq!(
            en("not_joined: NetworkManager gave the reason 43"),
            "the network could not be joined (NetworkManager gave the reason 43)"
        );
        assert_eq!(
            en("led: unknown_component; pump: the relay did not answer"),
            "led: it has no such component; pump: the relay did not answer"
        );
        for own in ["the relay did not answer", "", "E42: too hot: 90"] {
            assert_eq!((ko(own), en(own)), (own.to_owned(), own.to_owned()));
        }
    }
}
