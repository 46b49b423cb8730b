//! The list of devices: filters, order and page are in the address, and every one of them is a link.

use domain::{
    device::{DeviceQuery, DeviceSort, Lifecycle, Presence, PresenceCounts},
    filter::FilterError,
    finding::Column,
    live::Subject,
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};
use leptos_router::hooks::use_query_map;

use super::{
    finding_server_fns::{Found, find_devices},
    list_bulk::{self, Bulk},
    list_pick::{self, Picked},
    list_rows, list_tools,
    list_views::{self, Keeping},
    list_wrong,
    query::{self, View},
};
use crate::{
    i18n::use_i18n,
    live::watch,
    parts::{
        Draw, Empty, ErrorNotice, Icon, PageTitle, Pagination, clock::use_now, number::grouped,
    },
    session::use_me,
};

/// The list of devices.
#[component]
pub fn DeviceListPage() -> impl IntoView {
    let i18n = use_i18n();
    let map = use_query_map();
    let view = Memo::new(move |_| query::read(&map.read()));
    let asked = Memo::new(move |_| view.with(|view| (view.query.clone(), view.keys())));
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
        |((query, keys), ..)| find_devices(query, keys),
    );
    Effect::new(move || {
        if let Some(Ok(found)) = &*devices.read() {
            let ids: Vec<_> = found.page.items.iter().map(|device| device.id).collect();
            if shown.get_untracked() != ids {
                shown.set(ids);
            }
        }
    });
    let admin = use_me().role.is_admin();
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
        {list_bulk::tagged(bulk)}
        {list_views::said(keeping)}
        <Transition>
            {move || Suspend::new(async move {
                match devices.await {
                    Ok(found) => list(view.get(), found, admin, bulk, keeping, picked),
                    Err(failure) => {
                        view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                    }
                }
            })}
        </Transition>
    }
}

fn list(
    shown: View,
    found: Found,
    admin: bool,
    bulk: Bulk,
    keeping: Keeping,
    picked: Picked,
) -> AnyView {
    let i18n = use_i18n();
    let Found {
        page,
        extras,
        counts,
        tags,
        views,
        filter,
        wrong,
    } = found;
    let query = shown.query.clone();
    let filtered =
        !query.search.is_empty() || !query.presence.is_empty() || !query.lifecycle.is_empty();
    let now = use_now().0;
    let locale = i18n.get_locale_untracked();
    let empty = page.items.is_empty();
    let items: Vec<_> = page.items.into_iter().zip(extras).collect();
    let columns = shown.columns.clone();
    let rows = move || {
        let picked = picked.0.read_untracked();
        list_rows::rows(
            i18n.get_locale_untracked(),
            now.get_untracked(),
            &columns,
            &items,
            &picked,
        )
    };
    #[cfg(feature = "hydrate")]
    Effect::new(move || list_rows::tell_times(i18n.get_locale_untracked(), now.get()));
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
        <Chips shown=shown.clone() counts/>
        {list_views::views(&shown, views, keeping)}
        <div class="filters">
            {searching(&shown, wrong)}
            <div class="tools">
                {list_tools::tag_menu(&shown, tags)}
                {list_tools::density(&shown)}
                {list_tools::column_menu(&shown)}
            </div>
        </div>
        {wrong.map(|wrong| list_wrong::notice(&query.search, wrong))}
        {match (wrong, empty) {
            (Some(_), _) => ().into_any(),
            (None, true) => view! { <Nothing filtered admin/> }.into_any(),
            (None, false) => view! {
                <section class="card devices" data-density=density>
                    <div class="tablebox">
                        <table class="grid entries">
                            <thead>
                                <tr>
                                    <th scope="col">{tu_string!(i18n, devices.name)}</th>
                                    {heads}
                                </tr>
                            </thead>
                            <tbody inner_html=rows on:change=move |event| picked.note(&event)></tbody>
                        </table>
                    </div>
                    {list_pick::bar(&filter, page.total, picked)}
                    {list_bulk::tag_all(filter, page.total, bulk)}
                    <Pagination total=page.total page=page.page page_size=page.page_size href/>
                </section>
            }
            .into_any(),
        }}
    }
    .into_any()
}

