//! One import: how far it is, what it refused and why, and what can be had of it.

use domain::{
    AppError, ImportId, Page,
    import::{Import, ImportKind, ImportState, LabelSheet, RefusedLine},
    live::Subject,
};
use leptos::{prelude::*, reactive::computed::ScopedFuture};
use leptos_i18n::{td_string, tu_string};
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    server_fns::{CancelImport, ForgetCodes, Progress, read_import},
    words,
};
use crate::{
    Failure,
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    live::watch,
    parts::{
        Draw, ErrorNotice, ForbiddenPage, Icon, NotFoundPage, PageTitle, Pagination, Time,
        number::grouped,
    },
    session::use_me,
};

/// What an import is called.
pub(super) fn name_of(locale: Locale, import: &Import) -> String {
    match (import.kind, import.name.as_str()) {
        (ImportKind::Labels, _) => td_string!(locale, imports.labels_of).to_owned(),
        (ImportKind::File, "") => td_string!(locale, imports.pasted).to_owned(),
        (ImportKind::File, name) => name.to_owned(),
    }
}

/// What a label sheet is called: how large its labels are, and how many there are.
pub(super) fn sheet_name(locale: Locale, sheet: LabelSheet) -> String {
    let mm = |tenths: u32| match tenths % 10 {
        0 => (tenths / 10).to_string(),
        rest => format!("{}.{rest}", tenths / 10),
    };
    let (wide, high) = sheet.label;
    td_string!(
        locale,
        imports.sheet,
        wide = mm(wide),
        high = mm(high),
        n = sheet.labels()
    )
    .to_string()
}

/// One import; administrators only.
#[component]
pub fn ProgressPage() -> impl IntoView {
    let params = use_params_map();
    let admin = use_me().role.is_admin();
    let id = Memo::new(move |_| {
        let text = params.read().get("id").unwrap_or_default();
        text.parse::<ImportId>().ok()
    });
    move || match (admin, id.get()) {
        (false, _) => view! { <ForbiddenPage/> }.into_any(),
        (true, Some(id)) => view! { <OneImport id/> }.into_any(),
        (true, None) => view! { <NotFoundPage/> }.into_any(),
    }
}

#[component]
fn OneImport(id: ImportId) -> impl IntoView {
    let query = use_query_map();
    let page = Memo::new(move |_| {
        let number = query.read().get("page").and_then(|page| page.parse().ok());
        number.unwrap_or(1_u32)
    });
    let cancel = FormState::of::<CancelImport>();
    let forget = FormState::of::<ForgetCodes>();
    let changed = watch(move || Some(Subject::Import { import: id }));
    let progress = Resource::new_blocking(
        move || {
            (
                page.get(),
                changed.get(),
                cancel.times_done(),
                forget.times_done(),
            )
        },
        move |(page, ..)| read_import(id, page),
    );
    view! {
        <Transition>
            {move || Suspend::new(ScopedFuture::new_untracked(async move {
                match progress.await {
                    Ok(first) => view! { <Shown first progress cancel forget/> }.into_any(),
                    Err(Failure(AppError::NotFound)) => view! { <NotFoundPage/> }.into_any(),
                    Err(Failure(error)) => {
                        view! { <ErrorNotice error=Signal::stored(Some(error))/> }.into_any()
                    }
                }
            }))}
        </Transition>
    }
}

#[component]
fn Shown(
    first: Progress,
    progress: Resource<Result<Progress, Failure>>,
    cancel: FormState,
    forget: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    let shown = RwSignal::new(first);
    let failed = RwSignal::new(None);
    Effect::new(move |_| match progress.get() {
        Some(Ok(now)) => {
            failed.set(None);
            if *shown.read_untracked() != now {
                shown.set(now);
            }
        }
        Some(Err(Failure(error))) => failed.set(Some(error)),
        None => {}
    });
    let import = Memo::new(move |_| shown.read().import.clone());
    let refused = Memo::new(move |_| shown.read().refused.clone());
    let title = Memo::new(move |_| name_of(i18n.get_locale_untracked(), &import.read()));
    view! {
        <PageTitle text=title/>
        <div class="head">
            <h1 class="ell">{move || title.get()}</h1>
            <div class="acts">
                <a class="btn" href="/devices/import">{tu_string!(i18n, imports.all)}</a>
            </div>
        </div>
        <ErrorNotice error=failed/>
        <ErrorNotice error=cancel.error/>
        <ErrorNotice error=forget.error/>
        <section class="card import">
            <div class="pad">{move || so_far(&import.get())}</div>
        </section>
        {move || codes(&import.get(), cancel, forget)}
        {move || report(refused.get(), import.read().id)}
    }
}

