//! The list of devices: filters, order and page are in the address, and every one of them is a link.

use domain::{
    Page,
    device::{DeviceQuery, DeviceSort, DeviceSummary, Lifecycle, Presence, PresenceCounts},
    live::Subject,
};
use leptos::prelude::*;
use leptos_i18n::{t_string, td_string};
use leptos_router::hooks::use_query_map;

use super::{list_rows, query, server_fns::list_devices};
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
    let query = Memo::new(move |_| query::read(&map.read()));
    let shown = RwSignal::new(Vec::new());
    let changed = watch(move || {
        let ids = shown.get();
        (!ids.is_empty()).then_some(Subject::Devices { ids })
    });
    let devices = Resource::new_blocking(
        move || (query.get(), changed.get()),
        |(query, _)| list_devices(query),
    );
    Effect::new(move || {
        if let Some(Ok((page, _))) = &*devices.read() {
            let ids: Vec<_> = page.items.iter().map(|device| device.id).collect();
            if shown.get_untracked() != ids {
                shown.set(ids);
            }
        }
    });
    let admin = use_me().role.is_admin();
    view! {
        <PageTitle text=Signal::derive(move || t_string!(i18n, frame.devices).to_owned())/>
        <div class="head">
            <h1>{move || t_string!(i18n, frame.devices)}</h1>
            <div class="acts">
                {admin
                    .then(|| {
                        view! {
                            <a class="btn" href="/devices/new">
                                {move || t_string!(i18n, devices.preregister)}
                            </a>
                        }
                    })}
                <a class="btn pri" href="/claim">
                    <Draw icon=Icon::Plus/>
                    {move || t_string!(i18n, devices.claim)}
                </a>
            </div>
        </div>
        <Transition>
            {move || Suspend::new(async move {
                match devices.await {
                    Ok((page, counts)) => {
                        view! { <List query=query.get() page counts admin/> }.into_any()
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
fn List(
    query: DeviceQuery,
    page: Page<DeviceSummary>,
    counts: PresenceCounts,
    admin: bool,
) -> impl IntoView {
    let i18n = use_i18n();
    let filtered =
        !query.search.is_empty() || !query.presence.is_empty() || !query.lifecycle.is_empty();
    let (search, sort) = (query.search.clone(), query.sort);
    let now = use_now().0;
    let locale = i18n.get_locale_untracked();
    let empty = page.items.is_empty();
    let items = page.items;
    let rows = move || list_rows::rows(i18n.get_locale(), now.get_untracked(), &items);
    #[cfg(feature = "hydrate")]
    Effect::new(move || list_rows::tell_times(i18n.get_locale(), now.get()));
    let href = {
        let query = query.clone();
        Callback::new(move |page| {
            query::write(&DeviceQuery {
                page,
                ..query.clone()
            })
        })
    };
    view! {
        <Chips query=query.clone() counts/>
        <form class="filters" method="get" action="/devices" role="search">
            <span class="search inl">
                <Draw icon=Icon::Search/>
                <input
                    type="search"
                    name="q"
                    value=search
                    aria-label=move || t_string!(i18n, devices.find)
                    placeholder=move || t_string!(i18n, devices.find)
                />
            </span>
            <select class="in" name="sort" aria-label=move || t_string!(i18n, devices.sort)>
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
                {move || t_string!(i18n, frame.search_button)}
            </button>
        </form>
        {if empty {
            view! { <Nothing filtered admin/> }.into_any()
        } else {
            view! {
                <section class="card devices">
                    <div class="tablebox">
                        <table class="grid entries">
                            <thead>
                                <tr>
                                    <th scope="col">{move || t_string!(i18n, devices.name)}</th>
                                    <th scope="col">{move || t_string!(i18n, devices.status)}</th>
                                    <th scope="col" class="r">{move || t_string!(i18n, devices.value)}</th>
                                    <th scope="col">{move || t_string!(i18n, devices.last_report)}</th>
                                    <th scope="col">{move || t_string!(i18n, devices.version)}</th>
                                    <th scope="col">{move || t_string!(i18n, devices.owner)}</th>
                                </tr>
                            </thead>
                            <tbody inner_html=rows></tbody>
                        </table>
                    </div>
                    <Pagination total=page.total page=page.page page_size=page.page_size href/>
                </section>
            }
                .into_any()
        }}
    }
}

/// The statuses with their counts, as links.
#[component]
fn Chips(query: DeviceQuery, counts: PresenceCounts) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
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
        <nav class="tabs" aria-label=move || t_string!(i18n, devices.status)>
            {chips
                .into_iter()
                .map(|(target, words, count)| {
                    let current = target.presence == query.presence
                        && target.lifecycle == query.lifecycle;
                    view! {
                        <a href=query::write(&target) aria-current=current.then_some("page")>
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
    let title = Signal::derive(move || {
        match filtered {
            true => t_string!(i18n, devices.none_found),
            false => t_string!(i18n, devices.none),
        }
        .to_owned()
    });
    let text = Signal::derive(move || {
        match filtered {
            true => t_string!(i18n, devices.none_found_hint),
            false => t_string!(i18n, devices.none_hint),
        }
        .to_owned()
    });
    view! {
        <section class="card">
            <Empty icon=Icon::Cpu title text/>
            <p class="row pad">
                {if filtered {
                    view! { <a class="btn" href="/devices">{move || t_string!(i18n, devices.clear)}</a> }.into_any()
                } else if admin {
                    view! { <a class="btn pri" href="/devices/new">{move || t_string!(i18n, devices.preregister)}</a> }
                        .into_any()
                } else {
                    view! { <a class="btn pri" href="/claim">{move || t_string!(i18n, devices.claim)}</a> }.into_any()
                }}
            </p>
        </section>
    }
}
