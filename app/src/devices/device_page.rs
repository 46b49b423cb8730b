//! One device: what it is, what it measures now, what it did and was told.

use domain::{DeviceId, device::DeviceDetail, live::Subject};
use leptos::prelude::*;
use leptos_i18n::t;
use leptos_router::hooks::use_params_map;

use super::{
    device_events::Events,
    device_manage::{About, Manage},
    device_state::StateTiles,
    server_fns::{CancelCommand, DeviceView, SetComponent, SetNickname, read_device},
    words,
};
use crate::{
    commands::history::CommandHistory,
    form::FormState,
    i18n::use_i18n,
    live::watch,
    parts::{ErrorNotice, NotFoundPage, PageTitle, StatusMark, Time},
    telemetry::history::History,
};

/// One device.
#[component]
pub fn DevicePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        let text = params.read().get("id").unwrap_or_default();
        text.parse::<DeviceId>().ok()
    });
    move || match id.get() {
        Some(id) => view! { <Device id/> }.into_any(),
        None => view! { <NotFoundPage/> }.into_any(),
    }
}

#[component]
fn Device(id: DeviceId) -> impl IntoView {
    let set = ServerAction::<SetComponent>::new();
    let cancel = ServerAction::<CancelCommand>::new();
    let name = ServerAction::<SetNickname>::new();
    let changed = watch(move || Some(Subject::Device { id }));
    let device = Resource::new_blocking(
        move || {
            let own = (
                set.version().get(),
                cancel.version().get(),
                name.version().get(),
            );
            (own, changed.get())
        },
        move |_| read_device(id),
    );
    let form = FormState::of_action("set_component", set);
    view! {
        <ErrorNotice error=form.error/>
        <Transition>
            {move || Suspend::new(async move {
                match device.await {
                    Ok(view) => view! { <Page id view set cancel name/> }.into_any(),
                    Err(failure) if failure.0 == domain::AppError::NotFound => {
                        view! { <NotFoundPage/> }.into_any()
                    }
                    Err(failure) => {
                        view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                    }
                }
            })}
        </Transition>
    }
}

#[component]
fn Page(
    id: DeviceId,
    view: DeviceView,
    set: ServerAction<SetComponent>,
    cancel: ServerAction<CancelCommand>,
    name: ServerAction<SetNickname>,
) -> impl IntoView {
    let i18n = use_i18n();
    let DeviceView {
        detail,
        commands,
        events,
    } = view;
    let components = detail.components.clone();
    let may_command = detail.may_command;
    view! {
        <Head detail=detail.clone()/>
        <div class="columns">
            <div>
                <h2>{t!(i18n, devices.state)}</h2>
                <StateTiles id detail=detail.clone() set/>
                <History id components/>
                <CommandHistory id commands may_cancel=may_command cancel/>
            </div>
            <div>
                <About detail=detail.clone() name/>
                <Events events/>
                <Manage id detail/>
            </div>
        </div>
    }
}

#[component]
fn Head(detail: DeviceDetail) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let summary = &detail.summary;
    let mark = words::mark(summary);
    let word = words::status(locale, summary).to_owned();
    let why = words::cause(locale, summary.presence.cause).to_owned();
    let since = summary.presence.since;
    let name = summary.name.clone();
    view! {
        <PageTitle text=Signal::stored(name.clone())/>
        <div class="head">
            <h1>{name}</h1>
            <div class="row">
                <StatusMark
                    mark=Signal::stored(mark)
                    word=Signal::stored(word)
                    why=Signal::stored(why)
                />
                <span class="mut">
                    <Time at=Signal::stored(Some(since))/>
                </span>
            </div>
        </div>
    }
}
