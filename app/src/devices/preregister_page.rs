//! Pre-registering a device: a serial number in, a code out, shown once.

use domain::device::DeviceKind;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    imports::server_fns::LabelDevices,
    label::{Label, ShownLabel},
    server_fns::{PreregisterDevice, RenewCode, list_waiting},
};
use crate::{
    form::{FormState, PostForm, empty_fields},
    i18n::use_i18n,
    parts::{ErrorNotice, Field, ForbiddenPage, PageTitle, SubmitButton, Time},
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

#[component]
fn Preregister() -> impl IntoView {
    let i18n = use_i18n();
    let form = FormState::of::<PreregisterDevice>();
    let renew = FormState::of::<RenewCode>();
    let labels = FormState::of::<LabelDevices>();
    let label = move || renew.outcome::<Label>().or_else(|| form.outcome());
    Effect::new(move || {
        if form.tries() > 0 && form.done() {
            empty_fields(&["cpu_serial", "name"]);
        }
    });
    let waiting = Resource::new_blocking(
        move || (form.times_done(), renew.times_done()),
        |_| list_waiting(),
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
                    &["cpu_serial", "name", "hardware_version", "hardware_variant", "components"],
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
                        <option value=DeviceKind::Computer.as_str()>
                            {tu_string!(i18n, devices.computer)}
                        </option>
                    </select>
                </div>
                <Field
                    name="components"
                    label=tu_string!(i18n, devices.parts)
                    hint=tu_string!(i18n, devices.parts_hint)
                    form
                    required=false
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
            <Transition>
                {move || Suspend::new(async move {
                    match waiting.await {
                        Ok(devices) if devices.is_empty() => {
                            view! { <p class="mut pad">{tu_string!(i18n, devices.no_waiting)}</p> }.into_any()
                        }
                        Ok(devices) => {
                            view! {
                                <ul class="list choose">
                                    {devices
                                        .into_iter()
                                        .map(|device| {
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
                                                        <input
                                                            type="hidden"
                                                            name="id"
                                                            value=device.id.to_string()
                                                        />
                                                        <button class="btn sm" type="submit">
                                                            {tu_string!(i18n, devices.new_code)}
                                                        </button>
                                                    </PostForm>
                                                </li>
                                            }
                                        })
                                        .collect_view()}
                                </ul>
                                <LabelChosen form=labels/>
                            }
                                .into_any()
                        }
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