/// What is looked for and in which order; a form whose address is the list's.
fn searching(shown: &View, wrong: Option<FilterError>) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let (search, sort) = (shown.query.search.clone(), shown.query.sort);
    view! {
        <form class="filters" method="get" action="/devices" role="search">
            {list_tools::kept(shown, &["q", "sort"])}
            <span class="search inl wide">
                <Draw icon=Icon::Search/>
                <input
                    type="search"
                    name="q"
                    value=search
                    maxlength="1000"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-label=tu_string!(i18n, devices.find)
                    aria-invalid=wrong.map(|_| "true")
                    aria-describedby=wrong.map(|_| "wrong-search")
                    placeholder=tu_string!(i18n, finding.find)
                />
            </span>
            {list_tools::help(shown)}
            <select class="in" name="sort" aria-label=tu_string!(i18n, devices.sort)>
                {DeviceSort::ALL
                    .iter()
                    .map(|choice| {
                        let words = match choice {
                            DeviceSort::Severity => td_string!(locale, devices.sort_severity),
                            DeviceSort::Name => td_string!(locale, devices.sort_name),
                            DeviceSort::LastReport => td_string!(locale, devices.sort_last_report),
                            DeviceSort::Version => td_string!(locale, devices.sort_version),
                            DeviceSort::Created => td_string!(locale, devices.sort_created),
                        };
                        view! {
                            <option value=choice.as_str() selected=*choice == sort>
                                {words}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
            <button class="btn" type="submit">
                {tu_string!(i18n, frame.search_button)}
            </button>
        </form>
    }
    .into_any()
}

/// The statuses with their counts, as links.
#[component]
fn Chips(shown: View, counts: PresenceCounts) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let query = shown.query.clone();
    let presence = |presence| DeviceQuery {
        presence: vec![presence],
        lifecycle: Vec::new(),
        page: 1,
        ..query.clone()
    };
    let lifecycle = |lifecycle| DeviceQuery {
        lifecycle: vec![lifecycle],
        presence: Vec::new(),
        page: 1,
        ..query.clone()
    };
    let all = DeviceQuery {
        presence: Vec::new(),
        lifecycle: Vec::new(),
        page: 1,
        ..query.clone()
    };
    let total = counts.online + counts.timeout + counts.offline + counts.unclaimed;
    let chips = [
        (all, td_string!(locale, devices.all), total),
        (
            presence(Presence::Online),
            td_string!(locale, devices.online),
            counts.online,
        ),
        (
            presence(Presence::Timeout),
            td_string!(locale, devices.timeout),
            counts.timeout,
        ),
        (
            presence(Presence::Offline),
            td_string!(locale, devices.offline),
            counts.offline,
        ),
        (
            lifecycle(Lifecycle::Unclaimed),
            td_string!(locale, devices.unclaimed),
            counts.unclaimed,
        ),
    ];
    view! {
        <nav class="tabs" aria-label=tu_string!(i18n, devices.status)>
            {chips
                .into_iter()
                .map(|(target, words, count)| {
                    let current = target.presence == query.presence
                        && target.lifecycle == query.lifecycle;
                    view! {
                        <a href=shown.asking(target).href() aria-current=current.then_some("page")>
                            {words}
                            " "
                            <span class="num mut">{grouped(count)}</span>
                        </a>
                    }
                })
                .collect_view()}
        </nav>
    }
}

#[component]
fn Nothing(filtered: bool, admin: bool) -> impl IntoView {
    let i18n = use_i18n();
    let (title, text) = match filtered {
        true => (
            tu_string!(i18n, devices.none_found),
            tu_string!(i18n, devices.none_found_hint),
        ),
        false => (
            tu_string!(i18n, devices.none),
            tu_string!(i18n, devices.none_hint),
        ),
    };
    view! {
        <section class="card">
            <Empty icon=Icon::Cpu title text/>
            <p class="row pad">
                {if filtered {
                    view! { <a class="btn" href="/devices">{tu_string!(i18n, devices.clear)}</a> }.into_any()
                } else if admin {
                    view! { <a class="btn pri" href="/devices/new">{tu_string!(i18n, devices.preregister)}</a> }
                        .into_any()
                } else {
                    view! { <a class="btn pri" href="/claim">{tu_string!(i18n, devices.claim)}</a> }.into_any()
                }}
            </p>
        </section>
    }
}
