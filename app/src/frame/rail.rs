//! The way around: a rail, icons where it is narrow, a bar below on a phone. Only what this person may open.

use leptos::{html, prelude::*};
use leptos_i18n::tu_string;
use leptos_router::hooks::use_location;

use super::{mark::Brand, switches::close};
use crate::{
    i18n::{I18nKeys, Locale, use_i18n},
    parts::{Draw, Icon},
    session::use_me,
};

/// One place of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `/`
    Overview,
    /// `/devices`
    Devices,
    /// `/identity`
    Identity,
    /// `/jobs`
    Jobs,
    /// `/catalog`
    Catalog,
    /// `/users`
    Users,
}

impl Place {
    /// The places that a person may open.
    pub fn open_to(administrator: bool) -> &'static [Self] {
        if administrator {
            &[
                Self::Overview,
                Self::Devices,
                Self::Jobs,
                Self::Catalog,
                Self::Identity,
                Self::Users,
            ]
        } else {
            &[Self::Overview, Self::Devices, Self::Jobs]
        }
    }

    /// Its address.
    pub fn href(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Devices => "/devices",
            Self::Identity => "/identity",
            Self::Jobs => "/jobs",
            Self::Catalog => "/catalog",
            Self::Users => "/users",
        }
    }

    /// Its picture.
    pub fn icon(self) -> Icon {
        match self {
            Self::Overview => Icon::LayoutDashboard,
            Self::Devices => Icon::Cpu,
            Self::Identity => Icon::Shield,
            Self::Jobs => Icon::Terminal,
            Self::Catalog => Icon::MemoryStick,
            Self::Users => Icon::Users,
        }
    }

    /// Its name.
    pub fn name(self, i18n: leptos_i18n::I18nContext<Locale, I18nKeys>) -> &'static str {
        match self {
            Self::Overview => tu_string!(i18n, frame.overview),
            Self::Devices => tu_string!(i18n, frame.devices),
            Self::Identity => tu_string!(i18n, frame.identity),
            Self::Jobs => tu_string!(i18n, frame.jobs),
            Self::Catalog => tu_string!(i18n, frame.catalog),
            Self::Users => tu_string!(i18n, frame.users),
        }
    }

    /// Whether an address lies in it.
    pub fn holds(self, path: &str) -> bool {
        match self {
            Self::Overview => path == "/",
            _ => path == self.href() || path.starts_with(&format!("{}/", self.href())),
        }
    }
}

fn links() -> impl IntoView {
    let i18n = use_i18n();
    let path = use_location().pathname;
    Place::open_to(use_me().role.is_admin())
        .iter()
        .map(|&place| {
            view! {
                <li>
                    <a
                        href=place.href()
                        title=place.name(i18n)
                        aria-current=move || place.holds(&path.read()).then_some("page")
                    >
                        <Draw icon=place.icon()/>
                        <span class="t">{place.name(i18n)}</span>
                    </a>
                </li>
            }
        })
        .collect_view()
}

/// The rail on the left.
#[component]
pub fn Rail() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <aside class="rail" aria-label="Madang">
            <Brand/>
            <nav aria-label=tu_string!(i18n, frame.menu)>
                <ul>{links()}</ul>
            </nav>
            <p class="foot">"Madang " {env!("CARGO_PKG_VERSION")} " · " {tu_string!(i18n, frame.self_hosted)}</p>
        </aside>
    }
    .into_any()
}

/// How many places stand in the bar on a phone; the others are behind its last button.
const IN_BAR: usize = 3;

/// The bar below, on a phone.
#[component]
pub fn BottomBar() -> impl IntoView {
    let i18n = use_i18n();
    let path = use_location().pathname;
    let menu = NodeRef::<html::Details>::new();
    let places = Place::open_to(use_me().role.is_admin());
    let (first, others) = places.split_at(places.len().min(IN_BAR));
    let link = move |place: Place| {
        let current = move || place.holds(&path.read()).then_some("page");
        view! {
            <a class="item" href=place.href() aria-current=current>
                <Draw icon=place.icon()/>
                {place.name(i18n)}
            </a>
        }
    };
    let account = move || {
        let current = move || (*path.read() == "/account").then_some("page");
        view! {
            <a class="item" href="/account" aria-current=current>
                <Draw icon=Icon::User/>
                {tu_string!(i18n, frame.my_account)}
            </a>
        }
    };
    let last = match others {
        [] => account().into_any(),
        others => view! {
            <details class="menu" node_ref=menu>
                <summary>
                    <Draw icon=Icon::Ellipsis/>
                    {tu_string!(i18n, frame.more)}
                </summary>
                <div class="pop" on:click=move |_| close(menu)>
                    {others.iter().map(|&place| link(place)).collect_view()}
                    {account()}
                </div>
            </details>
        }
        .into_any(),
    };
    view! {
        <nav class="bottombar" aria-label=tu_string!(i18n, frame.menu)>
            {first.iter().map(|&place| link(place)).collect_view()}
            {last}
        </nav>
    }
    .into_any()
}
