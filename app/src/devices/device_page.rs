//! One device: what it is, what it measures now, what it did and was told.

use domain::{
    AppError, DeviceId,
    device::{DeviceDetail, DeviceSummary},
    live::Subject,
};
use leptos::{prelude::*, reactive::computed::ScopedFuture};
use leptos_i18n::tu_string;
use leptos_router::hooks::use_params_map;

use super::{
    device_beside::beside,
    device_manage::{ManageForms, manage},
    device_record::{RecordOf, record},
    device_state::{TilesOf, tiles},
    label::{MadeBy, made_label},
    server_fns::{CancelCommand, SetComponent, read_device},
    twin_server_fns::{DesireState, LetGo, TryAgain},
    words,
};
use crate::{
    Failure,
    form::FormState,
    frame::live_mark::{LiveStatus, use_live_slot},
    i18n::use_i18n,
    live::watch,
    parts::{ErrorNotice, NotFoundPage, PageTitle, StatusMark, Time, later::later},
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
    let set = FormState::of::<SetComponent>();
    let cancel = FormState::of::<CancelCommand>();
    let forms = ManageForms::here();
    let twin = [
        FormState::of::<LetGo>(),
        FormState::of::<DesireState>(),
        FormState::of::<TryAgain>(),
    ];
    let changed = watch(move || Some(Subject::Device { device: id }));
    let device = Resource::new_blocking(
        move || {
            let own = (set.times_done(), cancel.times_done(), forms.times_done());
            let twin = twin.map(|form| form.times_done());
            (own, twin, changed.get())
        },
        move |_| read_device(id),
    );
    view! {
        <Transition>
            {move || Suspend::new(
                // What changes later changes on the page: nothing that is typed or focused is lost.
                ScopedFuture::new_untracked(async move {
                    match device.await {
                        Ok(first) => view! { <Page id first device changed set cancel forms twin/> }.into_any(),
                        Err(Failure(AppError::NotFound)) => view! { <NotFoundPage/> }.into_any(),
                        Err(Failure(error)) => {
                            view! { <ErrorNotice error=Signal::stored(Some(error))/> }.into_any()
                        }
                    }
                }),
            )}
        </Transition>
    }
}

#[component]
fn Page(
    id: DeviceId,
    first: DeviceDetail,
    device: Resource<Result<DeviceDetail, Failure>>,
    changed: Signal<u64>,
    set: FormState,
    cancel: FormState,
    forms: ManageForms,
    twin: [FormState; 3],
) -> impl IntoView {
    let i18n = use_i18n();
    let shown = RwSignal::new(first);
    let failed = RwSignal::new(None);
    Effect::new(move |_| match device.get() {
        Some(Ok(view)) => {
            failed.set(None);
            if *shown.read_untracked() != view {
                shown.set(view);
            }
        }
        Some(Err(Failure(error))) => failed.set(Some(error)),
        None => {}
    });
    let live = use_live_slot().0;
    let unread = Signal::derive(move || {
        // A lost connection is said in the frame, with the age of the picture, and the page is read again
        // when it is back.
        let lost = matches!(live.get(), LiveStatus::Lost { .. });
        failed
            .get()
            .filter(|error| !(lost && *error == AppError::Unavailable))
    });
    let detail = Memo::new(move |_| shown.get());
    let [let_go, desire, again] = twin;
    let state = TilesOf {
        id,
        detail,
        set,
        let_go,
        desire,
        again,
    };
    let of = RecordOf {
        id,
        detail,
        changed,
        set,
        cancel,
        failed,
    };
    let label_of = MadeBy {
        renew: forms.relabel,
        register: None,
    };
    let gone = Memo::new(move |_| *failed.read() == Some(AppError::NotFound));
    view! {
        {move || match gone.get() {
            true => view! { <NotFoundPage/> }.into_any(),
            false => view! {
                <ErrorNotice error=unread/>
                {move || view! { <Head summary=detail.read().summary.clone()/> }}
                {later(move || made_label(Box::new(label_of)))}
                <div class="columns">
                    <div>
                        <h2>{tu_string!(i18n, devices.state)}</h2>
                        <ErrorNotice error=set.error/>
                        {later(move || tiles(Box::new(state)))}
                        {later(move || record(Box::new(of)))}
                    </div>
                    <div>
                        {later(move || manage(Box::new((id, detail, forms))))}
                        {later(move || beside(Box::new((id, changed))))}
                    </div>
                </div>
            }.into_any(),
        }}
    }
}

#[component]
fn Head(summary: DeviceSummary) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let mark = words::mark(&summary);
    let word = words::status(locale, &summary).to_owned();
    let why = words::why(locale, &summary).to_owned();
    let since = summary.presence.since;
    let name = summary.name;
    view! {
        <PageTitle text=name.clone()/>
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
