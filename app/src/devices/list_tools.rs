//! What a list is narrowed and shown by: tags, columns, the height of rows, and how a search is written.

use domain::{device::DeviceQuery, finding::Column, tag::TagCounts};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};

use super::{query::View, words};
use crate::{
    i18n::{Locale, use_i18n},
    parts::{Draw, Icon, number::grouped},
};

/// What a column is called.
pub(crate) fn column_name(locale: Locale, column: &Column) -> String {
    match column {
        Column::Status => td_string!(locale, devices.status),
        Column::Value => td_string!(locale, devices.value),
        Column::Report => td_string!(locale, devices.last_report),
        Column::Version => td_string!(locale, devices.version),
        Column::Hardware => td_string!(locale, devices.hardware),
        Column::Owner => td_string!(locale, devices.owner),
        Column::Tags => td_string!(locale, finding.tags),
        Column::State(key) => return key.clone(),
    }
    .to_owned()
}

/// The parameters of a view as fields of a form, so that sending it loses none of them.
pub(super) fn kept(view: &View, without: &[&str]) -> AnyView {
    view.parameters()
        .into_iter()
        .filter(|(name, _)| !without.contains(name) && *name != "page")
        .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
        .collect_view()
        .into_any()
}

/// What the list is narrowed down by: every condition is a link to the list without it. `parts` are those of the
/// search, each with what is left of it.
pub(super) fn narrowed_by(shown: &View, parts: Vec<(String, String)>) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let query = &shown.query;
    let without = |change: &dyn Fn(&mut DeviceQuery)| {
        let mut rest = query.clone();
        change(&mut rest);
        shown.asking(rest).href()
    };
    let mut all = Vec::new();
    for one in &query.presence {
        let href = without(&|rest| rest.presence.retain(|other| other != one));
        all.push((words::presence(locale, *one).to_owned(), href));
    }
    for one in &query.lifecycle {
        let href = without(&|rest| rest.lifecycle.retain(|other| other != one));
        all.push((words::lifecycle(locale, *one).to_owned(), href));
    }
    for one in &query.kind {
        let href = without(&|rest| rest.kind.retain(|other| other != one));
        all.push((words::kind(locale, *one).to_owned(), href));
    }
    let searched = parts.into_iter();
    all.extend(searched.map(|(part, rest)| (part, shown.finding(&rest).href())));
    if all.is_empty() {
        return ().into_any();
    }
    let several = all.len() > 1;
    let none = without(&|rest| {
        *rest = DeviceQuery {
            sort: rest.sort,
            reverse: rest.reverse,
            ..DeviceQuery::default()
        };
    });
    let chips = all
        .into_iter()
        .map(|(part, href)| {
            let label =
                td_string!(locale, finding.take_off_filter, filter = part.clone()).to_string();
            view! {
                <a class="chiplink" href=href aria-label=label.clone() title=label>
                    <span class="ell">{part}</span>
                    <Draw icon=Icon::X/>
                </a>
            }
        })
        .collect_view();
    view! {
        <nav class="row narrowed" aria-label=tu_string!(i18n, finding.narrowed_by)>
            {chips}
            {several
                .then(|| {
                    view! { <a class="btn sm ghost" href=none>{tu_string!(i18n, finding.clear_all)}</a> }
                })}
        </nav>
    }
    .into_any()
}

/// The tags with their counts, those without any first.
pub(super) fn tag_menu(shown: &View, counts: TagCounts) -> AnyView {
    let i18n = use_i18n();
    let item = |filter: String, label: AnyView, count: u64| {
        let href = shown.finding(&filter).href();
        let current = (shown.query.search == filter).then_some("page");
        view! {
            <a class="item" href=href aria-current=current>
                {label}
                <span class="num mut push">{grouped(count)}</span>
            </a>
        }
    };
    let none = view! { <span>{tu_string!(i18n, finding.untagged)}</span> }.into_any();
    let untagged = item("tag:none".to_owned(), none, counts.untagged);
    let tags = counts.tags.into_iter().map(|(tag, count)| {
        let label = view! { <span class="tag">{tag.to_string()}</span> }.into_any();
        item(format!("tag:{tag}"), label, count)
    });
    let tags = tags.collect_view();
    view! {
        <details class="menu">
            <summary class="btn">
                <Draw icon=Icon::ListFilter/>
                {tu_string!(i18n, finding.tags)}
            </summary>
            <div class="pop tall">{untagged} {tags}</div>
        </details>
    }
    .into_any()
}

