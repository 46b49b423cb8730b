//! Search and commands: one box, opened by Ctrl or ⌘ K or `/`, driven by the keyboard alone if one likes.

use std::time::Duration;

use domain::{
    account::Theme,
    device::{DeviceQuery, DeviceSummary},
};
use leptos::{html, prelude::*};
use leptos_i18n::{I18nContext, Locale as _, tu_string};
use leptos_router::hooks::use_navigate;

use super::{
    rail::Place,
    switches::{own_name, theme_icon, theme_name},
};
use crate::{
    devices::finding_server_fns::find_devices,
    i18n::{I18nKeys, Locale, use_i18n},
    parts::{Draw, Icon},
    reading::read_again,
    session::use_me,
};

/// Devices are looked for from this many characters up.
const FEWEST_CHARACTERS: usize = 2;
/// As many of them are shown; the list of devices has the others.
const MOST_DEVICES: usize = 5;
/// Nobody is asked while somebody types on.
const TYPED: Duration = Duration::from_millis(250);

#[derive(Clone, PartialEq)]
struct Entry {
    icon: Icon,
    words: String,
    act: Act,
}

/// What an entry does.
#[derive(Clone, PartialEq)]
enum Act {
    /// Shows the page of this address.
    Open(String),
    /// Posts one field, or none where it has no name, and shows the page that the server answers with.
    Post {
        address: &'static str,
        field: &'static str,
        value: &'static str,
    },
}

impl Entry {
    fn open(icon: Icon, words: &str, href: &str) -> Self {
        Self {
            icon,
            words: words.to_owned(),
            act: Act::Open(href.to_owned()),
        }
    }
}

/// The pages that this person may open.
fn pages(i18n: I18nContext<Locale, I18nKeys>, admin: bool) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Place::open_to(admin)
        .iter()
        .map(|place| Entry::open(place.icon(), place.name(i18n), place.href()))
        .collect();
    entries.extend([
        Entry::open(Icon::Link, tu_string!(i18n, frame.claim), "/claim"),
        Entry::open(Icon::Activity, tu_string!(i18n, finding.charts), "/charts"),
        Entry::open(Icon::Bell, tu_string!(i18n, frame.notices), "/notices"),
    ]);
    if admin {
        entries.extend([
            Entry::open(
                Icon::Plus,
                tu_string!(i18n, devices.preregister),
                "/devices/new",
            ),
            Entry::open(
                Icon::Download,
                tu_string!(i18n, imports.title),
                "/devices/import",
            ),
        ]);
    }
    entries.push(Entry::open(
        Icon::User,
        tu_string!(i18n, frame.my_account),
        "/account",
    ));
    entries
}

/// What can be done from every page: another language, another theme, signing out.
fn commands(i18n: I18nContext<Locale, I18nKeys>) -> Vec<Entry> {
    let own = i18n.get_locale_untracked();
    let others = [Locale::ko, Locale::en]
        .into_iter()
        .filter(|locale| *locale != own);
    let languages = others.map(|locale| Entry {
        icon: Icon::Languages,
        words: format!("{}: {}", tu_string!(i18n, frame.language), own_name(locale)),
        act: Act::Post {
            address: "/do/set_language",
            field: "language",
            value: locale.as_str(),
        },
    });
    let themes = Theme::ALL.iter().map(|&theme| Entry {
        icon: theme_icon(theme),
        words: format!(
            "{}: {}",
            tu_string!(i18n, frame.theme),
            theme_name(own, theme)
        ),
        act: Act::Post {
            address: "/do/set_theme",
            field: "theme",
            value: theme.as_str(),
        },
    });
    let leave = Entry {
        icon: Icon::LogOut,
        words: tu_string!(i18n, frame.sign_out).to_owned(),
        act: Act::Post {
            address: "/do/sign_out",
            field: "",
            value: "",
        },
    };
    languages.chain(themes).chain([leave]).collect()
}

