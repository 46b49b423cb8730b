//! What an error says to a person: what happened, and what to do.

use domain::AppError;
use leptos::prelude::*;
use leptos_i18n::td_string;

use crate::i18n::Locale;

/// One line: what happened.
pub fn title(locale: Locale, error: &AppError) -> String {
    match error {
        AppError::NotFound => td_string!(locale, errors.not_found_title),
        AppError::Invalid { .. } => td_string!(locale, errors.invalid_title),
        AppError::Forbidden => td_string!(locale, errors.forbidden_title),
        AppError::SignedOut => td_string!(locale, errors.signed_out_title),
        AppError::Conflict { .. } => td_string!(locale, errors.conflict_title),
        AppError::Gone => td_string!(locale, errors.gone_title),
        AppError::TooMany { .. } => td_string!(locale, errors.too_many_title),
        AppError::Unavailable => td_string!(locale, errors.unavailable_title),
        AppError::Internal { .. } => td_string!(locale, errors.internal_title),
    }
    .to_string()
}

/// One or two sentences: what to do.
pub fn text(locale: Locale, error: &AppError) -> String {
    match error {
        AppError::Invalid { message, .. } | AppError::Conflict { message } => {
            field_text(locale, message)
        }
        other => general(locale, other),
    }
}

/// The same for a view. The sentences about what was typed are many and rare: a browser loads them with the first
/// of them. What is said when the server is away is there.
pub fn told(locale: Locale, error: &AppError) -> Signal<String> {
    match error {
        AppError::Invalid { message, .. } | AppError::Conflict { message } => {
            sentence(locale, message)
        }
        other => Signal::stored(general(locale, other)),
    }
}

/// The sentence of a message key for a view.
#[cfg(not(feature = "hydrate"))]
pub fn sentence(locale: Locale, key: &str) -> Signal<String> {
    Signal::stored(field_text(locale, key))
}

/// The sentence of a message key for a view; nothing until it is loaded.
#[cfg(feature = "hydrate")]
pub fn sentence(locale: Locale, key: &str) -> Signal<String> {
    coming(sentences(Box::new((locale, key.to_owned()))))
}

/// The sentences of message keys, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
async fn sentences(of: Box<(Locale, String)>) -> String {
    let (locale, key) = *of;
    field_text(locale, &key)
}

/// The text that `load` gives; nothing until then.
#[cfg(feature = "hydrate")]
pub(crate) fn coming(load: impl Future<Output = String> + 'static) -> Signal<String> {
    let text = RwSignal::new(String::new());
    leptos::task::spawn_local(async move {
        let loaded = load.await;
        // The view that asked may be gone meanwhile.
        let _ = text.try_set(loaded);
    });
    text.into()
}

/// What is said of an error that is about nothing in particular.
fn general(locale: Locale, error: &AppError) -> String {
    match error {
        AppError::NotFound => td_string!(locale, errors.not_found).to_string(),
        AppError::Invalid { .. } | AppError::Conflict { .. } => {
            td_string!(locale, errors.invalid).to_string()
        }
        AppError::Forbidden => td_string!(locale, errors.forbidden).to_string(),
        AppError::SignedOut => td_string!(locale, errors.signed_out).to_string(),
        AppError::Gone => td_string!(locale, errors.gone).to_string(),
        AppError::TooMany { retry_after_s } => {
            td_string!(locale, errors.too_many, seconds = *retry_after_s).to_string()
        }
        AppError::Unavailable => td_string!(locale, errors.unavailable).to_string(),
        AppError::Internal { .. } => td_string!(locale, errors.internal).to_string(),
    }
}

