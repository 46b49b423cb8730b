//! The foot of a tile whose value somebody set by hand: by whom, since when, and the way back.

use domain::{DeviceId, forced::Forced};
use leptos::prelude::*;
use leptos_i18n::td_string;

use crate::{
    form::{FormState, PostForm},
    i18n::Locale,
    parts::{Mark, Time, status_mark::Shape},
};

pub(crate) fn forced_foot(
    locale: Locale,
    id: DeviceId,
    key: &str,
    forced: &Forced,
    release: Option<FormState>,
) -> AnyView {
    let said = td_string!(locale, traffic.forced_by, name = forced.by.clone()).to_string();
    let at = Some(forced.at);
    let key = key.to_owned();
    let back = release.map(|release| {
        view! {
            <span class="push">
                <PostForm form=release>
                    <input type="hidden" name="id" value=id.to_string()/>
                    <input type="hidden" name="of" value=key/>
                    <button
                        class="btn ghost sm"
                        type="submit"
                        title=td_string!(locale, traffic.release_what)
                        disabled=move || release.pending.get()
                    >
                        {td_string!(locale, traffic.release)}
                    </button>
                </PostForm>
            </span>
        }
    });
    view! {
        <span class="status">
            <Shape mark=Signal::stored(Mark::Warning)/>
            <span class="why">{said}</span>
        </span>
        <Time at=Signal::stored(at)/>
        {back}
    }
    .into_any()
}