/// Which columns are shown: a form that the address follows from.
pub(super) fn column_menu(shown: &View) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let others = shown.columns.iter().filter(|c| c.state_key().is_some());
    let all: Vec<Column> = Column::NAMED.into_iter().chain(others.cloned()).collect();
    let boxes = all
        .into_iter()
        .map(|column| {
            let checked = shown.columns.contains(&column);
            let label = column_name(locale, &column);
            view! {
                <label class="check item">
                    <input type="checkbox" name="col" value=column.to_string() checked=checked/>
                    <span>{label}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <details class="menu">
            <summary class="btn" title=tu_string!(i18n, finding.columns)>
                <Draw icon=Icon::Settings/>
                {tu_string!(i18n, finding.columns)}
            </summary>
            <form class="pop tall" method="get" action="/devices">
                {kept(shown, &["col"])}
                {boxes}
                <label class="fld item">
                    <span class="xs mut">{tu_string!(i18n, finding.state_column)}</span>
                    <input
                        class="in"
                        name="col"
                        placeholder="state.cpu_average"
                        pattern="state\\.[a-z0-9_\\-]+"
                        maxlength="100"
                        autocomplete="off"
                        spellcheck="false"
                    />
                </label>
                <button class="btn pri" type="submit">
                    {tu_string!(i18n, finding.apply)}
                </button>
            </form>
        </details>
    }
    .into_any()
}

/// How high rows are.
pub(super) fn density(shown: &View) -> AnyView {
    let i18n = use_i18n();
    let to = |compact| {
        View {
            compact,
            ..shown.clone()
        }
        .href()
    };
    let current = |compact| (shown.compact == compact).then_some("true");
    view! {
        <nav class="seg sm" aria-label=tu_string!(i18n, finding.density)>
            <a href=to(false) aria-current=current(false) data-noscroll>
                {tu_string!(i18n, finding.roomy)}
            </a>
            <a href=to(true) aria-current=current(true) data-noscroll>
                {tu_string!(i18n, finding.compact)}
            </a>
        </nav>
    }
    .into_any()
}

/// How a search is written, by examples that are links.
pub(super) fn help(shown: &View) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let examples = [
        (
            "presence:offline",
            td_string!(locale, finding.example_presence),
        ),
        (
            "tag:lab-1 -tag:spare",
            td_string!(locale, finding.example_tag),
        ),
        ("tag:none", td_string!(locale, finding.example_untagged)),
        (
            "state.cpu_average>80",
            td_string!(locale, finding.example_state),
        ),
        ("state.led:ON", td_string!(locale, finding.example_text)),
        ("version<2.4", td_string!(locale, finding.example_version)),
        (
            "component:dht22",
            td_string!(locale, finding.example_component),
        ),
        ("seen>1d", td_string!(locale, finding.example_seen)),
        (
            "is:flapping OR is:clock",
            td_string!(locale, finding.example_trouble),
        ),
        (
            "(tag:a OR tag:b) owner:me",
            td_string!(locale, finding.example_or),
        ),
    ];
    let examples = examples
        .into_iter()
        .map(|(filter, words)| {
            let href = shown.finding(filter).href();
            view! {
                <a class="item" href=href>
                    <code>{filter}</code>
                    <span class="mut">{words}</span>
                </a>
            }
        })
        .collect_view();
    view! {
        <details class="menu">
            <summary class="btn sq" aria-label=tu_string!(i18n, finding.help) title=tu_string!(i18n, finding.help)>
                <Draw icon=Icon::Info/>
            </summary>
            <div class="pop tall from-start">
                <p class="lab">{tu_string!(i18n, finding.help_text)}</p>
                {examples}
            </div>
        </details>
    }
    .into_any()
}
