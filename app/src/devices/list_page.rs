//! The list of devices: filters, order and page are in the address, and every one of them is a link.

use domain::{finding::Column, live::Subject};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::hooks::use_query_map;

use super::{
    finding_server_fns::{Found, list_devices},
    list_around::{Around, above, below},
    list_bulk::Bulk,
    list_nothing::nothing,
    list_pick::Picked,
    list_tools,
    list_views::Keeping,
    list_wrong,
    query::{self, View},
};
use crate::{
    i18n::use_i18n,
    live::watch,
    parts::{Draw, ErrorNotice, Icon, PageTitle, Pagination, later::later},
    session::use_me,
};

#[cfg(feature = "hydrate")]
use crate::{
    i18n::Locale,
    parts::clock::{ago, use_now},
};

/// The list of devices.
#[component]
pub fn DeviceListPage() -> impl IntoView {
    let i18n = use_i18n();
    let map = use_query_map();
    let view = Memo::new(move |_| query::read(&map.read()));
    let locale = i18n.get_locale_untracked();
    // All that the list is drawn by: its rows come with each answer and are not kept, so that another density is
    // another answer too.
    let asked = Memo::new(move |_| {
        view.with(|view| (view.query.clone(), view.named_columns(), view.compact))
    });
    let (bulk, keeping) = (Bulk::new(), Keeping::new());
    let picked = Picked::default();
    let shown = RwSignal::new(Vec::new());
    let changed = watch(move || {
        let ids = shown.get();
        (!ids.is_empty()).then_some(Subject::Devices { ids })
    });
    let devices = Resource::new_blocking(
        move || {
            let done = (bulk.times_done(), keeping.times_done());
            (asked.get(), changed.get(), done)
        },
        move |((query, columns, _), ..)| async move {
            let answer = list_devices(query, columns, locale).await;
            answer.map(|(found, rows)| Found {
                rows: Some(rows),
                ..found
            })
        },
    );
    Effect::new(move || {
        if let Some(Ok(found)) = &*devices.read()
            && *shown.read_untracked() != found.devices
        {
            shown.set(found.devices.clone());
        }
    });
    let admin = use_me().role.is_admin();
    // Before what comes later: both sides count what they read.
    let rows = view! {
        <Transition>
            {move || Suspend::new(async move {
                match devices.await {
                    Ok(found) => list(&view.get_untracked(), found, admin, picked),
                    Err(failure) => {
                        view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                    }
                }
            })}
        </Transition>
    };
    let around = Around {
        view,
        devices,
        bulk,
        keeping,
        picked,
        shown,
    };
    view! {
        <PageTitle text=tu_string!(i18n, frame.devices)/>
        <div class="head">
            <h1>{tu_string!(i18n, frame.devices)}</h1>
            <div class="acts">
                <a class="btn" href=move || view.read().charts()>
                    <Draw icon=Icon::Activity/>
                    {tu_string!(i18n, finding.charts)}
                </a>
                <a class="btn" download rel="external" href=move || view.read().export()>
                    <Draw icon=Icon::Download/>
                    {tu_string!(i18n, finding.export)}
                </a>
                {admin
                    .then(|| {
                        view! {
                            <a class="btn" href="/devices/new">
                                {tu_string!(i18n, devices.preregister)}
                            </a>
                        }
                    })}
                <a class="btn pri" href="/claim">
                    <Draw icon=Icon::Plus/>
                    {tu_string!(i18n, devices.claim)}
                </a>
            </div>
        </div>
        {later(move || above(Box::new(around)))}
        {rows}
        {later(move || below(Box::new(around)))}
    }
}

fn list(shown: &View, found: Found, admin: bool, picked: Picked) -> AnyView {
    let i18n = use_i18n();
    let Found {
        devices: ids,
        rows,
        total,
        page,
        page_size,
        wrong,
        ..
    } = found;
    let query = shown.query.clone();
    if let Some(wrong) = wrong {
        return later(move || list_wrong::notice(Box::new((query.search, wrong))));
    }
    if ids.is_empty() {
        let filtered = !(query.search.is_empty()
            && query.presence.is_empty()
            && query.lifecycle.is_empty()
            && query.kind.is_empty());
        return later(move || nothing(Box::new((filtered, admin))));
    }
    let locale = i18n.get_locale_untracked();
    let all = move || ids.iter().all(|id| picked.0.read().contains(id));
    // The rows that the server drew are left as they are: what is in the page already is not put in again.
    let rows = rows.map(|rows| picked.tick(rows)).unwrap_or_default();
    #[cfg(feature = "hydrate")]
    {
        let now = use_now().0;
        Effect::new(move || tell_times(locale, now.get()));
        Effect::new(move || picked.take_over());
    }
    let href = {
        let shown = shown.clone();
        Callback::new(move |page| {
            let mut next = shown.clone();
            next.query.page = page;
            next.href()
        })
    };
    let heads = shown
        .columns
        .iter()
        .map(|column| {
            let class = match column {
                Column::Value | Column::State(_) => "r",
                Column::Version | Column::Hardware | Column::Owner => "wideonly",
                _ => "",
            };
            view! { <th scope="col" class=class>{list_tools::column_name(locale, column)}</th> }
        })
        .collect_view();
    let density = shown.compact.then_some("compact");
    view! {
        <section class="card devices" data-density=density>
            <div class="tablebox">
                <table class="grid entries">
                    <thead>
                        <tr>
                            <th scope="col">
                                <label class="pick scripted">
                                    <input
                                        type="checkbox"
                                        aria-label=tu_string!(i18n, jobs.pick_page)
                                        prop:checked=all
                                        on:change=move |event| picked.tick_page(event_target_checked(&event))
                                    />
                                </label>
                                {tu_string!(i18n, devices.name)}
                            </th>
                            {heads}
                        </tr>
                    </thead>
                    <tbody inner_html=rows on:change=move |event| picked.note(&event)></tbody>
                </table>
            </div>
            <Pagination total page page_size href/>
        </section>
    }
    .into_any()
}

/// Tells the times of the rows that are shown anew.
#[cfg(feature = "hydrate")]
fn tell_times(locale: Locale, now_ms: i64) {
    use wasm_bindgen::JsCast as _;
    let Ok(times) = document().query_selector_all("time[data-at]") else {
        return;
    };
    for index in 0..times.length() {
        let element = times.item(index).and_then(|node| node.dyn_into().ok());
        let Some::<web_sys::Element>(element) = element else {
            continue;
        };
        let at = element.get_attribute("data-at");
        let Some(at) = at.and_then(|at| at.parse::<i64>().ok()) else {
            continue;
        };
        let words = ago(locale, now_ms - at);
        if element.text_content().as_deref() != Some(&words) {
            element.set_text_content(Some(&words));
        }
    }
}
