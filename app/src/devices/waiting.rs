//! The devices that wait to be claimed: another code for one, labels of many. A browser loads them after the page.

use domain::{AppError, Page, device::DeviceSummary};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::{hooks::use_query_map, location::Url};

use super::{imports::server_fns::LabelDevices, server_fns::list_waiting};
use crate::{
    Failure,
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{ErrorNotice, Pagination, SearchForm, SubmitButton, Time},
    reading::{read_again, unanswered},
};

/// After which forms they are read again.
#[derive(Clone, Copy)]
pub(super) struct WaitingOf {
    /// The form that pre-registers one.
    pub(super) register: FormState,
    /// The form that gives another code.
    pub(super) renew: FormState,
}

/// Those that wait, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn waiting(of: Box<WaitingOf>) -> AnyView {
    drawn(*of).await
}

/// Those that wait. Without the hint that would have them loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn waiting(of: Box<WaitingOf>) -> AnyView {
    drawn(*of).await
}

async fn drawn(of: WaitingOf) -> AnyView {
    let WaitingOf { register, renew } = of;
    let labels = FormState::of::<LabelDevices>();
    let query = use_query_map();
    let search = Memo::new(move |_| query.read().get("q").unwrap_or_default());
    let page = Memo::new(move |_| {
        let number = query.read().get("page").and_then(|page| page.parse().ok());
        number.unwrap_or(1_u32)
    });
    let asked = Memo::new(move |_| {
        let done = (register.times_done(), renew.times_done());
        (search.get(), page.get(), done)
    });
    let known = asked.get_untracked();
    let shown = RwSignal::new(None::<(String, Page<DeviceSummary>)>);
    let failed = RwSignal::new(None::<AppError>);
    let take = move |search: String, answer: Result<Page<DeviceSummary>, Failure>| match answer {
        Ok(found) => {
            failed.set(None);
            let next = Some((search, found));
            if *shown.read_untracked() != next {
                shown.set(next);
            }
        }
        Err(Failure(error)) => failed.set(Some(error)),
    };
    take(
        known.0.clone(),
        list_waiting(known.0.clone(), known.1).await,
    );
    read_again(
        asked,
        Some(known),
        |(search, page, _)| list_waiting(search, page),
        move |(search, ..), answer| {
            if !unanswered(&answer) {
                take(search, answer);
            }
        },
    );
    let i18n = use_i18n();
    view! {
        <section class="card">
            <header><h2>{tu_string!(i18n, devices.waiting)}</h2></header>
            <ErrorNotice error=renew.error/>
            <ErrorNotice error=labels.error/>
            <div class="pad">
                <SearchForm action="/devices/new" find=tu_string!(i18n, devices.find) value=search/>
            </div>
            <ErrorNotice error=failed/>
            {move || shown.get().map(|(search, found)| waiting_list(found, search, renew, labels))}
        </section>
    }
    .into_any()
}

fn address(search: &str, page: u32) -> String {
    match search {
        "" => format!("/devices/new?page={page}"),
        search => format!("/devices/new?q={}&page={page}", Url::escape(search)),
    }
}

/// One page of those that wait, each with the way to another code.
fn waiting_list(
    found: Page<DeviceSummary>,
    search: String,
    renew: FormState,
    labels: FormState,
) -> AnyView {
    let i18n = use_i18n();
    if found.total == 0 {
        let text = match search.is_empty() {
            true => tu_string!(i18n, devices.no_waiting),
            false => tu_string!(i18n, devices.none_found),
        };
        return view! { <p class="mut pad">{text}</p> }.into_any();
    }
    let (total, page, page_size) = (found.total, found.page, found.page_size);
    let href = Callback::new(move |page| address(&search, page));
    let rows = found.items.into_iter().map(|device| {
        view! {
            <li class="line">
                <input
                    type="checkbox"
                    name="ids[]"
                    form="labels"
                    value=device.id.to_string()
                    aria-label=device.name.clone()
                />
                <a class="strong ell" href=format!("/devices/{}", device.id)>{device.name}</a>
                <span class="mono mut ell">{device.cpu_serial}</span>
                <span class="mut push xs nw">
                    <Time at=Signal::stored(Some(device.presence.since))/>
                </span>
                <PostForm form=renew>
                    <input type="hidden" name="id" value=device.id.to_string()/>
                    <button class="btn sm" type="submit">
                        {tu_string!(i18n, devices.new_code)}
                    </button>
                </PostForm>
            </li>
        }
    });
    let rows = rows.collect_view();
    view! {
        <ul class="list choose">{rows}</ul>
        <LabelChosen form=labels/>
        <Pagination total page page_size href/>
    }
    .into_any()
}

/// Prints labels of the chosen ones; the boxes beside them belong to this form.
#[component]
fn LabelChosen(form: FormState) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <details class="pad">
            <summary>{tu_string!(i18n, imports.label_chosen)}</summary>
            <p class="mut">{tu_string!(i18n, imports.label_chosen_what)}</p>
            <PostForm form id="labels">
                <SubmitButton
                    label=tu_string!(i18n, imports.label_button)
                    busy_label=tu_string!(i18n, frame.working)
                    busy=form.pending
                />
            </PostForm>
        </details>
    }
}
