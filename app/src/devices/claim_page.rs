//! Claiming a device: from the QR code of its label, or by typing what stands on it.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    pairing::{PairingOf, pairing},
    scan::{ScanOf, scanner},
    server_fns::ClaimDevice,
};
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{Draw, ErrorNotice, Field, Icon, PageTitle, SubmitButton, later::when},
};

/// The claim form; the address's fragment fills it and never reaches the server's log.
#[component]
pub fn ClaimPage() -> impl IntoView {
    let i18n = use_i18n();
    let form = FormState::of::<ClaimDevice>();
    let open = RwSignal::new(false);
    let pair = RwSignal::new(false);
    // What needs a script says so until it can: a click before that would be lost.
    let alive = RwSignal::new(false);
    Effect::new(move || alive.set(true));
    #[cfg(feature = "hydrate")]
    Effect::new(fill_from_address);
    view! {
        <PageTitle text=tu_string!(i18n, devices.claim)/>
        <h1>{tu_string!(i18n, devices.claim)}</h1>
        <div class="settings">
        <section class="card">
            <div class="pad">
            <p class="sub">{tu_string!(i18n, devices.claim_hint)}</p>
            <div class="row scripted">
                <button
                    type="button"
                    class="btn"
                    disabled=move || !alive.get()
                    aria-expanded=move || open.get().to_string()
                    on:click=move |_| open.set(true)
                >
                    <Draw icon=Icon::QrCode/>
                    {tu_string!(i18n, scan.open)}
                </button>
                <button
                    type="button"
                    class="btn"
                    disabled=move || !alive.get()
                    aria-expanded=move || pair.get().to_string()
                    on:click=move |_| pair.set(true)
                >
                    <Draw icon=Icon::Wifi/>
                    {tu_string!(i18n, pairing.open)}
                </button>
            </div>
            {when(move || open.get(), move || scanner(Box::new(ScanOf { open })))}
            {when(move || pair.get(), move || pairing(Box::new(PairingOf { open: pair })))}
            <PostForm form class="form">
                <ErrorNotice error=form.other_error(&["code", "cpu_serial"])/>
                <Field
                    name="cpu_serial"
                    label=tu_string!(i18n, devices.serial)
                    form
                    maxlength=128
                />
                <Field
                    name="code"
                    label=tu_string!(i18n, devices.code)
                    form
                    autocomplete="off"
                    maxlength=64
                />
                <div class="row"><SubmitButton
                    label=tu_string!(i18n, devices.claim_button)
                    busy_label=tu_string!(i18n, frame.working)
                    busy=form.pending
                /></div>
            </PostForm>
            </div>
        </section>
        </div>
    }
}

/// What the address holds behind `#`: a label's content, or the serial number alone, as a device gives it that was just
/// paired.
#[cfg(feature = "hydrate")]
fn fill_from_address() {
    let fragment = window().location().hash().unwrap_or_default();
    match super::scan::parts_of(&fragment) {
        Some((serial, code)) => fill(serial, code),
        None if fragment.contains(',') => {}
        None => fill_serial(fragment.trim_start_matches('#')),
    }
}

/// Fills the form, and leads on to its button.
#[cfg(feature = "hydrate")]
pub(super) fn fill(serial: &str, code: &str) {
    put("cpu_serial", serial);
    put("code", code);
}

/// Fills the serial number; a code that is there stays.
#[cfg(feature = "hydrate")]
pub(super) fn fill_serial(serial: &str) {
    if !serial.is_empty() {
        put("cpu_serial", serial);
    }
}

#[cfg(feature = "hydrate")]
fn put(name: &str, value: &str) {
    use wasm_bindgen::JsCast;
    let field = document()
        .get_element_by_id(name)
        .and_then(|element| element.dyn_into::<web_sys::HtmlInputElement>().ok());
    if let Some(field) = field {
        field.set_value(value);
    }
}
