//! What happened to a device, newest first.

use domain::event::{DeviceEvent, Severity};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::words;
use crate::{
    i18n::use_i18n,
    parts::{Mark, Time, status_mark::Shape},
};

/// The latest events.
#[component]
pub fn Events(
    /// Newest first.
    events: Vec<DeviceEvent>,
    /// What leads on from the last of them.
    foot: AnyView,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <section class="card" id="events">
            <header><h2>{tu_string!(i18n, devices.events)}</h2></header>
            {if events.is_empty() {
                view! { <p class="mut pad">{tu_string!(i18n, devices.no_events)}</p> }.into_any()
            } else {
                view! {
                    <ol class="list events">
                        {events
                            .into_iter()
                            .map(|event| view! { <EventLine event/> })
                            .collect_view()}
                    </ol>
                }
                    .into_any()
            }}
            {foot}
        </section>
    }
}

/// One event: what, when, and its particulars below.
#[component]
pub fn EventLine(
    /// What happened.
    event: DeviceEvent,
    /// To what, where the page is not about it: the address and the name.
    #[prop(optional)]
    device: Option<(String, String)>,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let mark = match event.severity {
        Severity::Info => Mark::Done,
        Severity::Warning => Mark::Warning,
        Severity::Alarm => Mark::Alarm,
    };
    let words = words::event(locale, event.kind);
    let particulars = words::particulars(locale, &event);
    let count = event.count;
    view! {
        <li>
            <Shape mark=Signal::stored(mark)/>
            <div>
                {device.map(|(href, name)| view! { <a class="strong" href=href>{name}</a> })}
                <b>{words}</b>
                {(count > 1)
                    .then(|| {
                        view! { <span class="tag">{tu_string!(i18n, devices.times, n = count).to_string()}</span> }
                    })}
                <span class="push xs">
                    <Time at=Signal::stored(Some(event.at))/>
                </span>
                {(!particulars.is_empty())
                    .then(|| view! { <span class="about-it">{particulars}</span> })}
            </div>
        </li>
    }
}