/// The sentence of a message key; a key that nobody wrote a sentence for reads as a general refusal.
pub fn field_text(locale: Locale, key: &str) -> String {
    match key {
        "email" => td_string!(locale, errors.email),
        "email_taken" => td_string!(locale, errors.email_taken),
        "password_length" => td_string!(locale, errors.password_length),
        "wrong_password" => td_string!(locale, errors.wrong_password),
        "days" => td_string!(locale, errors.days),
        "report_interval" => td_string!(locale, errors.report_interval),
        "wrong_current_password" => td_string!(locale, errors.wrong_current_password),
        "name" => td_string!(locale, errors.name),
        "name_characters" => td_string!(locale, errors.name_characters),
        "setup_code" => td_string!(locale, errors.setup_code),
        "already_set_up" => td_string!(locale, errors.already_set_up),
        "invitation_needed" => td_string!(locale, errors.invitation_needed),
        "invitation_email" => td_string!(locale, errors.invitation_email),
        "invitation" => td_string!(locale, errors.invitation),
        "registration_closed" => td_string!(locale, errors.registration_closed),
        "last_prime_admin" => td_string!(locale, errors.last_prime_admin),
        "own_account" => td_string!(locale, errors.own_account),
        "enrolment_code" => td_string!(locale, errors.enrolment_code),
        "variant_claimed" => td_string!(locale, errors.variant_claimed),
        "already_claimed" => td_string!(locale, errors.already_claimed),
        "finding_resolved" => td_string!(locale, errors.finding_resolved),
        "finding_open" => td_string!(locale, errors.finding_open),
        "act_does_not_apply" => td_string!(locale, errors.act_does_not_apply),
        "undo_too_late" => td_string!(locale, errors.undo_too_late),
        "enrolled_since" => td_string!(locale, errors.enrolled_since),
        "required" => td_string!(locale, errors.required),
        "serial" => td_string!(locale, errors.serial),
        "serial_known" => td_string!(locale, errors.serial_known),
        "uuid" => td_string!(locale, errors.uuid),
        "uuid_nil" => td_string!(locale, errors.uuid_nil),
        "uuid_known" => td_string!(locale, errors.uuid_known),
        "device_used" => td_string!(locale, errors.device_used),
        "unknown_component_type" => td_string!(locale, errors.unknown_component_type),
        "queue_full" => td_string!(locale, errors.queue_full),
        "command_delivered" => td_string!(locale, errors.command_delivered),
        "command_finished" => td_string!(locale, errors.command_finished),
        "not_an_actuator" => td_string!(locale, errors.not_an_actuator),
        "not_attached" => td_string!(locale, errors.not_attached),
        "nobody_reached" => td_string!(locale, errors.nobody_reached),
        "job_finished" => td_string!(locale, errors.job_finished),
        "json_object" => td_string!(locale, errors.json_object),
        "no_devices" => td_string!(locale, errors.no_devices),
        "unknown_device" => td_string!(locale, errors.unknown_device),
        "command_name" => td_string!(locale, errors.command_name),
        "too_many_chosen" => td_string!(locale, errors.too_many_chosen),
        "too_many_devices" => td_string!(locale, errors.too_many_devices),
        "too_many_watched" => td_string!(locale, errors.too_many_watched),
        "too_many_people" => td_string!(locale, errors.too_many_people),
        "whole_number" => td_string!(locale, errors.whole_number),
        "one_to_1000" => td_string!(locale, errors.one_to_1000),
        "at_most_an_hour" => td_string!(locale, errors.at_most_an_hour),
        "not_in_a_job" => td_string!(locale, errors.not_in_a_job),
        "at_most_10" => td_string!(locale, errors.at_most_10),
        "one_second_to_30_days" => td_string!(locale, errors.one_second_to_30_days),
        "moment" => td_string!(locale, errors.moment),
        "moment_past" => td_string!(locale, errors.moment_past),
        "moment_far" => td_string!(locale, errors.moment_far),
        "level" => td_string!(locale, errors.level),
        "no_level" => td_string!(locale, errors.no_level),
        "too_large" => td_string!(locale, errors.too_large),
        "value_type" => td_string!(locale, errors.value_type),
        "sure" => td_string!(locale, errors.sure),
        "too_many_keys" => td_string!(locale, errors.too_many_keys),
        "too_many_columns" => td_string!(locale, errors.too_many_columns),
        "too_many_views" => td_string!(locale, errors.too_many_views),
        "view_address" => td_string!(locale, errors.view_address),
        "no_such_person" => td_string!(locale, errors.no_such_person),
        "claimed_it" => td_string!(locale, errors.claimed_it),
        "tag" => td_string!(locale, errors.tag),
        "too_many_tags" => td_string!(locale, errors.too_many_tags),
        "undone_already" => td_string!(locale, errors.undone_already),
        "not_claimed" | "device_not_claimed" => td_string!(locale, errors.not_claimed),
        _ => td_string!(locale, errors.invalid),
    }
    .to_string()
}
