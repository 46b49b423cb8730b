//! The camera: asked for, shown, looked at until a label is in it, and let go of.

use std::time::Duration;

use leptos::{html::Video, prelude::*, task::spawn_local};
use leptos_i18n::{td_string, tu_string};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlVideoElement, MediaStream, MediaStreamConstraints, MediaStreamTrack};

use super::{ScanOf, label_of, reader::Reader};
use crate::{
    devices::claim_page::fill,
    hydrate::pause,
    i18n::{Locale, use_i18n},
};

/// Between two looks at the picture.
const LOOK: Duration = Duration::from_millis(120);

/// How it stands, as it is said below the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Asking,
    Looking,
    NotALabel,
    Refused,
    NoCamera,
    Busy,
    NotSecure,
}

impl Said {
    fn words(&self, locale: Locale) -> String {
        match self {
            Self::Asking => td_string!(locale, scan.asking),
            Self::Looking => td_string!(locale, scan.looking),
            Self::NotALabel => td_string!(locale, scan.not_a_label),
            Self::Refused => td_string!(locale, scan.refused),
            Self::NoCamera => td_string!(locale, scan.no_camera),
            Self::Busy => td_string!(locale, scan.busy),
            Self::NotSecure => td_string!(locale, scan.not_secure),
        }
        .to_owned()
    }

    fn is_wrong(&self) -> bool {
        !matches!(self, Self::Asking | Self::Looking)
    }
}

/// The picture and what is said below it, while it is wanted.
pub(super) fn shown(of: ScanOf) -> AnyView {
    let open = of.open;
    (move || open.get().then(|| view! { <Camera open/> })).into_any()
}

#[component]
fn Camera(open: RwSignal<bool>) -> impl IntoView {
    let i18n = use_i18n();
    let said = RwSignal::new(Said::Asking);
    let video = NodeRef::<Video>::new();
    let begun = StoredValue::new(false);
    Effect::new(move || {
        if let Some(video) = video.get()
            && !begun.get_value()
        {
            begun.set_value(true);
            spawn_local(watch(video, open, said));
        }
    });
    view! {
        <div class="scanner">
            <video
                node_ref=video
                autoplay
                playsinline
                muted
                aria-label=tu_string!(i18n, scan.picture)
            ></video>
            <p role="status" class:wrong=move || said.read().is_wrong()>
                {move || said.read().words(i18n.get_locale_untracked())}
            </p>
            <button type="button" class="btn" on:click=move |_| open.set(false)>
                {tu_string!(i18n, scan.close)}
            </button>
        </div>
    }
}

/// Looks until a label is found, or the camera is no longer wanted; then the camera is off.
async fn watch(video: HtmlVideoElement, open: RwSignal<bool>, said: RwSignal<Said>) {
    let wanted = || open.try_get_untracked() == Some(true);
    let stream = match ask().await {
        Ok(stream) => stream,
        Err(why) => {
            said.try_set(why);
            return;
        }
    };
    video.set_src_object(Some(&stream));
    said.try_set(Said::Looking);
    let mut reader = Reader::new();
    while wanted() {
        if let Some(text) = reader.look(&video).await {
            match label_of(&text) {
                Some((serial, code)) => {
                    fill(serial, code);
                    open.try_set(false);
                }
                None => {
                    said.try_set(Said::NotALabel);
                }
            }
        }
        pause(LOOK).await;
    }
    for track in stream.get_tracks() {
        track.unchecked_into::<MediaStreamTrack>().stop();
    }
}

/// Asks for the camera that looks away from the person.
async fn ask() -> Result<MediaStream, Said> {
    // Pages that did not come over TLS have none.
    let devices = window().navigator().media_devices().ok();
    let devices = devices
        .filter(|devices| !devices.is_undefined())
        .ok_or(Said::NotSecure)?;
    let facing = js_sys::Object::new();
    let set = |name: &str, value: &str| {
        js_sys::Reflect::set(&facing, &name.into(), &value.into()).is_ok()
    };
    set("facingMode", "environment");
    let wish = MediaStreamConstraints::new();
    wish.set_video(&facing);
    let asked = devices
        .get_user_media_with_constraints(&wish)
        .map_err(|error| why(&error))?;
    let stream = JsFuture::from(asked).await.map_err(|error| why(&error))?;
    Ok(stream.unchecked_into())
}

/// What the browser says when there is no picture.
fn why(error: &JsValue) -> Said {
    let name = js_sys::Reflect::get(error, &"name".into()).ok();
    match name.and_then(|name| name.as_string()).as_deref() {
        Some("NotFoundError" | "OverconstrainedError") => Said::NoCamera,
        Some("NotReadableError" | "AbortError") => Said::Busy,
        _ => Said::Refused,
    }
}
