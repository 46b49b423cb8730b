//! Where I am, search and commands, the live mark, language, theme, me.

use leptos::{html, prelude::*};
use leptos_i18n::tu_string;
use leptos_router::hooks::use_location;

use super::{
    live_mark::LiveMark,
    rail::Place,
    switches::{LanguageSwitch, ThemeSwitch},
};
use crate::{
    i18n::use_i18n,
    parts::{Draw, Icon, page_title::Here},
    session::{use_me, use_session},
};

/// The bar above every page of a signed-in person.
#[component]
pub fn TopBar(
    /// Opens the search and commands.
    palette: RwSignal<bool>,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <header class="topbar">
            <Crumbs/>
            // Without a script it is a link to the list that can be searched.
            <a
                class="search no-phone"
                href="/devices"
                role="button"
                aria-haspopup="dialog"
                on:click=move |event| {
                    event.prevent_default();
                    palette.set(true);
                }
            >
                <Draw icon=Icon::Search/>
                <span>{tu_string!(i18n, frame.search)}</span>
                <kbd class="push">"Ctrl K"</kbd>
            </a>
            <LiveMark/>
            <a
                class="btn ghost sq only-phone"
                href="/devices"
                role="button"
                aria-haspopup="dialog"
                aria-label=tu_string!(i18n, frame.search)
                on:click=move |event| {
                    event.prevent_default();
                    palette.set(true);
                }
            >
                <Draw icon=Icon::Search/>
            </a>
            <Bell/>
            <LanguageSwitch/>
            <ThemeSwitch/>
            <MeMenu/>
        </header>
    }
    .into_any()
}

#[component]
fn Crumbs() -> impl IntoView {
    let i18n = use_i18n();
    let path = use_location().pathname;
    let site = use_session().with_value(|session| session.site.clone());
    let places = Place::open_to(true);
    let here = move || {
        let path = path.get();
        let place = places.iter().copied().find(|place| place.holds(&path));
        let label = match place {
            Some(place) => place.name(i18n),
            None if path == "/account" => tu_string!(i18n, frame.my_account),
            None if path == "/charts" => tu_string!(i18n, finding.charts),
            None if path == "/notices" => tu_string!(i18n, frame.notices),
            None if path == "/claim" => tu_string!(i18n, frame.claim),
            None => "",
        };
        match place {
            Some(place) if path != place.href() => view! {
                <li><a href=place.href() aria-current="true">{label}</a></li>
            }
            .into_any(),
            _ => view! { <li><span aria-current="page">{label}</span></li> }.into_any(),
        }
    };
    let within = move || {
        let path = path.read();
        let mut places = Place::open_to(true).iter();
        places.any(|place| place.holds(&path) && *path != place.href())
    };
    let title = expect_context::<Here>().0;
    let title = move || Some(title.get()).filter(|title| !title.is_empty() && within());
    view! {
        <nav class="crumbs" aria-label=tu_string!(i18n, frame.where_am_i)>
            <ol>
                <li>
                    <a class="ell" href="/">{site}</a>
                    <Draw icon=Icon::ChevronRight/>
                </li>
                {here}
                {move || {
                    title()
                        .map(|title| {
                            view! {
                                <li class="no-phone">
                                    <Draw icon=Icon::ChevronRight/>
                                    <span class="ell" aria-current="page">{title}</span>
                                </li>
                            }
                        })
                }}
            </ol>
        </nav>
    }
    .into_any()
}

/// The way to what one was told, with how much of it is not read.
#[component]
fn Bell() -> impl IntoView {
    let i18n = use_i18n();
    let unread = crate::live::watch_unread();
    let some = move || unread.get().filter(|unread| *unread > 0);
    view! {
        <a class="btn ghost sq bell" href="/notices">
            <Draw icon=Icon::Bell/>
            <span class="hide">{tu_string!(i18n, frame.notices)}</span>
            {move || some().map(|n| view! { <span class="n">{n.min(99)}</span> })}
        </a>
    }
    .into_any()
}

#[component]
fn MeMenu() -> impl IntoView {
    let i18n = use_i18n();
    let me = use_me();
    let initial: String = me.name.chars().next().into_iter().collect();
    let name = me.name.clone();
    let menu = NodeRef::<html::Details>::new();
    view! {
        <details class="menu" node_ref=menu>
            <summary
                class="avatar"
                aria-label=tu_string!(i18n, frame.account_menu, name = name)
            >
                {initial}
            </summary>
            <div class="pop">
                <div class="who">
                    <b>{me.name.clone()}</b>
                    <span>{me.email.to_string()}</span>
                </div>
                <a class="item" href="/account" on:click=move |_| super::switches::close(menu)>
                    <Draw icon=Icon::User/>
                    {tu_string!(i18n, frame.my_account)}
                </a>
                <form method="post" action="/do/sign_out">
                    <button class="item" type="submit">
                        <Draw icon=Icon::LogOut/>
                        {tu_string!(i18n, frame.sign_out)}
                    </button>
                </form>
            </div>
        </details>
    }
    .into_any()
}
