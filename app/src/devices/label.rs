//! What a device's label says: its code, shown once, as a QR code, a link and a command.

use std::fmt::Write as _;

use leptos::prelude::*;
use leptos_i18n::tu_string;
use serde::{Deserialize, Serialize};

use crate::{
    form::FormState,
    i18n::use_i18n,
    parts::{CopyButton, Draw, Icon},
};

/// Modules of white around a QR code, without which readers do not find it (ISO/IEC 18004).
const QUIET: usize = 4;

/// A device's code, shown once. It is short enough for the cookie that carries it to a page without a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Its serial number.
    pub cpu_serial: String,
    /// The code.
    pub code: String,
    /// What the QR code holds.
    pub link: String,
    /// The QR code's modules row by row, four to a hexadecimal digit, the first one in its highest bit.
    pub qr: String,
}

#[cfg(feature = "ssr")]
impl Label {
    /// Of a device that has just been given a code.
    pub(crate) fn of(made: &service::devices::Preregistered) -> Self {
        Self {
            cpu_serial: made.link.serial.clone(),
            code: made.code.to_string(),
            link: made.link.to_string(),
            qr: pack(&made.qr_modules),
        }
    }
}

/// Four modules to a hexadecimal digit; the last digit is filled with light ones.
#[cfg(any(feature = "ssr", test))]
fn pack(modules: &[bool]) -> String {
    modules
        .chunks(4)
        .map(|four| {
            (0..4).fold(0, |digit, at| {
                digit * 2 + u32::from(four.get(at).copied().unwrap_or(false))
            })
        })
        .filter_map(|digit| char::from_digit(digit, 16))
        .collect()
}

/// The side of the square and its dark modules as one path; `None` where it is no QR code.
fn path(packed: &str) -> Option<(usize, String)> {
    let mut modules = Vec::with_capacity(packed.len() * 4);
    for digit in packed.chars() {
        let digit = digit.to_digit(16)?;
        modules.extend([8, 4, 2, 1].map(|bit| digit & bit != 0));
    }
    // QR codes are 21, 25, 29, … 177 modules wide; packing adds less than one digit.
    let side = (21_usize..=177)
        .step_by(4)
        .find(|side| (side * side).div_ceil(4) == packed.len())?;
    let mut path = String::new();
    for (y, row) in modules.chunks(side).take(side).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run[0] {
                let wide = run.len();
                let _ = write!(path, "M{x} {y}h{wide}v1h-{wide}z");
            }
            x += run.len();
        }
    }
    Some((side, path))
}

/// A QR code of so many modules, with its quiet zone; nothing where it is none.
#[component]
pub(super) fn QrCode(
    /// The modules as [`Label::qr`] holds them.
    packed: String,
) -> impl IntoView {
    let i18n = use_i18n();
    path(&packed).map(|(side, dark)| {
        let whole = side + 2 * QUIET;
        view! {
            <svg
                class="qr"
                viewBox=format!("-{QUIET} -{QUIET} {whole} {whole}")
                shape-rendering="crispEdges"
                role="img"
                aria-label=tu_string!(i18n, devices.qr)
            >
                <rect x=format!("-{QUIET}") y=format!("-{QUIET}") width=whole height=whole fill="#fff"></rect>
                <path d=dark fill="#000"></path>
            </svg>
        }
    })
}

/// The forms of a page that give a device a code.
#[derive(Clone, Copy)]
pub(super) struct MadeBy {
    /// The one that gives it another code.
    pub(super) renew: FormState,
    /// The one that pre-registers it.
    pub(super) register: Option<FormState>,
}

/// The label that was made last, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn made_label(by: Box<MadeBy>) -> AnyView {
    made(*by)
}

/// The label that was made last. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn made_label(by: Box<MadeBy>) -> AnyView {
    made(*by)
}

fn made(MadeBy { renew, register }: MadeBy) -> AnyView {
    let label = move || {
        let renewed = renew.outcome::<Label>();
        renewed.or_else(|| register.and_then(|form| form.outcome()))
    };
    (move || label().map(|label| view! { <ShownLabel label/> })).into_any()
}

/// The label: QR code, code, link, and the command for the device; prints alone.
#[component]
pub fn ShownLabel(
    /// What it says.
    label: Label,
) -> impl IntoView {
    let i18n = use_i18n();
    let command = format!("madang-agent enroll '{}'", label.link);
    let (code, link) = (label.code.clone(), label.link.clone());
    view! {
        <section class="card label" role="status">
            <QrCode packed=label.qr/>
            <div class="body">
                <h2>{tu_string!(i18n, devices.code_once)}</h2>
                <p class="mut no-print">{tu_string!(i18n, devices.code_once_hint)}</p>
                <div class="row">
                    <b class="mono secret">{label.code}</b>
                    <span class="no-print"><CopyButton text=code/></span>
                </div>
                <p class="mono mut">{label.cpu_serial}</p>
                <h3 class="no-print">{tu_string!(i18n, devices.claim_link)}</h3>
                <div class="row no-print">
                    <a class="mono lnk ell" href=link.clone()>
                        {link.clone()}
                    </a>
                    <CopyButton text=link/>
                </div>
                <h3 class="no-print">{tu_string!(i18n, devices.enroll_command)}</h3>
                <div class="row no-print">
                    <code class="ell">{command.clone()}</code>
                    <CopyButton text=command/>
                </div>
                <div class="row no-print scripted">
                    <button type="button" class="btn" on:click=|_| print()>
                        <Draw icon=Icon::Printer/>
                        {tu_string!(i18n, devices.print)}
                    </button>
                </div>
            </div>
        </section>
    }
}

#[cfg(feature = "hydrate")]
pub(super) fn print() {
    // A browser that refuses to print says so itself.
    let _ = window().print();
}

#[cfg(not(feature = "hydrate"))]
pub(super) fn print() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_draws_each_run_of_dark_modules() {
        let mut modules = vec![false; 21 * 21];
        for at in [0, 1, 2, 20, 21, 440] {
            modules[at] = true;
        }
        let (side, path) = path(&pack(&modules)).expect("a code");
        assert_eq!(side, 21);
        assert_eq!(path, "M0 0h3v1h-3zM20 0h1v1h-1zM0 1h1v1h-1zM20 20h1v1h-1z");
    }

    #[test]
    fn every_width_of_a_code_is_found_again() {
        for side in (21_usize..=177).step_by(4) {
            let modules = vec![true; side * side];
            assert_eq!(path(&pack(&modules)).expect("a code").0, side);
        }
        assert!(path("ff").is_none());
        assert!(path(&"x".repeat(111)).is_none());
    }
}
