//! Language and theme, as forms that post; a script shows another theme at once.
//!
//! A page keeps the language in which it was opened: its texts are plain strings, neither watched nor
//! drawn anew, see `docs/adr/0013`.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

#[cfg(feature = "ssr")]
use domain::account::Language;
use domain::account::Theme;
use leptos::prelude::*;
use leptos_i18n::{Locale as _, td_string, tu_string};

use crate::{
    Failure,
    form::send,
    i18n::{Locale, use_i18n},
    parts::{Draw, Icon},
    session::use_session,
};

/// Keeps the language in a cookie, and in the account of whoever is signed in.
#[server(prefix = "/do", endpoint = "set_language")]
pub async fn set_language(language: String) -> Result<(), Failure> {
    let result = match Language::parse(&language) {
        Some(language) => crate::accounts::preferences::keep(Some(language), None).await,
        None => Err(domain::AppError::invalid("language", "invalid")),
    };
    crate::form::answer(result, "set_language", &[], None)
}

/// Keeps the theme in a cookie, and in the account of whoever is signed in.
#[server(prefix = "/do", endpoint = "set_theme")]
pub async fn set_theme(theme: String) -> Result<(), Failure> {
    let result = match Theme::parse(&theme) {
        Some(theme) => crate::accounts::preferences::keep(None, Some(theme)).await,
        None => Err(domain::AppError::invalid("theme", "invalid")),
    };
    crate::form::answer(result, "set_theme", &[], None)
}

/// The name of a language in itself.
pub(super) fn own_name(locale: Locale) -> &'static str {
    match locale {
        Locale::ko => "한국어",
        Locale::en => "English",
    }
}

/// What a theme is called.
pub(super) fn theme_name(locale: Locale, theme: Theme) -> &'static str {
    match theme {
        Theme::System => td_string!(locale, frame.theme_system),
        Theme::Light => td_string!(locale, frame.theme_light),
        Theme::Dark => td_string!(locale, frame.theme_dark),
    }
}

/// The picture of a theme.
pub(super) fn theme_icon(theme: Theme) -> Icon {
    match theme {
        Theme::System => Icon::SunMoon,
        Theme::Light => Icon::Sun,
        Theme::Dark => Icon::Moon,
    }
}

/// Chooses the language: the server answers with the page in it.
#[component]
pub fn LanguageSwitch() -> impl IntoView {
    let i18n = use_i18n();
    let current = i18n.get_locale_untracked();
    view! {
        <details class="menu">
            <summary
                class="btn ghost"
                aria-label=format!("{}: {}", tu_string!(i18n, frame.language), own_name(current))
            >
                <Draw icon=Icon::Languages/>
                <span class="xs no-phone">{own_name(current)}</span>
            </summary>
            <div class="pop">
                {[Locale::ko, Locale::en]
                    .map(|locale| {
                        view! {
                            <form method="post" action="/do/set_language">
                                <input type="hidden" name="language" value=locale.as_str()/>
                                <button class="item" type="submit" lang=locale.as_str()>
                                    {own_name(locale)}
                                    {(locale == current).then(|| view! { <Tick/> })}
                                </button>
                            </form>
                        }
                    })
                    .collect_view()}
            </div>
        </details>
    }
}

/// Chooses the theme.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let i18n = use_i18n();
    let chosen = RwSignal::new(use_session().with_value(|session| session.preferences.theme));
    let menu = NodeRef::<leptos::html::Details>::new();
    let name = move |theme: Theme| theme_name(i18n.get_locale_untracked(), theme);
    view! {
        <details class="menu" node_ref=menu>
            <summary
                class="btn ghost sq"
                aria-label=move || {
                    format!("{}: {}", tu_string!(i18n, frame.theme), name(chosen.get()))
                }
            >
                <Draw icon=Icon::SunMoon/>
            </summary>
            <div class="pop">
                {Theme::ALL
                    .iter()
                    .map(|&theme| {
                        view! {
                            <form
                                method="post"
                                action="/do/set_theme"
                                on:submit=move |event| {
                                    send(&event);
                                    chosen.set(theme);
                                    show(theme);
                                    close(menu);
                                }
                            >
                                <input type="hidden" name="theme" value=theme.as_str()/>
                                <button class="item" type="submit">
                                    <Draw icon=theme_icon(theme)/>
                                    {name(theme)}
                                    {move || (chosen.get() == theme).then(|| view! { <Tick/> })}
                                </button>
                            </form>
                        }
                    })
                    .collect_view()}
            </div>
        </details>
    }
}

#[component]
fn Tick() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <svg class="ic on" viewBox="0 0 24 24" aria-hidden="true"><path d="M20 6 9 17l-5-5"></path></svg>
        <span class="hide">{tu_string!(i18n, frame.chosen)}</span>
    }
}

/// Closes a menu and gives the focus back to its button.
pub(super) fn close(menu: NodeRef<leptos::html::Details>) {
    if let Some(menu) = menu.get_untracked() {
        menu.set_open(false);
        if let Ok(Some(summary)) = menu.query_selector("summary") {
            use leptos::wasm_bindgen::JsCast;
            if let Some(summary) = summary.dyn_ref::<leptos::web_sys::HtmlElement>() {
                let _ = summary.focus();
            }
        }
    }
}

fn show(theme: Theme) {
    if let Some(root) = document().document_element() {
        let _ = match theme {
            Theme::System => root.remove_attribute("data-theme"),
            theme => root.set_attribute("data-theme", theme.as_str()),
        };
    }
}
