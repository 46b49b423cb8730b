//! A device's Wi-Fi network: which it is, the way to another one, and how each change ended.

use domain::{AppError, DeviceId, command::CommandState, device::Presence, live::Subject};
use leptos::{prelude::*, reactive::computed::ScopedFuture};
use leptos_i18n::td_string;
use leptos_router::hooks::use_params_map;

use super::{
    changes,
    form::{FormOf, wifi_form},
    server_fns::{ChangeWifi, Wifi, read_wifi},
};
use crate::{
    Failure,
    devices::{server_fns::CancelCommand, words},
    form::FormState,
    i18n::use_i18n,
    live::watch,
    parts::{ErrorNotice, ForbiddenPage, NotFoundPage, PageTitle, StatusMark, later::later},
    reading::{read_again, unanswered},
};

/// A device's Wi-Fi network.
#[component]
pub fn WifiPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        let text = params.read().get("id").unwrap_or_default();
        text.parse::<DeviceId>().ok()
    });
    move || match id.get() {
        Some(id) => view! { <Network id/> }.into_any(),
        None => view! { <NotFoundPage/> }.into_any(),
    }
}

#[component]
fn Network(id: DeviceId) -> impl IntoView {
    let changed = watch(move || Some(Subject::Device { device: id }));
    let first = Resource::new_blocking(|| (), move |()| read_wifi(id));
    view! {
        <Transition>
            {move || Suspend::new(
                // What changes later changes on the page: nothing that is typed is lost.
                ScopedFuture::new_untracked(async move {
                    match first.await {
                        Ok(first) => drawn(id, first, changed),
                        Err(Failure(AppError::NotFound)) => view! { <NotFoundPage/> }.into_any(),
                        Err(Failure(AppError::Forbidden)) => view! { <ForbiddenPage/> }.into_any(),
                        Err(Failure(error)) => {
                            view! { <ErrorNotice error=Signal::stored(Some(error))/> }.into_any()
                        }
                    }
                }),
            )}
        </Transition>
    }
}

fn drawn(id: DeviceId, first: Wifi, changed: Signal<u64>) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let change = FormState::of::<ChangeWifi>();
    let cancel = FormState::of::<CancelCommand>();
    let name = first.device.name.clone();
    let shown = RwSignal::new(first);
    let failed = RwSignal::new(None::<AppError>);
    let asked = Memo::new(move |_| (change.times_done(), cancel.times_done(), changed.get()));
    let known = asked.get_untracked();
    read_again(
        asked,
        Some(known),
        move |_| read_wifi(id),
        move |_, answer| {
            if unanswered(&answer) {
                return;
            }
            match answer {
                Ok(wifi) => {
                    failed.set(None);
                    if *shown.read_untracked() != wifi {
                        shown.set(wifi);
                    }
                }
                Err(Failure(error)) => failed.set(Some(error)),
            }
        },
    );
    let device = Memo::new(move |_| shown.read().device.clone());
    let online = Memo::new(move |_| device.read().presence.presence != Presence::Offline);
    let under_way = Memo::new(move |_| shown.read().under_way().cloned());
    let busy = Memo::new(move |_| under_way.read().is_some());
    let network = Memo::new(move |_| {
        let shown = shown.read();
        (shown.said.clone(), shown.done.clone())
    });
    let ended = Memo::new(move |_| {
        let shown = shown.read();
        shown
            .changes
            .iter()
            .filter(|change| change.state.is_final())
            .cloned()
            .collect::<Vec<_>>()
    });
    // The last one that did not come about is what is tried again.
    let last = shown.with_untracked(|wifi| wifi.changes.first().cloned());
    let tried = last.filter(|change| change.state != CommandState::Completed);
    let form = FormOf {
        id,
        form: change,
        tried,
        online: online.into(),
    };
    let title = td_string!(locale, wifi.title).to_owned();
    view! {
        <PageTitle text=format!("{title} · {name}")/>
        <div class="head">
            <h1>{title}</h1>
            <div class="row">
                <a class="lnk" href=format!("/devices/{id}")>{name}</a>
                <StatusMark
                    mark=Signal::derive(move || words::mark(&device.read()))
                    word=Signal::derive(move || words::status(locale, &device.read()).to_owned())
                />
            </div>
        </div>
        <ErrorNotice error=failed/>
        <div class="columns">
            <div>
                {move || {
                    under_way
                        .get()
                        .map(|change| changes::under_way(locale, id, &change, online.get(), cancel))
                }}
                // While a change is under way there is no second one; what was typed stays for after it.
                <div hidden=move || busy.get()>{later(move || wifi_form(Box::new(form)))}</div>
            </div>
            <div>
                {move || {
                    network.with(|(said, done)| changes::network(locale, said.as_ref(), done.as_ref()))
                }}
                {later(move || changes::ended(Box::new(ended)))}
            </div>
        </div>
    }
    .into_any()
}
