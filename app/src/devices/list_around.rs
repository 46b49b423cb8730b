//! What stands around the rows of the list: above them what narrows them down, below them what is done to
//! all of them. A browser loads it after the rows; its links and forms work before that.

use domain::{
    DeviceId,
    device::{DeviceQuery, DeviceSort, Lifecycle, Presence, PresenceCounts},
    filter::FilterError,
    finding::SavedView,
    tag::TagCounts,
};
use leptos::{html, prelude::*};
use leptos_i18n::{td_string, tu_string};

use super::{
    finding_server_fns::Found,
    list_bulk::{self, Bulk},
    list_pick::{self, Picked},
    list_tools,
    list_views::{self, Keeping},
    query::View,
};
use crate::{
    Failure,
    i18n::use_i18n,
    parts::{Draw, Icon, number::grouped},
};

/// Of which list.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub(super) view: Memo<View>,
    pub(super) devices: Resource<Result<Found, Failure>>,
    pub(super) bulk: Bulk,
    pub(super) keeping: Keeping,
    pub(super) picked: Picked,
    /// The devices of the page.
    pub(super) shown: RwSignal<Vec<DeviceId>>,
}

/// What narrows the list down, and what it says of that.
#[derive(Clone, PartialEq)]
struct Narrowing {
    view: View,
    counts: PresenceCounts,
    tags: TagCounts,
    views: Vec<SavedView>,
    parts: Vec<(String, String)>,
    wrong: Option<FilterError>,
}

impl Narrowing {
    fn of(view: View, found: &Found) -> Self {
        Self {
            view,
            counts: found.counts,
            tags: found.tags.clone(),
            views: found.views.clone(),
            parts: found.parts.clone(),
            wrong: found.wrong,
        }
    }
}

/// To what acts on all that was found are done: the filter, and how many it finds.
fn acted_on(_: View, found: &Found) -> (String, u64) {
    (found.filter.clone(), found.total)
}

impl Around {
    /// What `of` makes of the list, from its first answer on; none where that was a failure, which the list says.
    async fn known<T>(self, of: fn(View, &Found) -> T) -> RwSignal<Option<T>>
    where
        T: PartialEq + Send + Sync + 'static,
    {
        let Self { view, devices, .. } = self;
        let first = match &*devices.by_ref().await {
            Ok(found) => Some(of(view.get_untracked(), found)),
            Err(_) => None,
        };
        let known = RwSignal::new(first);
        Effect::new(move || {
            let view = view.get();
            if let Some(Ok(found)) = &*devices.read() {
                let now = Some(of(view, found));
                if *known.read_untracked() != now {
                    known.set(now);
                }
            }
        });
        known
    }
}

/// What stands above the rows, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn above(of: Box<Around>) -> AnyView {
    narrowing(*of).await
}

/// What stands above the rows. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn above(of: Box<Around>) -> AnyView {
    narrowing(*of).await
}

/// What stands below the rows, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn below(of: Box<Around>) -> AnyView {
    acts(*of).await
}

/// What stands below the rows. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn below(of: Box<Around>) -> AnyView {
    acts(*of).await
}

async fn narrowing(of: Around) -> AnyView {
    let known = of.known(Narrowing::of).await;
    // What is typed stays until the address asks for something else, as it does on the way back.
    let field = NodeRef::<html::Input>::new();
    Effect::new(move |before: Option<String>| {
        let asked = of.view.read().query.search.clone();
        if before.is_some_and(|before| before != asked)
            && let Some(field) = field.get_untracked()
        {
            field.set_value(&asked);
        }
        asked
    });
    view! {
        {list_views::said(of.keeping)}
        {move || known.get().map(|known| narrowed(known, of.keeping, field))}
    }
    .into_any()
}

fn narrowed(narrowing: Narrowing, keeping: Keeping, field: NodeRef<html::Input>) -> AnyView {
    let Narrowing {
        view: shown,
        counts,
        tags,
        views,
        parts,
        wrong,
    } = narrowing;
    view! {
        {chips(&shown, counts)}
        {list_views::views(&shown, views, keeping)}
        <div class="filters">
            {searching(&shown, wrong, field)}
            <div class="tools">
                {list_tools::tag_menu(&shown, tags)}
                {list_tools::density(&shown)}
                {list_tools::column_menu(&shown)}
            </div>
        </div>
        {list_tools::narrowed_by(&shown, parts)}
    }
    .into_any()
}

async fn acts(of: Around) -> AnyView {
    // What is typed stays when the rows change: only these two decide what is asked for.
    let about = of.known(acted_on).await;
    let bar = move |(filter, total): (String, u64)| {
        view! {
            {list_pick::bar(&filter, total, of.picked, of.shown)}
            {list_pick::tag()}
            {list_bulk::tag_them(filter, total, of.bulk, of.picked)}
            {list_pick::clear(of.picked)}
        }
    };
    // The answer stands where the act was: the rows may be far from the head of the page.
    view! {
        <div class="bulk" class:some=move || !of.picked.0.read().is_empty()>
            {list_bulk::tagged(of.bulk)}
            {move || about.get().filter(|(_, total)| *total > 0).map(bar)}
        </div>
    }
    .into_any()
}

/// What is looked for and in which order; a form whose address is the list's.
fn searching(shown: &View, wrong: Option<FilterError>, field: NodeRef<html::Input>) -> AnyView {
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
                    node_ref=field
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
fn chips(shown: &View, counts: PresenceCounts) -> AnyView {
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
    let revoked = (
        lifecycle(Lifecycle::Revoked),
        td_string!(locale, devices.revoked),
        counts.revoked,
    );
    let is_shown = counts.revoked > 0 || query.lifecycle == [Lifecycle::Revoked];
    view! {
        <nav class="tabs" aria-label=tu_string!(i18n, devices.status)>
            {chips
                .into_iter()
                .chain(is_shown.then_some(revoked))
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
    .into_any()
}
