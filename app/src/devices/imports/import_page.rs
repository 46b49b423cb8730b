//! Pre-registering thousands: a file or pasted lines in, and what was imported before.

use domain::{AppError, Page, import::Import};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::hooks::use_query_map;

use super::{server_fns::list_imports, words};
use crate::{
    form::{self, FormState},
    i18n::use_i18n,
    parts::{
        ErrorNotice, ForbiddenPage, Mark, PageTitle, Pagination, SubmitButton, Time,
        number::grouped, status_mark::Shape,
    },
    session::use_me,
};

const SAMPLE: &str = "serial,name,hardware_version,variant,components\n\
                      10000000abcd0001,Greenhouse 1,5,Standard,dht22 led\n\
                      10000000abcd0002,Greenhouse 2,5,Standard,dht22 led";

/// The form and the list; administrators only.
#[component]
pub fn ImportPage() -> impl IntoView {
    if use_me().role.is_admin() {
        view! { <Import/> }.into_any()
    } else {
        view! { <ForbiddenPage/> }.into_any()
    }
}

#[component]
fn Import() -> impl IntoView {
    let i18n = use_i18n();
    let query = use_query_map();
    let form = FormState::at("/do/import_devices");
    // A post without a script comes back with the reason in the address.
    let wrong = move || match form.error.get() {
        Some(AppError::Invalid { message, .. } | AppError::Conflict { message }) => Some(message),
        Some(_) => None,
        None => query.read().get("wrong"),
    };
    let other = Signal::derive(move || {
        form.error
            .get()
            .filter(|error| !matches!(error, AppError::Invalid { .. } | AppError::Conflict { .. }))
    });
    let page = Memo::new(move |_| {
        let number = query.read().get("page").and_then(|page| page.parse().ok());
        number.unwrap_or(1_u32)
    });
    let imports = Resource::new_blocking(move || page.get(), list_imports);
    view! {
        <PageTitle text=tu_string!(i18n, imports.title)/>
        <div class="head">
            <h1>{tu_string!(i18n, imports.title)}</h1>
            <div class="acts">
                <a class="btn" href="/devices/new">{tu_string!(i18n, imports.one)}</a>
            </div>
        </div>
        <div class="settings broad">
            <section class="card">
                <form
                    class="form pad"
                    method="post"
                    action=form.address
                    enctype="multipart/form-data"
                    on:submit=move |event| form::upload(form, &event)
                >
                    <div role="alert">
                        {move || {
                            wrong().map(|key| view! {
                                <p class="banner bad">
                                    <Shape mark=Mark::Failed/>
                                    <span>{words::why(i18n.get_locale_untracked(), &key)}</span>
                                </p>
                            })
                        }}
                    </div>
                    <ErrorNotice error=other/>
                    <div class="fld">
                        <label for="file">{tu_string!(i18n, imports.file)}</label>
                        <input
                            class="in file"
                            id="file"
                            name="file"
                            type="file"
                            accept=".csv,.txt,.tsv,text/csv,text/plain"
                            aria-describedby="file-about"
                        />
                        <p class="hint" id="file-about">{tu_string!(i18n, imports.file_hint)}</p>
                    </div>
                    <div class="fld">
                        <label for="text">{tu_string!(i18n, imports.paste)}</label>
                        <textarea
                            class="in mono"
                            id="text"
                            name="text"
                            rows="6"
                            spellcheck="false"
                            placeholder=SAMPLE
                            aria-describedby="text-about"
                        ></textarea>
                        <p class="hint" id="text-about">{tu_string!(i18n, imports.columns)}</p>
                    </div>
                    <div class="row">
                        <SubmitButton
                            label=tu_string!(i18n, imports.start)
                            busy_label=tu_string!(i18n, frame.working)
                            busy=form.pending
                        />
                    </div>
                </form>
            </section>
            <section class="card">
                <header><h2>{tu_string!(i18n, imports.before)}</h2></header>
                <Transition>
                    {move || Suspend::new(async move {
                        match imports.await {
                            Ok(page) => list(page),
                            Err(failure) => {
                                view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                            }
                        }
                    })}
                </Transition>
            </section>
        </div>
    }
}

fn list(page: Page<Import>) -> AnyView {
    let i18n = use_i18n();
    if page.items.is_empty() {
        return view! { <p class="mut pad">{tu_string!(i18n, imports.none)}</p> }.into_any();
    }
    let rows = page.items.into_iter().map(|import| {
        let name = super::progress_page::name_of(i18n.get_locale_untracked(), &import);
        let (state, made) = (import.state, grouped(import.made.into()));
        let refused = (import.refused > 0).then(|| grouped(import.refused.into()));
        view! {
            <li class="line">
                <a class="strong ell" href=format!("/devices/imports/{}", import.id)>{name}</a>
                <span class="mut">{words::state(i18n.get_locale_untracked(), state)}</span>
                <span class="num">
                    {tu_string!(i18n, imports.made_count, n = made)}
                </span>
                {refused
                    .map(|n| view! {
                        <span class="num warned">
                            {tu_string!(i18n, imports.refused_count, n = n)}
                        </span>
                    })}
                <span class="mut push xs nw">
                    {import.by} " · " <Time at=Signal::stored(Some(import.created_at))/>
                </span>
            </li>
        }
    });
    let rows = rows.collect_view();
    view! {
        <ul class="list">{rows}</ul>
        <Pagination
            total=page.total
            page=page.page
            page_size=page.page_size
            href=Callback::new(|page| format!("/devices/import?page={page}"))
        />
    }
    .into_any()
}
