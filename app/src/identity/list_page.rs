//! What was found about devices' identities: find it, look at it, and say what is done by itself.

use domain::{
    Page,
    identity::{Finding, FindingState},
    live::Subject,
};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::{hooks::use_query_map, location::Url};

use super::{policies::PolicyTable, server_fns::list_findings, words};
use crate::{
    i18n::use_i18n,
    live,
    parts::{
        Empty, ErrorNotice, ForbiddenPage, Icon, Mark, PageTitle, Pagination, SearchForm,
        StatusMark, Time, number::grouped,
    },
    session::use_me,
};

/// The list of findings; administrators only.
#[component]
pub fn IdentityPage() -> impl IntoView {
    if use_me().role.is_admin() {
        view! { <Findings/> }.into_any()
    } else {
        view! { <ForbiddenPage/> }.into_any()
    }
}

fn address(state: &str, search: &str, page: u32) -> String {
    let search = Url::escape(search);
    format!("/identity?state={state}&q={search}&page={page}")
}

#[component]
fn Findings() -> impl IntoView {
    let i18n = use_i18n();
    let query = use_query_map();
    let state = Memo::new(move |_| query.read().get("state").unwrap_or_default());
    let search = Memo::new(move |_| query.read().get("q").unwrap_or_default());
    let page = Memo::new(move |_| {
        let number = query.read().get("page").and_then(|page| page.parse().ok());
        number.unwrap_or(1_u32)
    });
    let changed = live::watch(|| Some(Subject::Overview));
    let found = Resource::new_blocking(
        move || (state.get(), search.get(), page.get(), changed.get()),
        |(state, search, page, _)| list_findings(state, search, page),
    );
    let choice = move |value: &'static str, words: fn(crate::i18n::Locale) -> &'static str| {
        view! {
            <a
                href=move || address(value, &search.read(), 1)
                aria-current=move || (*state.read() == value).then_some("page")
            >
                {words(i18n.get_locale_untracked())}
            </a>
        }
    };
    view! {
        <PageTitle text=tu_string!(i18n, frame.identity)/>
        <div class="head">
            <h1>{tu_string!(i18n, frame.identity)}</h1>
            <p class="meta">{tu_string!(i18n, identity.about)}</p>
        </div>
        <nav class="tabs" aria-label=tu_string!(i18n, identity.state)>
            {choice("", |l| leptos_i18n::td_string!(l, identity.all))}
            {choice("open", |l| leptos_i18n::td_string!(l, identity.open))}
            {choice("resolved", |l| leptos_i18n::td_string!(l, identity.resolved))}
        </nav>
        <SearchForm action="/identity" find=tu_string!(i18n, identity.find) value=search>
            <input type="hidden" name="state" value=move || state.get()/>
        </SearchForm>
        <Transition>
            {move || Suspend::new(async move {
                match found.await {
                    Ok((found, open)) => {
                        let (state, search) = (state.get(), search.get());
                        view! { <Table found open state search/> }.into_any()
                    }
                    Err(failure) => view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any(),
                }
            })}
        </Transition>
        <PolicyTable/>
    }
    .into_any()
}

#[component]
fn Table(found: Page<Finding>, open: u64, state: String, search: String) -> impl IntoView {
    let i18n = use_i18n();
    if found.items.is_empty() {
        return view! {
            <section class="card">
                <Empty
                    icon=Icon::Shield
                    title=tu_string!(i18n, identity.nothing)
                    text=tu_string!(i18n, identity.nothing_hint)
                />
            </section>
        }
        .into_any();
    }
    let href = Callback::new(move |page| address(&state, &search, page));
    view! {
        <section class="card findings">
            <header>
                <h2>{tu_string!(i18n, identity.found)}</h2>
                <span class="n">{tu_string!(i18n, identity.waiting, n = open).to_string()}</span>
            </header>
            <div class="tablebox">
                <table class="grid entries" role="table">
                    <caption class="hide">
                        {tu_string!(i18n, identity.found)} " " {grouped(found.total)}
                    </caption>
                    <thead role="rowgroup">
                        <tr role="row">
                            <th scope="col" role="columnheader">{tu_string!(i18n, identity.what)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, identity.device)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, identity.said)}</th>
                            <th scope="col" role="columnheader" class="r">{tu_string!(i18n, identity.held)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, identity.last)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, identity.state)}</th>
                        </tr>
                    </thead>
                    <tbody role="rowgroup">
                        {found.items.into_iter().map(|finding| view! { <Row finding/> }).collect_view()}
                    </tbody>
                </table>
            </div>
            <Pagination total=found.total page=found.page page_size=found.page_size href/>
        </section>
    }
    .into_any()
}

#[component]
fn Row(finding: Finding) -> impl IntoView {
    let i18n = use_i18n();
    let (kind, act, open) = (
        finding.kind,
        finding.act,
        finding.state == FindingState::Open,
    );
    view! {
        <tr role="row">
            <td role="cell">
                <a class="strong" href=format!("/identity/{}", finding.id)>
                    {words::kind(i18n.get_locale_untracked(), kind)}
                </a>
            </td>
            <td role="cell">
                <a href=format!("/devices/{}", finding.device)>{finding.device_name.clone()}</a>
            </td>
            <td role="cell" class="mono wideonly">{finding.said.cpu_serial.clone()}</td>
            <td role="cell" class="r num wideonly">{grouped(finding.held)}</td>
            <td role="cell" class="mut"><Time at=Signal::stored(Some(finding.last_at))/></td>
            <td role="cell">
                <StatusMark
                    mark=if open { Mark::Warning } else { Mark::Done }
                    word=match act {
                        Some(act) => words::act(i18n.get_locale_untracked(), act),
                        None => tu_string!(i18n, identity.open),
                    }
                />
            </td>
        </tr>
    }
}