/// How far it is: in words, as a bar, and in numbers.
fn so_far(import: &Import) -> AnyView {
    let i18n = use_i18n();
    let share = |part: u32| {
        format!(
            "{:.2}%",
            f64::from(part) * 100.0 / f64::from(import.total.max(1))
        )
    };
    let (state, by, created) = (import.state, import.by.clone(), import.created_at);
    let (done, total) = (import.done(), import.total);
    let number = |n: u32| grouped(n.into());
    view! {
        <p class="row wrap">
            <b role="status">{words::state(i18n.get_locale_untracked(), state)}</b>
            <span class="num mut">{number(done)} " / " {number(total)}</span>
            <span class="mut push xs">{by} " · " <Time at=Signal::stored(Some(created))/></span>
        </p>
        <div
            class="bar"
            role="progressbar"
            aria-label=tu_string!(i18n, imports.progress)
            aria-valuemin="0"
            aria-valuemax=total.to_string()
            aria-valuenow=done.to_string()
        >
            <i style:inline-size=share(import.made)></i>
            <i class="fail" style:inline-size=share(import.refused)></i>
        </div>
        <dl class="facts counts">
            <dt>{tu_string!(i18n, imports.made)}</dt>
            <dd class="num" data-made="">{number(import.made)}</dd>
            <dt>{tu_string!(i18n, imports.refused)}</dt>
            <dd class="num">{number(import.refused)}</dd>
            <dt>{tu_string!(i18n, imports.waiting)}</dt>
            <dd class="num">{number(total.saturating_sub(done))}</dd>
        </dl>
    }
    .into_any()
}

/// What can be had while the codes are kept, and the ends that it can be brought to.
fn codes(import: &Import, cancel: FormState, forget: FormState) -> AnyView {
    let i18n = use_i18n();
    let (id, until) = (import.id, import.codes_until);
    let running = import.state == ImportState::Running;
    let kept = until.is_some() && import.made > 0;
    let result = format!("/api/devices/imports/{id}/result");
    let labels = format!("/devices/imports/{id}/labels");
    let sheets = LabelSheet::ALL.into_iter().map(|sheet| {
        let name = sheet_name(i18n.get_locale_untracked(), sheet);
        view! { <option value=sheet.name selected=sheet == LabelSheet::named("")>{name}</option> }
    });
    let print = kept.then(|| {
        view! {
            <form class="row wrap sheet-of" method="get" action=labels>
                <label class="row">
                    <span>{tu_string!(i18n, imports.sheet_label)}</span>
                    <select class="in" name="sheet">{sheets.collect_view()}</select>
                </label>
                <button class="btn pri" type="submit">
                    <Draw icon=Icon::Printer/>
                    {tu_string!(i18n, imports.print)}
                </button>
            </form>
        }
    });
    let download = (!running).then(|| {
        view! {
            <a class="btn" href=result download="" rel="external">
                <Draw icon=Icon::Download/>
                {tu_string!(i18n, imports.download)}
            </a>
        }
    });
    let hidden = move || view! { <input type="hidden" name="id" value=id.to_string()/> };
    view! {
        <section class="card manage">
            <header><h2>{tu_string!(i18n, imports.codes)}</h2></header>
            <div class="pad form">
                {match until {
                    Some(_) if kept => view! {
                        <p>{tu_string!(i18n, imports.codes_kept)}</p>
                    }
                    .into_any(),
                    Some(_) => view! { <p class="mut">{tu_string!(i18n, imports.no_codes)}</p> }.into_any(),
                    None => view! { <p class="mut">{tu_string!(i18n, imports.codes_gone)}</p> }.into_any(),
                }}
                <div class="row wrap">{print} {download}</div>
            </div>
            {(kept && !running)
                .then(|| view! {
                    <details>
                        <summary>{tu_string!(i18n, imports.forget)}</summary>
                        <p>{tu_string!(i18n, imports.forget_what)}</p>
                        <PostForm form=forget>
                            {hidden()}
                            <button class="btn" type="submit">{tu_string!(i18n, imports.forget)}</button>
                        </PostForm>
                    </details>
                })}
            {running
                .then(|| view! {
                    <details>
                        <summary>{tu_string!(i18n, imports.cancel)}</summary>
                        <p>{tu_string!(i18n, imports.cancel_what)}</p>
                        <PostForm form=cancel>
                            {hidden()}
                            <button class="btn" type="submit">{tu_string!(i18n, imports.cancel)}</button>
                        </PostForm>
                    </details>
                })}
        </section>
    }
    .into_any()
}

/// The lines that were refused.
fn report(refused: Page<RefusedLine>, id: ImportId) -> AnyView {
    let i18n = use_i18n();
    if refused.total == 0 {
        return ().into_any();
    }
    let locale = i18n.get_locale_untracked();
    let rows = refused.items.into_iter().map(|line| {
        view! {
            <tr role="row">
                <td role="cell" class="num">{line.line}</td>
                <td role="cell">{words::column(locale, line.column)}</td>
                <td role="cell" class="mono value">{line.value}</td>
                <td role="cell" class="why">{words::why(locale, &line.reason)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <section class="card">
            <header><h2>{tu_string!(i18n, imports.refused_lines)}</h2></header>
            <div class="tablebox">
                <table class="grid entries refusals" role="table">
                    <thead role="rowgroup">
                        <tr role="row">
                            <th scope="col" role="columnheader">{tu_string!(i18n, imports.line)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, imports.column)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, imports.value)}</th>
                            <th scope="col" role="columnheader">{tu_string!(i18n, imports.why)}</th>
                        </tr>
                    </thead>
                    <tbody role="rowgroup">{rows}</tbody>
                </table>
            </div>
            <Pagination
                total=refused.total
                page=refused.page
                page_size=refused.page_size
                href=Callback::new(move |page| format!("/devices/imports/{id}?page={page}"))
            />
        </section>
    }
    .into_any()
}