/// The first devices that a text finds, as the list of devices finds them.
async fn devices_of(text: String) -> Vec<DeviceSummary> {
    if text.chars().count() < FEWEST_CHARACTERS {
        return Vec::new();
    }
    let query = DeviceQuery {
        search: text,
        page_size: 10,
        ..DeviceQuery::default()
    };
    match find_devices(query).await {
        Ok(found) => found.items.into_iter().take(MOST_DEVICES).collect(),
        // The list of devices, which is always offered, says why.
        Err(_) => Vec::new(),
    }
}

/// A device, by its name and serial number.
fn of_device(device: &DeviceSummary) -> Entry {
    let words = match device.name == device.cpu_serial {
        true => device.name.clone(),
        false => format!("{} · {}", device.name, device.cpu_serial),
    };
    Entry::open(Icon::Cpu, &words, &format!("/devices/{}", device.id))
}

/// Scrolls the list to an entry that the keys have chosen.
fn in_sight(at: usize) {
    if let Some(entry) = document().get_element_by_id(&format!("palette-{at}")) {
        entry.scroll_into_view_with_bool(false);
    }
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
    let admin = use_me().role.is_admin();
    let typed = RwSignal::new(String::new());
    let mut type_on = debounce(TYPED, move |text: String| typed.set(text));
    let found = RwSignal::new((String::new(), Vec::<DeviceSummary>::new()));
    read_again(
        Memo::new(move |_| typed.read().trim().to_owned()),
        Some(String::new()),
        devices_of,
        move |text, devices| found.set((text, devices)),
    );
    let entries = Memo::new(move |_| {
        let text = text.read();
        let text = text.trim();
        // Korean has no small letters; the tables of every other script are large.
        let wanted = text.to_ascii_lowercase();
        let mut entries: Vec<Entry> = pages(i18n, admin)
            .into_iter()
            .chain(commands(i18n))
            .filter(|entry| entry.words.to_ascii_lowercase().contains(&wanted))
            .collect();
        if !wanted.is_empty() {
            let words = tu_string!(i18n, frame.search_devices, text = text.to_owned()).to_string();
            let href = format!("/devices?q={}", leptos_router::location::Url::escape(text));
            entries.push(Entry::open(Icon::Search, &words, &href));
            // Below all others: what comes later moves nothing that is chosen.
            found.with(|(of, devices)| {
                if of == text {
                    entries.extend(devices.iter().map(of_device));
                }
            });
        }
        entries
    });
    Effect::new(move || {
        if let Some(dialog) = dialog.get() {
            match (open.get(), dialog.open()) {
                (true, false) => {
                    text.set(String::new());
                    typed.set(String::new());
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
    let form = NodeRef::<html::Form>::new();
    let field = NodeRef::<html::Input>::new();
    let run = Callback::new(move |act: Act| {
        open.set(false);
        match act {
            Act::Open(href) => navigate(&href, leptos_router::NavigateOptions::default()),
            Act::Post {
                address,
                field: name,
                value,
            } => {
                if let (Some(form), Some(field)) = (form.get_untracked(), field.get_untracked()) {
                    field.set_name(name);
                    field.set_value(value);
                    form.set_action(address);
                    let _ = form.submit();
                }
            }
        }
    });
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        let count = entries.with(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => {
                chosen.update(|at| *at = (*at + 1) % count);
                in_sight(chosen.get_untracked());
            }
            "ArrowUp" => {
                chosen.update(|at| *at = (*at + count - 1) % count);
                in_sight(chosen.get_untracked());
            }
            "Enter" => {
                if let Some(entry) = entries.with(|all| all.get(chosen.get_untracked()).cloned()) {
                    run.run(entry.act);
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
                        let now = event_target_value(&event);
                        type_on(now.clone());
                        text.set(now);
                        chosen.set(0);
                    }
                    on:keydown=on_key
                />
            </div>
            <form method="post" node_ref=form hidden>
                <input type="hidden" node_ref=field/>
            </form>
            <ul id="palette-entries" role="listbox" aria-label=tu_string!(i18n, frame.search)>
                {move || {
                    entries
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(at, entry)| {
                            let act = entry.act.clone();
                            view! {
                                <li
                                    id=format!("palette-{at}")
                                    role="option"
                                    aria-selected=move || (chosen.get() == at).to_string()
                                    on:click=move |_| run.run(act.clone())
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
