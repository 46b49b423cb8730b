//! The people of the site: find them, give roles, let them in or not, invite.

use domain::{Page, account::UserSummary};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::{hooks::use_query_map, location::Url};

use super::{
    invitations::invitations,
    user_row::{Promise, UserRow},
    users_server_fns::{SetActive, SetRole, list_users},
};
use crate::{
    form::FormState,
    i18n::use_i18n,
    parts::{
        Draw, Empty, ErrorNotice, ForbiddenPage, Icon, PageTitle, Pagination, SearchForm,
        later::later, number::grouped,
    },
    session::use_me,
};

/// The list of people; administrators only.
#[component]
pub fn UsersPage() -> impl IntoView {
    if use_me().role.is_admin() {
        view! { <Users/> }.into_any()
    } else {
        view! { <ForbiddenPage/> }.into_any()
    }
}

fn address(search: &str, page: u32) -> String {
    match search {
        "" => format!("/users?page={page}"),
        search => format!("/users?q={}&page={page}", Url::escape(search)),
    }
}

#[component]
fn Users() -> impl IntoView {
    let i18n = use_i18n();
    let query = use_query_map();
    let search = Memo::new(move |_| query.read().get("q").unwrap_or_default());
    let page = Memo::new(move |_| {
        let number = query.read().get("page").and_then(|page| page.parse().ok());
        number.unwrap_or(1_u32)
    });
    let set_role = FormState::of::<SetRole>();
    let set_active = FormState::of::<SetActive>();
    let promise = Promise::provide();
    promise.fulfil_by(set_role);
    promise.fulfil_by(set_active);
    let people = Resource::new_blocking(
        move || {
            (
                search.get(),
                page.get(),
                set_role.times_done(),
                set_active.times_done(),
            )
        },
        |(search, page, _, _)| list_users(search, page),
    );
    view! {
        <PageTitle text=tu_string!(i18n, frame.users)/>
        <div class="head">
            <h1>{tu_string!(i18n, frame.users)}</h1>
            <div class="acts">
                <a class="btn pri" href="#invite">
                    <Draw icon=Icon::Plus/>
                    {tu_string!(i18n, accounts.invite_title)}
                </a>
            </div>
        </div>
        <ErrorNotice error=set_role.error/>
        <ErrorNotice error=set_active.error/>
        <SearchForm action="/users" find=tu_string!(i18n, accounts.users_find) value=search/>
        <Transition>
            {move || Suspend::new(async move {
                match people.await {
                    Ok(people) => view! { <People people search=search.get() set_role set_active/> }.into_any(),
                    Err(failure) => view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any(),
                }
            })}
        </Transition>
        {later(invitations)}
    }
}

#[component]
fn People(
    people: Page<UserSummary>,
    search: String,
    set_role: FormState,
    set_active: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    if people.items.is_empty() {
        return view! {
            <section class="card">
                <Empty
                    icon=Icon::Users
                    title=tu_string!(i18n, accounts.nobody)
                    text=tu_string!(i18n, accounts.nobody_hint)
                />
            </section>
        }
        .into_any();
    }
    let href = Callback::new(move |page| address(&search, page));
    view! {
        <section class="card users">
            <div class="tablebox">
                <table class="grid entries" role="table">
                    <caption class="hide">
                        {tu_string!(i18n, frame.users)} " " {grouped(people.total)}
                    </caption>
                    <thead role="rowgroup">
                        <tr role="row">
                            <th scope="col" role="columnheader">{tu_string!(i18n, accounts.person)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, accounts.role)}</th>
                            <th scope="col" role="columnheader" class="r">{tu_string!(i18n, accounts.devices)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, accounts.last_seen)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, accounts.state)}</th>
                        </tr>
                    </thead>
                    <tbody role="rowgroup">
                        {people
                            .items
                            .into_iter()
                            .map(|user| view! { <UserRow user set_role set_active/> })
                            .collect_view()}
                    </tbody>
                </table>
            </div>
            <Pagination total=people.total page=people.page page_size=people.page_size href/>
        </section>
    }
    .into_any()
}
