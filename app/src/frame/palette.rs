//! Search and commands: one box, opened by Ctrl or ⌘ K or `/`, driven by the keyboard alone if one likes.

use leptos::{html, prelude::*};
use leptos_i18n::tu_string;
use leptos_router::hooks::use_navigate;

use super::rail::Place;
use crate::{
    i18n::use_i18n,
    parts::{Draw, Icon},
    session::use_me,
};

#[derive(Clone, PartialEq)]
struct Entry {
    icon: Icon,
    words: String,
    href: String,
}

/// The dialog with the box and what matches, while `open`. Loaded when someone first searches.
#[lazy]
#[allow(
    clippy::unused_async,
    reason = "a part is waited for where it is loaded"
)]
pub(super) fn palette(open: RwSignal<bool>) -> AnyView {
    let i18n = use_i18n();
    let dialog = NodeRef::<html::Dialog>::new();
    let input = NodeRef::<html::Input>::new();
    let text = RwSignal::new(String::new());
    let chosen = RwSignal::new(0_usize);
    let places = Place::open_to(use_me().role.is_admin());
    let entries = Memo::new(move |_| {
        // Korean has no small letters; the tables of every other script are large.
        let wanted = text.get().trim().to_ascii_lowercase();
        let mut entries: Vec<Entry> = places
            .iter()
            .map(|place| Entry {
                icon: place.icon(),
                words: place.name(i18n).to_owned(),
                href: place.href().to_owned(),
            })
            .chain([
                Entry {
                    icon: Icon::Link,
                    words: tu_string!(i18n, frame.claim).to_owned(),
                    href: "/claim".to_owned(),
                },
                Entry {
                    icon: Icon::User,
                    words: tu_string!(i18n, frame.my_account).to_owned(),
                    href: "/account".to_owned(),
                },
            ])
            .filter(|entry| entry.words.to_ascii_lowercase().contains(&wanted))
            .collect();
        if !wanted.is_empty() {
            entries.push(Entry {
                icon: Icon::Search,
                words: tu_string!(
                    i18n,
                    frame.search_devices,
                    text = text.get().trim().to_owned()
                )
                .to_string(),
                href: format!(
                    "/devices?q={}",
                    leptos_router::location::Url::escape(text.get().trim())
                ),
            });
        }
        entries
    });
    Effect::new(move || {
        if let Some(dialog) = dialog.get() {
            match (open.get(), dialog.open()) {
                (true, false) => {
                    text.set(String::new());
                    chosen.set(0);
                    let _ = dialog.show_modal();
                    if let Some(input) = input.get_untracked() {
                        let _ = input.focus();
                    }
                }
                (false, true) => dialog.close(),
                _ => {}
            }
        }
    });
    let navigate = use_navigate();
    let go = Callback::new(move |href: String| {
        open.set(false);
        navigate(&href, leptos_router::NavigateOptions::default());
    });
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        let count = entries.with(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|at| *at = (*at + 1) % count),
            "ArrowUp" => chosen.update(|at| *at = (*at + count - 1) % count),
            "Enter" => {
                if let Some(entry) = entries.with(|all| all.get(chosen.get_untracked()).cloned()) {
                    go.run(entry.href);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <dialog
            class="palette"
            node_ref=dialog
            aria-label=tu_string!(i18n, frame.search)
            on:close=move |_| open.set(false)
        >
            <div class="q">
                <Draw icon=Icon::Search/>
                <input
                    node_ref=input
                    type="text"
                    role="combobox"
                    aria-expanded="true"
                    aria-controls="palette-entries"
                    aria-activedescendant=move || format!("palette-{}", chosen.get())
                    aria-label=tu_string!(i18n, frame.search)
                    placeholder=tu_string!(i18n, frame.search_hint)
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=move || text.get()
                    on:input=move |event| {
                        text.set(event_target_value(&event));
                        chosen.set(0);
                    }
                    on:keydown=on_key
                />
            </div>
            <ul id="palette-entries" role="listbox" aria-label=tu_string!(i18n, frame.search)>
                {move || {
                    entries
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(at, entry)| {
                            let href = entry.href.clone();
                            view! {
                                <li
                                    id=format!("palette-{at}")
                                    role="option"
                                    aria-selected=move || (chosen.get() == at).to_string()
                                    on:click=move |_| go.run(href.clone())
                                    on:mousemove=move |_| chosen.set(at)
                                >
                                    <Draw icon=entry.icon/>
                                    {entry.words}
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
            {move || {
                entries
                    .read()
                    .is_empty()
                    .then(|| view! { <p class="none">{tu_string!(i18n, frame.search_empty)}</p> })
            }}
        </dialog>
    }
    .into_any()
}
