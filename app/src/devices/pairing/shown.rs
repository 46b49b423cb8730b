//! The panel: what to do now, what the device does, and the form for the network.

use domain::{WifiNetwork, improv::Fault};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use leptos::{ev::SubmitEvent, html::Input, prelude::*, task::spawn_local};
use leptos_i18n::td_string;

use super::{
    PairingOf, bluetooth,
    bluetooth::Refused,
    conversation::{Seen, Step, Wrong, converse},
};
use crate::{
    i18n::{Locale, use_i18n},
    parts::{Mark, SubmitButton, status_mark::Shape},
};

/// The panel, while it is wanted.
pub(super) fn shown(of: PairingOf) -> AnyView {
    let locale = use_i18n().get_locale_untracked();
    (move || of.open.get().then(|| panel(of, locale))).into_any()
}

fn panel(of: PairingOf, locale: Locale) -> AnyView {
    if !bluetooth::is_there() {
        let words = match window().is_secure_context() {
            true => td_string!(locale, pairing.not_able),
            false => td_string!(locale, pairing.not_secure),
        };
        return view! {
            <div class="pairing">
                <p role="status" class="wrong">{words}</p>
                {closing(of, locale)}
            </div>
        }
        .into_any();
    }
    // Closed, all of this is gone, and with the sender the connection.
    let seen = Seen::new();
    let wishes = RwSignal::new(None::<UnboundedSender<WifiNetwork>>);
    let choose = move |_| {
        let (wish, wished) = unbounded();
        wishes.set(Some(wish));
        spawn_local(converse(of, seen, wished));
    };
    let busy = move || seen.step.read() == Step::Connecting;
    view! {
        <div class="pairing">
            <p class="sub">{td_string!(locale, pairing.hint)}</p>
            <div role="status">{move || said(locale, seen)}</div>
            {move || matches!(*seen.step.read(), Step::Choosing | Step::Connecting).then(|| view! {
                <button
                    type="button"
                    class="btn pri"
                    disabled=busy
                    on:click=choose
                >
                    {td_string!(locale, pairing.choose)}
                </button>
            })}
            <div hidden=move || !matches!(*seen.step.read(), Step::Touch | Step::Ready | Step::Trying)>
                {network(locale, seen, wishes)}
            </div>
            {closing(of, locale)}
        </div>
    }
    .into_any()
}

fn closing(of: PairingOf, locale: Locale) -> AnyView {
    view! {
        <button type="button" class="btn" on:click=move |_| of.open.set(false)>
            {td_string!(locale, pairing.close)}
        </button>
    }
    .into_any()
}

/// What is going on, and what went wrong last.
fn said(locale: Locale, seen: Seen) -> AnyView {
    let name = seen.name.get().unwrap_or_default();
    let step = seen.step.get();
    let (mark, words) = match &step {
        Step::Choosing => (None, None),
        Step::Connecting => (
            Some(Mark::Working),
            Some(td_string!(locale, pairing.connecting).to_owned()),
        ),
        Step::Touch => (
            Some(Mark::Warning),
            Some(td_string!(locale, pairing.touch, name = name)),
        ),
        Step::Ready => (
            Some(Mark::Online),
            Some(td_string!(locale, pairing.ready, name = name)),
        ),
        Step::Trying => (
            Some(Mark::Working),
            Some(td_string!(locale, pairing.trying, name = name)),
        ),
        Step::Done(None) => (
            Some(Mark::Done),
            Some(td_string!(locale, pairing.done).to_owned()),
        ),
        Step::Done(Some(site)) => (
            Some(Mark::Done),
            Some(td_string!(
                locale,
                pairing.done_elsewhere,
                site = site.clone()
            )),
        ),
    };
    let wrong = seen.wrong.get().map(|wrong| {
        view! {
            <p class="wrong"><Shape mark=Mark::Failed/>{wrong_words(locale, wrong)}</p>
        }
    });
    let now = mark.zip(words).map(|(mark, words)| {
        view! {
            <p class="now"><Shape mark/>{words}</p>
        }
    });
    view! { {wrong}{now} }.into_any()
}

