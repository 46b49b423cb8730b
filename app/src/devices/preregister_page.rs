//! Pre-registering a device: a serial number in, a code out, shown once.

use domain::{
    Page,
    device::{DeviceKind, DeviceSummary},
};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::{hooks::use_query_map, location::Url};

use super::{
    care_server_fns::{Hardware, read_hardware},
    imports::server_fns::LabelDevices,
    label::{Label, ShownLabel},
    server_fns::{PreregisterDevice, RenewCode, list_waiting},
};
use crate::{
    catalog::fields::Choice,
    form::{FormState, PostForm, empty_fields},
    i18n::use_i18n,
    parts::{
        ErrorNotice, Field, ForbiddenPage, PageTitle, Pagination, SearchForm, SubmitButton, Time,
    },
    session::use_me,
};

/// Pre-registration; administrators only.
#[component]
pub fn PreregisterPage() -> impl IntoView {
    if use_me().role.is_admin() {
        view! { <Preregister/> }.into_any()
    } else {
        view! { <ForbiddenPage/> }.into_any()
    }
}

fn address(search: &str, page: u32) -> String {
    match search {
        "" => format!("/devices/new?page={page}"),
        search => format!("/devices/new?q={}&page={page}", Url::escape(search)),
    }
}

#[component]
fn Preregister() -> impl IntoView {
    let i18n = use_i18n();
    let form = FormState::of::<PreregisterDevice>();
    let renew = FormState::of::<RenewCode>();
    let labels = FormState::of::<LabelDevices>();
    let label = move || renew.outcome::<Label>().or_else(|| form.outcome());
    Effect::new(move || {
        if form.tries() > 0 && form.done() {
            empty_fields(&["cpu_serial", "name", "uuid"]);
        }
    });
    let hardware = Resource::new_blocking(|| (), |()| read_hardware());
    let query = use_query_map();
    let search = Memo::new(move |_| query.read().get("q").unwrap_or_default());
    let page = Memo::new(move |_| {
        let number = query.read().get("page").and_then(|page| page.parse().ok());
        number.unwrap_or(1_u32)
    });
    let waiting = Resource::new_blocking(
        move || {
            (
                search.get(),
                page.get(),
                form.times_done(),
                renew.times_done(),
            )
        },
        |(search, page, _, _)| list_waiting(search, page),
    );
    view! {
        <PageTitle text=tu_string!(i18n, devices.preregister)/>
        <div class="head">
            <h1>{tu_string!(i18n, devices.preregister)}</h1>
            <div class="acts">
                <a class="btn" href="/devices/import">{tu_string!(i18n, imports.title)}</a>
            </div>
        </div>
        {move || label().map(|label| view! { <ShownLabel label/> })}
        <div class="settings broad">
        <section class="card">
            <PostForm form class="form pad">
                <ErrorNotice error=form.other_error(
                    &["cpu_serial", "name", "hardware_version", "hardware_variant", "components", "uuid"],
                )/>
                <Field
                    name="cpu_serial"
                    label=tu_string!(i18n, devices.serial)
                    form
                    maxlength=128
                />
                <Field
                    name="name"
                    label=tu_string!(i18n, devices.name)
                    form
                    required=false
                    maxlength=80
                />
                <div class="fld">
                    <label for="kind">{tu_string!(i18n, devices.kind)}</label>
                    <select class="in" id="kind" name="kind">
                        <option value=DeviceKind::Board.as_str()>{tu_string!(i18n, devices.board)}</option>
                        <option
                            value=DeviceKind::Computer.as_str()
                            selected=form.typed("kind").as_deref() == Some(DeviceKind::Computer.as_str())
                        >
                            {tu_string!(i18n, devices.computer)}
                        </option>
                    </select>
                </div>
                <Transition>
                    {move || Suspend::new(async move {
                        match hardware.await {
                            Ok(known) => hardware_fields(form, known),
                            Err(failure) => {
                                view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                            }
                        }
                    })}
                </Transition>
                <Field
                    name="components"
                    label=tu_string!(i18n, devices.parts)
                    hint=tu_string!(i18n, devices.parts_hint)
                    form
                    required=false
                />
                <Field
                    name="uuid"
                    label=tu_string!(i18n, devices.uuid)
                    hint=tu_string!(i18n, devices.uuid_hint)
                    form
                    required=false
                    maxlength=36
                />
                <div class="row"><SubmitButton
                    label=tu_string!(i18n, devices.register)
                    busy_label=tu_string!(i18n, frame.working)
                    busy=form.pending
                /></div>
            </PostForm>
        </section>
        <section class="card">
            <header><h2>{tu_string!(i18n, devices.waiting)}</h2></header>
            <ErrorNotice error=renew.error/>
            <ErrorNotice error=labels.error/>
            <div class="pad">
                <SearchForm action="/devices/new" find=tu_string!(i18n, devices.find) value=search/>
            </div>
            <Transition>
                {move || Suspend::new(async move {
                    match waiting.await {
                        Ok(found) => waiting_list(found, search.get_untracked(), renew, labels),
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

/// The hardware that a device may be of; what is left open is usual for its kind.
fn hardware_fields(form: FormState, (versions, variants): Hardware) -> AnyView {
    let i18n = use_i18n();
    let usual = || {
        (
            String::new(),
            tu_string!(i18n, devices.usual_hardware).to_owned(),
        )
    };
    let versions = versions.into_iter().map(|model| {
        let words = format!("{} · {}", model.version, model.name);
        (model.version, words)
    });
    let variants = variants
        .into_iter()
        .map(|variant| (variant.name.clone(), variant.name));
    view! {
        <Choice
            id="hardware_version"
            name="hardware_version"
            label=tu_string!(i18n, devices.hardware_version)
            form
            options=std::iter::once(usual()).chain(versions).collect()
            value=form.typed("hardware_version").unwrap_or_default()
        />
        <Choice
            id="hardware_variant"
            name="hardware_variant"
            label=tu_string!(i18n, devices.variant)
            form
            options=std::iter::once(usual()).chain(variants).collect()
            value=form.typed("hardware_variant").unwrap_or_default()
        />
    }
    .into_any()
}

/// One page of those that wait, each with the way to another code.
fn waiting_list(
    found: Page<DeviceSummary>,
    search: String,
    renew: FormState,
    labels: FormState,
) -> AnyView {
    let i18n = use_i18n();
    if found.total == 0 {
        let text = match search.is_empty() {
            true => tu_string!(i18n, devices.no_waiting),
            false => tu_string!(i18n, devices.none_found),
        };
        return view! { <p class="mut pad">{text}</p> }.into_any();
    }
    let (total, page, page_size) = (found.total, found.page, found.page_size);
    let href = Callback::new(move |page| address(&search, page));
    let rows = found.items.into_iter().map(|device| {
        view! {
            <li class="line">
                <input
                    type="checkbox"
                    name="ids[]"
                    form="labels"
                    value=device.id.to_string()
                    aria-label=device.name.clone()
                />
                <a class="strong ell" href=format!("/devices/{}", device.id)>{device.name}</a>
                <span class="mono mut ell">{device.cpu_serial}</span>
                <span class="mut push xs nw">
                    <Time at=Signal::stored(Some(device.presence.since))/>
                </span>
                <PostForm form=renew>
                    <input type="hidden" name="id" value=device.id.to_string()/>
                    <button class="btn sm" type="submit">
                        {tu_string!(i18n, devices.new_code)}
                    </button>
                </PostForm>
            </li>
        }
    });
    let rows = rows.collect_view();
    view! {
        <ul class="list choose">{rows}</ul>
        <LabelChosen form=labels/>
        <Pagination total page page_size href/>
    }
    .into_any()
}

/// Prints labels of the chosen ones; the boxes beside them belong to this form.
#[component]
fn LabelChosen(form: FormState) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <details class="pad">
            <summary>{tu_string!(i18n, imports.label_chosen)}</summary>
            <p class="mut">{tu_string!(i18n, imports.label_chosen_what)}</p>
            <PostForm form id="labels">
                <SubmitButton
                    label=tu_string!(i18n, imports.label_button)
                    busy_label=tu_string!(i18n, frame.working)
                    busy=form.pending
                />
            </PostForm>
        </details>
    }
}
