//! Forcing a state: a value set by hand, those that are forced now, and the way back.

use domain::DeviceId;
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};

use super::server_fns::{ForceState, Forcible, ReleaseState, read_forcible};
use crate::{
    devices::device_forced::forced_foot,
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::{ErrorNotice, Field, Select, SubmitButton, number::value_text},
    reading::read_again,
};

/// The fields whose errors stand beside them.
const FIELDS: &[&str] = &["value"];

/// The form and what is forced; it is read again when the device has moved on.
pub(super) fn force_form(id: DeviceId, first: Vec<Forcible>, changed: Signal<u64>) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let force = FormState::of::<ForceState>();
    let release = FormState::of::<ReleaseState>();
    let shown = RwSignal::new(first);
    let any = Memo::new(move |_| shown.read().iter().any(|value| value.forced.is_some()));
    // A report ends what is forced; nothing else here follows the device.
    let asked = Memo::new(move |_| {
        let moves = if any.get() { changed.get() } else { 0 };
        (force.times_done(), release.times_done(), moves)
    });
    let known = asked.get_untracked();
    read_again(
        asked,
        Some(known),
        move |_| read_forcible(id),
        move |_, answer| {
            if let Ok(values) = answer
                && *shown.read_untracked() != values
            {
                shown.set(values);
            }
        },
    );
    let keys = shown.with_untracked(|values| values.iter().map(option).collect::<Vec<_>>());
    let first = keys.first().map(|(key, _)| key.clone());
    view! {
        <section class="card pad anycommand forcing">
            <h2>{td_string!(locale, traffic.force)}</h2>
            <p class="mut">{td_string!(locale, traffic.force_what)}</p>
            <ErrorNotice error=force.other_error(FIELDS)/>
            <ErrorNotice error=release.error/>
            <PostForm form=force class="form">
                <input type="hidden" name="id" value=id.to_string()/>
                <Select
                    name="key"
                    label=td_string!(locale, traffic.force_key)
                    options=keys
                    form=force
                    value=first.unwrap_or_default()
                />
                <Field
                    name="value"
                    label=td_string!(locale, traffic.force_value)
                    hint=td_string!(locale, traffic.force_hint)
                    form=force
                    maxlength=64
                />
                <SubmitButton
                    label=td_string!(locale, traffic.force_button)
                    busy_label=td_string!(locale, frame.working)
                    busy=force.pending
                    class=""
                />
            </PostForm>
            <ul class="plain" aria-label=tu_string!(i18n, traffic.forced_now)>
                {move || {
                    let values = shown.get();
                    values
                        .into_iter()
                        .filter_map(|value| line(locale, id, &value, release))
                        .collect_view()
                }}
            </ul>
        </section>
    }
    .into_any()
}

fn option(value: &Forcible) -> (String, String) {
    let now = value.now.as_ref().map_or("–".to_owned(), value_text);
    (value.key.clone(), format!("{} ({now})", value.key))
}

fn line(locale: Locale, id: DeviceId, value: &Forcible, release: FormState) -> Option<AnyView> {
    let forced = value.forced.as_ref()?;
    let now = value.now.as_ref().map_or("–".to_owned(), value_text);
    let before = forced.before.as_ref().map_or("–".to_owned(), value_text);
    let reported = td_string!(locale, traffic.reported_was, value = before).to_string();
    let line = view! {
        <li>
            <p class="row">
                <span class="mono">{value.key.clone()}</span>
                <b class="num">{now}</b>
                <span class="mut">{reported}</span>
            </p>
            <p class="row">{forced_foot(locale, id, &value.key, forced, Some(release))}</p>
        </li>
    };
    Some(line.into_any())
}