fn wrong_words(locale: Locale, wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Fault(Fault::UnableToConnect) => td_string!(locale, pairing.not_joined),
        Wrong::Fault(Fault::NotAuthorized) => td_string!(locale, pairing.not_touched),
        Wrong::Fault(Fault::InvalidPacket | Fault::UnknownCommand) => {
            td_string!(locale, pairing.not_understood)
        }
        Wrong::Fault(Fault::Unknown | Fault::None) => td_string!(locale, pairing.not_reached),
        Wrong::Refused(Refused::NotChosen) => td_string!(locale, pairing.not_chosen),
        Wrong::Refused(Refused::NotAllowed) => td_string!(locale, pairing.not_allowed),
        Wrong::Refused(Refused::Failed) => td_string!(locale, pairing.not_connected),
        Wrong::Gone => td_string!(locale, pairing.gone),
    }
}

/// The form for the network. It is sent to the device and nowhere else, so its fields have no names.
fn network(
    locale: Locale,
    seen: Seen,
    wishes: RwSignal<Option<UnboundedSender<WifiNetwork>>>,
) -> AnyView {
    let (ssid, password) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let wrong = RwSignal::new(None::<&'static str>);
    let is_shown = RwSignal::new(false);
    let trying = Signal::derive(move || *seen.step.read() == Step::Trying);
    Effect::new(move || {
        if matches!(*seen.step.read(), Step::Done(_))
            && let Some(password) = password.get_untracked()
        {
            password.set_value("");
        }
    });
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        let (Some(ssid), Some(password)) = (ssid.get_untracked(), password.get_untracked()) else {
            return;
        };
        match WifiNetwork::new(ssid.value(), Some(password.value()), false, false) {
            Ok(network) => {
                wrong.set(None);
                if let Some(wish) = wishes.get_untracked() {
                    // Where nobody takes it any more, it is said already that the device is gone.
                    let _ = wish.unbounded_send(network);
                }
            }
            Err(error) => {
                wrong.set(Some(error.0));
                let _ = match error.0 {
                    "ssid" => ssid.focus(),
                    _ => password.focus(),
                };
            }
        }
    };
    let about = move |field: &'static str, hint: &'static str, words: &'static str| {
        move || match wrong.get() == Some(field) {
            true => view! { <p class="wrong"><Shape mark=Mark::Failed/>{words}</p> }.into_any(),
            false => view! { <p class="hint">{hint}</p> }.into_any(),
        }
    };
    view! {
        <form class="form" novalidate on:submit=send>
            <div class="fld">
                <label for="pairing-ssid">{td_string!(locale, wifi.ssid)}</label>
                <input
                    class="in"
                    id="pairing-ssid"
                    node_ref=ssid
                    list="pairing-networks"
                    maxlength="32"
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    readonly=trying
                    aria-invalid=move || (wrong.get() == Some("ssid")).then_some("true")
                    aria-describedby="pairing-ssid-about"
                />
                <datalist id="pairing-networks">
                    {move || seen.networks.get().into_iter().map(|seen| view! {
                        <option value=seen.ssid>{format!("{} dBm", seen.rssi)}</option>
                    }).collect_view()}
                </datalist>
                <div id="pairing-ssid-about">
                    {about(
                        "ssid",
                        td_string!(locale, wifi.ssid_hint),
                        td_string!(locale, wifi.ssid_wrong),
                    )}
                </div>
            </div>
            <div class="fld">
                <label for="pairing-password">{td_string!(locale, wifi.password)}</label>
                <input
                    class="in"
                    id="pairing-password"
                    node_ref=password
                    type=move || if is_shown.get() { "text" } else { "password" }
                    maxlength="64"
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    readonly=trying
                    aria-invalid=move || (wrong.get() == Some("password")).then_some("true")
                    aria-describedby="pairing-password-about"
                />
                <div id="pairing-password-about">
                    {about(
                        "password",
                        td_string!(locale, pairing.password_hint),
                        td_string!(locale, wifi.password_wrong),
                    )}
                </div>
                <label class="check">
                    <input
                        type="checkbox"
                        on:change=move |event| is_shown.set(event_target_checked(&event))
                    />
                    <span>{td_string!(locale, wifi.show)}</span>
                </label>
            </div>
            <div class="row">
                <SubmitButton
                    label=td_string!(locale, pairing.send)
                    busy_label=td_string!(locale, frame.working)
                    busy=trying
                />
            </div>
        </form>
    }
    .into_any()
}
