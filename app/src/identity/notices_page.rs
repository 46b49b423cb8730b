//! What one was told, newest first; reading it, and marking it.

use domain::{Page, identity::Notice, live::Subject};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::hooks::use_query_map;

use super::{
    server_fns::{MarkNotice, list_notices},
    words,
};
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    live,
    parts::{Empty, ErrorNotice, Icon, Mark, PageTitle, Pagination, Time, status_mark::Shape},
    session::use_me,
};

/// The notices of whoever is signed in.
#[component]
pub fn NoticesPage() -> impl IntoView {
    let i18n = use_i18n();
    let query = use_query_map();
    let page = Memo::new(move |_| {
        let number = query.read().get("page").and_then(|page| page.parse().ok());
        number.unwrap_or(1_u32)
    });
    let mark = FormState::of::<MarkNotice>();
    let changed = live::watch(|| Some(Subject::Overview));
    let notices = Resource::new_blocking(
        move || (page.get(), mark.times_done(), changed.get()),
        |(page, ..)| list_notices(page),
    );
    view! {
        <PageTitle text=tu_string!(i18n, frame.notices)/>
        <div class="head">
            <h1>{tu_string!(i18n, frame.notices)}</h1>
            <div class="acts">
                <PostForm form=mark>
                    <input type="hidden" name="read" value="true"/>
                    <button class="btn" type="submit">{tu_string!(i18n, identity.read_all)}</button>
                </PostForm>
            </div>
        </div>
        <ErrorNotice error=mark.error/>
        <Transition>
            {move || Suspend::new(async move {
                match notices.await {
                    Ok(notices) => list(notices, mark),
                    Err(failure) => view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

fn list(notices: Page<Notice>, mark: FormState) -> AnyView {
    let i18n = use_i18n();
    if notices.items.is_empty() {
        return view! {
            <section class="card">
                <Empty
                    icon=Icon::Bell
                    title=tu_string!(i18n, identity.no_notices)
                    text=tu_string!(i18n, identity.no_notices_hint)
                />
            </section>
        }
        .into_any();
    }
    let href = Callback::new(|page| format!("/notices?page={page}"));
    view! {
        <section class="card">
            <ol class="list events notices">
                {notices.items.into_iter().map(|notice| line(notice, mark)).collect_view()}
            </ol>
            <Pagination total=notices.total page=notices.page page_size=notices.page_size href/>
        </section>
    }
    .into_any()
}

fn line(notice: Notice, mark: FormState) -> AnyView {
    let i18n = use_i18n();
    let admin = use_me().role.is_admin();
    let read = notice.read_at.is_some();
    let (kind, name) = (
        notice.finding.map(|(_, kind)| kind),
        notice.device.as_ref().map(|(_, name)| name.clone()),
    );
    let href = match (notice.finding, &notice.device) {
        (Some((finding, _)), _) if admin => format!("/identity/{finding}"),
        (_, Some((device, _))) => format!("/devices/{device}"),
        _ => "/notices".to_owned(),
    };
    view! {
        <li class:unread=!read>
            <Shape mark=Signal::stored(if read { Mark::Done } else { Mark::Warning })/>
            <div>
                <a class="strong" href=href>
                    {kind.map(|kind| words::kind(i18n.get_locale_untracked(), kind))}
                    {name.map(|name| format!(" · {name}"))}
                </a>
                <span class="push xs"><Time at=Signal::stored(Some(notice.at))/></span>
                <span class="about-it">
                    {kind.map(|kind| words::meaning(i18n.get_locale_untracked(), kind))}
                </span>
                <PostForm form=mark>
                    <input type="hidden" name="notice" value=notice.id/>
                    <input type="hidden" name="read" value=(!read).to_string()/>
                    <button class="btn sm ghost" type="submit">
                        {if read {
                            tu_string!(i18n, identity.mark_unread)
                        } else {
                            tu_string!(i18n, identity.mark_read)
                        }}
                    </button>
                </PostForm>
            </div>
        </li>
    }
    .into_any()
}
