//! Debugging a device: what passes between it and the server, and what one sends it.

use domain::{
    AppError, DeviceId,
    live::Subject,
    traffic::{TrafficFilter, TrafficQuery},
};
use leptos::{prelude::*, reactive::computed::ScopedFuture};
use leptos_i18n::td_string;
use leptos_router::{
    hooks::{use_params_map, use_query_map},
    params::ParamsMap,
};

use super::{
    acts::acts,
    messages::{Shown, messages},
    server_fns::{Debugged, read_debugged},
};
use crate::{
    Failure,
    i18n::use_i18n,
    live::watch,
    parts::{ErrorNotice, ForbiddenPage, NotFoundPage, PageTitle, later::later},
};

/// Debugging a device.
#[component]
pub fn DebugPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        let text = params.read().get("id").unwrap_or_default();
        text.parse::<DeviceId>().ok()
    });
    move || match id.get() {
        Some(id) => view! { <Debugging id/> }.into_any(),
        None => view! { <NotFoundPage/> }.into_any(),
    }
}

fn asked(map: &ParamsMap) -> TrafficQuery {
    let only = map.get("only").and_then(|name| TrafficFilter::parse(&name));
    TrafficQuery {
        only: only.unwrap_or(TrafficFilter::All),
        search: map.get("q").unwrap_or_default().trim().to_owned(),
        after: map
            .get("after")
            .and_then(|number| number.parse().ok())
            .unwrap_or(0),
    }
}

#[component]
fn Debugging(id: DeviceId) -> impl IntoView {
    let map = use_query_map();
    let query = Memo::new(move |_| asked(&map.read()));
    let changed = watch(move || Some(Subject::Traffic { device: id }));
    let first = Resource::new_blocking(
        || (),
        move |()| {
            let query = query.get_untracked();
            async move {
                read_debugged(id, query.clone())
                    .await
                    .map(|first| (query, first))
            }
        },
    );
    view! {
        <Transition>
            {move || Suspend::new(
                // What passes later changes the list alone: nothing that is typed or marked is lost.
                ScopedFuture::new_untracked(async move {
                    match first.await {
                        Ok((of, first)) => drawn(id, query, of, first, changed),
                        Err(Failure(AppError::NotFound)) => view! { <NotFoundPage/> }.into_any(),
                        Err(Failure(AppError::Forbidden)) => view! { <ForbiddenPage/> }.into_any(),
                        Err(Failure(error)) => {
                            view! { <ErrorNotice error=Signal::stored(Some(error))/> }.into_any()
                        }
                    }
                }),
            )}
        </Transition>
    }
}

fn drawn(
    id: DeviceId,
    query: Memo<TrafficQuery>,
    of: TrafficQuery,
    first: Debugged,
    changed: Signal<u64>,
) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let title = td_string!(locale, traffic.title).to_owned();
    let shown = Shown {
        id,
        query,
        of,
        messages: first.messages,
        changed,
    };
    view! {
        <PageTitle text=format!("{title} · {}", first.name)/>
        <div class="head">
            <h1>{title}</h1>
            <div class="row"><a class="lnk" href=format!("/devices/{id}")>{first.name}</a></div>
        </div>
        <div class="columns">
            <div>{messages(shown)}</div>
            <div>{later(move || acts(Box::new((id, changed))))}</div>
        </div>
    }
    .into_any()
}
