//! Sheets of labels: exactly as large as the sheet that was chosen, printed without anything around.

use domain::{AppError, ImportId, Page, import::LabelSheet};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    progress_page::sheet_name,
    server_fns::{Printed, read_labels},
};
use crate::{
    Failure,
    devices::label::{QrCode, print},
    i18n::use_i18n,
    parts::{Draw, ErrorNotice, ForbiddenPage, Icon, NotFoundPage, PageTitle, Pagination},
    session::use_me,
};

/// The labels of an import; administrators only.
#[component]
pub fn LabelsPage() -> impl IntoView {
    let params = use_params_map();
    let admin = use_me().role.is_admin();
    let id = Memo::new(move |_| {
        let text = params.read().get("id").unwrap_or_default();
        text.parse::<ImportId>().ok()
    });
    move || match (admin, id.get()) {
        (false, _) => view! { <ForbiddenPage/> }.into_any(),
        (true, Some(id)) => view! { <Labels id/> }.into_any(),
        (true, None) => view! { <NotFoundPage/> }.into_any(),
    }
}

/// Which sheet, which part of the labels, and how many of the first sheet's are used up already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    sheet: LabelSheet,
    page: u32,
    used: u32,
}

#[component]
fn Labels(id: ImportId) -> impl IntoView {
    let i18n = use_i18n();
    let query = use_query_map();
    let wanted = Memo::new(move |_| {
        let query = query.read();
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<u32>().ok());
        let sheet = LabelSheet::named(&query.get("sheet").unwrap_or_default());
        Wanted {
            sheet,
            page: number("page").unwrap_or(1),
            used: number("used").unwrap_or(0).min(sheet.labels() - 1),
        }
    });
    let labels = Resource::new_blocking(
        move || wanted.get(),
        move |wanted| read_labels(id, wanted.sheet.name.to_owned(), wanted.page),
    );
    view! {
        <PageTitle text=tu_string!(i18n, imports.labels)/>
        <div class="head no-print">
            <h1>{tu_string!(i18n, imports.labels)}</h1>
            <div class="acts">
                <a class="btn" href=format!("/devices/imports/{id}")>
                    {tu_string!(i18n, imports.back)}
                </a>
                <button type="button" class="btn pri scripted" on:click=|_| print()>
                    <Draw icon=Icon::Printer/>
                    {tu_string!(i18n, imports.print)}
                </button>
            </div>
        </div>
        <Transition>
            {move || Suspend::new(async move {
                match labels.await {
                    Ok(page) => sheets(id, wanted.get_untracked(), page),
                    Err(Failure(AppError::NotFound)) => view! { <NotFoundPage/> }.into_any(),
                    Err(Failure(AppError::Gone)) => view! {
                        <p class="banner">{tu_string!(i18n, imports.codes_gone)}</p>
                    }
                    .into_any(),
                    Err(Failure(error)) => {
                        view! { <ErrorNotice error=Signal::stored(Some(error))/> }.into_any()
                    }
                }
            })}
        </Transition>
    }
}

fn sheets(id: ImportId, wanted: Wanted, page: Page<Printed>) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let Wanted { sheet, used, .. } = wanted;
    let options = LabelSheet::ALL.into_iter().map(|other| {
        view! {
            <option value=other.name selected=other == sheet>{sheet_name(locale, other)}</option>
        }
    });
    let options = options.collect_view();
    let total = page.total;
    let blank = (0..used).map(|_| None);
    let all: Vec<_> = blank.chain(page.items.into_iter().map(Some)).collect();
    let per_sheet = usize::try_from(sheet.labels()).unwrap_or(1);
    let mm = |tenths: u32| format!("{}.{}mm", tenths / 10, tenths % 10);
    let measures = format!(
        "--columns:{};--wide:{};--high:{};--left:{};--top:{};--gap:{}",
        sheet.columns,
        mm(sheet.label.0),
        mm(sheet.label.1),
        mm(sheet.margin.0),
        mm(sheet.margin.1),
        mm(sheet.gap),
    );
    let sheets = all
        .chunks(per_sheet)
        .map(|labels| {
            let labels = labels.iter().cloned().map(one).collect_view();
            view! { <div class="sheet" style=measures.clone()>{labels}</div> }
        })
        .collect_view();
    let href = Callback::new(move |page| {
        format!(
            "/devices/imports/{id}/labels?sheet={}&page={page}",
            sheet.name
        )
    });
    view! {
        <form class="filters no-print" method="get">
            <label class="row">
                <span>{tu_string!(i18n, imports.sheet_label)}</span>
                <select class="in" name="sheet">{options}</select>
            </label>
            <label class="row">
                <span>{tu_string!(i18n, imports.used)}</span>
                <input
                    class="in"
                    type="number"
                    name="used"
                    min="0"
                    max=(sheet.labels() - 1).to_string()
                    value=used.to_string()
                />
            </label>
            <button class="btn" type="submit">{tu_string!(i18n, imports.apply)}</button>
        </form>
        <p class="mut no-print">{tu_string!(i18n, imports.print_hint)}</p>
        <div class="sheets" tabindex="0" role="region" aria-label=tu_string!(i18n, imports.labels)>
            {sheets}
        </div>
        <div class="no-print card">
            <Pagination total page=page.page page_size=page.page_size href/>
        </div>
    }
    .into_any()
}

fn one(printed: Option<Printed>) -> AnyView {
    let Some(Printed { name, label }) = printed else {
        return view! { <div class="one"></div> }.into_any();
    };
    let named = (name != label.cpu_serial).then(|| view! { <b class="name">{name}</b> });
    view! {
        <div class="one">
            <QrCode packed=label.qr/>
            <div class="says">
                {named}
                <span class="mono">{label.cpu_serial}</span>
                <span class="mono code">{label.code}</span>
            </div>
        </div>
    }
    .into_any()
}
