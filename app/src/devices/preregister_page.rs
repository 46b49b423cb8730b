//! Pre-registering a device: a serial number in, a code out, shown once.

use domain::device::DeviceKind;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    care_server_fns::{Hardware, read_hardware},
    label::{MadeBy, made_label},
    server_fns::{PreregisterDevice, RenewCode},
    waiting::{WaitingOf, waiting},
};
use crate::{
    catalog::fields::Choice,
    form::{FormState, PostForm, empty_fields},
    i18n::use_i18n,
    parts::{ErrorNotice, Field, ForbiddenPage, PageTitle, SubmitButton, later::later},
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
    Effect::new(move || {
        if form.tries() > 0 && form.done() {
            empty_fields(&["cpu_serial", "name", "uuid"]);
        }
    });
    let hardware = Resource::new_blocking(|| (), |()| read_hardware());
    // Before what comes later: both sides count what they read.
    let hardware = view! {
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
    };
    let label_of = MadeBy {
        renew,
        register: Some(form),
    };
    let waiting_of = WaitingOf {
        register: form,
        renew,
    };
    view! {
        <PageTitle text=tu_string!(i18n, devices.preregister)/>
        <div class="head">
            <h1>{tu_string!(i18n, devices.preregister)}</h1>
            <div class="acts">
                <a class="btn" href="/devices/import">{tu_string!(i18n, imports.title)}</a>
            </div>
        </div>
        {later(move || made_label(Box::new(label_of)))}
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
                {hardware}
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
        {later(move || waiting(Box::new(waiting_of)))}
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
