//! Tags of devices that were picked in the list, for who has no script: the form beside the list does not know then
//! which boxes are ticked, so these are sent here.

use domain::{AppError, DeviceId};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::hooks::use_query_map;

use super::list_bulk::{self, Bulk};
use crate::{
    i18n::use_i18n,
    parts::{ErrorNotice, PageTitle},
};

/// The form that tags the devices which the address names.
#[component]
pub fn TagPage() -> impl IntoView {
    let i18n = use_i18n();
    let map = use_query_map();
    let bulk = Bulk::new();
    let devices = Memo::new(move |_| {
        let named = map.read().get_all("device").unwrap_or_default();
        let ids = named.iter().filter_map(|id| id.parse().ok());
        ids.collect::<Vec<DeviceId>>()
    });
    let form = move || match devices.get().as_slice() {
        [] => {
            let none = AppError::invalid("target", "no_devices");
            view! { <ErrorNotice error=Signal::stored(Some(none))/> }.into_any()
        }
        devices => list_bulk::tag_these(devices, bulk),
    };
    view! {
        <PageTitle text=tu_string!(i18n, finding.change_tags)/>
        <div class="head"><h1>{tu_string!(i18n, finding.change_tags)}</h1></div>
        <div class="settings broad">
            {list_bulk::tagged(bulk)}
            {form}
            <p class="row"><a class="btn" href="/devices">{tu_string!(i18n, jobs.to_devices)}</a></p>
        </div>
    }
}
