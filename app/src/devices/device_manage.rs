//! What a device is, what one calls it, and giving it up. A browser loads it after the page.

use domain::{
    DeviceId,
    device::{DeviceDetail, Lifecycle, SaidNetwork},
    event::RefusalCount,
};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    care_server_fns::{DeleteDevice, RenameDevice, SetReportInterval},
    server_fns::{KeepReports, RenewCode, RevokeDevice, SetNickname, UnlinkDevice},
    trouble, words,
};
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{CopyButton, ErrorNotice, Field, SubmitButton, Time, number::grouped},
    session::use_me,
};

/// The forms whose answers change what the whole page shows.
#[derive(Clone, Copy)]
pub(super) struct ManageForms {
    /// Sets one's own name for the device.
    pub(super) nickname: FormState,
    /// Sets the site's.
    pub(super) rename: FormState,
    /// Sets how often it is to report.
    pub(super) pace: FormState,
    /// Gives a new label to one that was revoked.
    pub(super) relabel: FormState,
    /// Deletes it.
    pub(super) delete: FormState,
}

impl ManageForms {
    /// Of this page.
    pub(super) fn here() -> Self {
        Self {
            nickname: FormState::of::<SetNickname>(),
            rename: FormState::of::<RenameDevice>(),
            pace: FormState::of::<SetReportInterval>(),
            relabel: FormState::of::<RenewCode>(),
            delete: FormState::of::<DeleteDevice>(),
        }
    }

    /// How often one of those was done after which the device is still there.
    pub(super) fn times_done(self) -> (u32, u32, u32, u32) {
        (
            self.nickname.times_done(),
            self.rename.times_done(),
            self.pace.times_done(),
            self.relabel.times_done(),
        )
    }
}

/// Of which device, and the forms that are the page's.
pub(super) type ManageOf = (DeviceId, Memo<DeviceDetail>, ManageForms);

/// The cards, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn manage(of: Box<ManageOf>) -> AnyView {
    drawn(*of)
}

/// The cards. Without the hint that would have them loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn manage(of: Box<ManageOf>) -> AnyView {
    drawn(*of)
}

fn drawn((id, detail, forms): ManageOf) -> AnyView {
    view! {
        {move || view! { <About detail=detail.get() form=forms.nickname/> }}
        {move || view! { <Manage id detail=detail.get() forms/> }}
    }
    .into_any()
}

/// The facts of a device.
#[component]
fn About(
    /// The device.
    detail: DeviceDetail,
    /// The form that sets one's own name for it.
    form: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let id = detail.summary.id;
    let nickname = match detail.summary.name == detail.site_name {
        true => String::new(),
        false => detail.summary.name.clone(),
    };
    let summary = detail.summary;
    let hardware = format!(
        "{} · {}",
        summary.hardware_version, summary.hardware_variant
    );
    let interval = words::interval(detail.report_interval_ms);
    let skew = detail
        .clock_skew_ms
        .map_or_else(|| "–".to_owned(), |skew| trouble::clock(locale, skew));
    let moment = |at| view! { <Time at=Signal::stored(at)/> };
    let refusals = detail.refusals;
    view! {
        <section class="card about">
            <header><h2>{tu_string!(i18n, devices.about)}</h2></header>
            <div class="pad">
            <dl class="facts">
                <dt>{tu_string!(i18n, devices.serial)}</dt>
                <dd class="mono">{summary.cpu_serial}</dd>
                <dt>{tu_string!(i18n, devices.uuid)}</dt>
                <dd class="row">
                    <span class="mono">{id.to_string()}</span>
                    <CopyButton text=id.to_string() slim=true/>
                </dd>
                <dt>{tu_string!(i18n, devices.owner)}</dt>
                <dd>{summary.owner.map(|owner| owner.to_string())}</dd>
                <dt>{tu_string!(i18n, devices.hardware)}</dt>
                <dd>{hardware}</dd>
                <dt>{tu_string!(i18n, devices.os)}</dt>
                <dd>{detail.os}</dd>
                {detail.network.map(network)}
                <dt>{tu_string!(i18n, devices.version)}</dt>
                <dd>{summary.agent_version}</dd>
                <dt>{tu_string!(i18n, devices.last_report)}</dt>
                <dd>{moment(summary.last_report_at)}</dd>
                <dt>{tu_string!(i18n, devices.interval)}</dt>
                <dd class="num">{interval}</dd>
                <dt>{tu_string!(i18n, devices.skew)}</dt>
                <dd class="num">{skew}</dd>
                <dt>{tu_string!(i18n, devices.claimed)}</dt>
                <dd>{moment(detail.claimed_at)}</dd>
                <dt>{tu_string!(i18n, devices.duplicates)}</dt>
                <dd class="num">{grouped(detail.duplicates)}</dd>
            </dl>
            {refusals.map(|counts| view! { <Refused counts/> })}
            <PostForm form class="form">
                <ErrorNotice error=form.other_error(&["nickname"])/>
                <input type="hidden" name="id" value=id.to_string()/>
                <Field
                    name="nickname"
                    label=tu_string!(i18n, devices.nickname)
                    hint=tu_string!(i18n, devices.nickname_hint)
                    form
                    value=nickname
                    required=false
                    maxlength=80
                />
                <div class="row">
                    <button class="btn" type="submit">
                        {tu_string!(i18n, frame.save)}
                    </button>
                </div>
            </PostForm>
            </div>
        </section>
    }
}

/// The network that it said it is on. Its name is whatever somebody called it, and kept from the text around it.
fn network(network: SaidNetwork) -> AnyView {
    let i18n = use_i18n();
    let SaidNetwork {
        interface,
        ssid,
        said_at,
    } = network;
    view! {
        <dt>{tu_string!(i18n, devices.network)}</dt>
        <dd>
            {ssid.map(|name| view! { <bdi>{name}</bdi>" " })}
            {interface.map(|name| view! { <bdi class="mono">{name}</bdi>" " })}
            <small class="mut"><Time at=Signal::stored(Some(said_at))/></small>
        </dd>
    }
    .into_any()
}

/// How often messages were refused and why; for administrators.
#[component]
fn Refused(counts: Vec<RefusalCount>) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    view! {
        <h3>{tu_string!(i18n, devices.refused)}</h3>
        {if counts.is_empty() {
            view! { <p class="mut">{tu_string!(i18n, devices.not_refused)}</p> }.into_any()
        } else {
            view! {
                <ul class="list refused">
                    {counts
                        .into_iter()
                        .map(|refusal| {
                            view! {
                                <li class="row">
                                    <span>
                                        {words::refusal(locale, refusal.reason)}
                                        <small class="mut mono">{refusal.reason.as_str()}</small>
                                    </span>
                                    <b class="num push">{grouped(refusal.count)}</b>
                                    <span class="mut">
                                        <Time at=Signal::stored(Some(refusal.last_at))/>
                                    </span>
                                </li>
                            }
                        })
                        .collect_view()}
                </ul>
            }
                .into_any()
        }}
    }
}

/// Its name, retention, giving up, revoking and deleting: each says what will happen; what cannot be undone wants a tick.
#[component]
fn Manage(
    /// The device.
    id: DeviceId,
    /// What one may do.
    detail: DeviceDetail,
    /// The forms that are the page's.
    forms: ManageForms,
) -> impl IntoView {
    let i18n = use_i18n();
    let unlink = FormState::of::<UnlinkDevice>();
    let revoke = FormState::of::<RevokeDevice>();
    let keep = FormState::of::<KeepReports>();
    let days = detail
        .keep_reports_days
        .map_or_else(String::new, |days| days.to_string());
    let admin = use_me().role.is_admin();
    let active = detail.summary.lifecycle == Lifecycle::Active;
    let may_unlink = detail.may_give_up && active;
    let revoked = detail.summary.lifecycle == Lifecycle::Revoked;
    let may_revoke = admin && !revoked;
    if !may_unlink && !admin && !detail.may_manage {
        return ().into_any();
    }
    view! {
        <section class="card manage" id="manage">
            <header><h2>{tu_string!(i18n, devices.settings)}</h2></header>
            {detail.may_manage.then(|| naming(id, detail.site_name.clone(), forms.rename))}
            {detail.may_manage.then(|| pacing(id, detail.report_interval_ms, forms.pace))}
            {admin
                .then(|| {
                    view! {
                        <details>
                            <summary>{tu_string!(i18n, devices.keep)}</summary>
                            <p>{tu_string!(i18n, devices.keep_what)}</p>
                            <ErrorNotice error=keep.other_error(&["keep_reports_days"])/>
                            <PostForm form=keep class="form">
                                <input type="hidden" name="id" value=id.to_string()/>
                                <Field
                                    name="keep_reports_days"
                                    label=tu_string!(i18n, devices.keep_days)
                                    hint=tu_string!(i18n, devices.keep_hint)
                                    form=keep
                                    value=days
                                    required=false
                                    maxlength=4
                                />
                                <div class="row">
                                    <button class="btn" type="submit">
                                        {tu_string!(i18n, frame.save)}
                                    </button>
                                </div>
                            </PostForm>
                        </details>
                    }
                })}
            {may_unlink
                .then(|| {
                    sure(
                        id,
                        unlink,
                        tu_string!(i18n, devices.unlink),
                        tu_string!(i18n, devices.unlink_what),
                    )
                })}
            {may_revoke
                .then(|| {
                    sure(
                        id,
                        revoke,
                        tu_string!(i18n, devices.revoke),
                        tu_string!(i18n, devices.revoke_what),
                    )
                })}
            {(admin && revoked).then(|| relabelling(id, forms.relabel))}
            {detail
                .may_delete
                .then(|| {
                    sure(
                        id,
                        forms.delete,
                        tu_string!(i18n, devices.delete_device),
                        tu_string!(i18n, devices.delete_what),
                    )
                })}
        </section>
    }
    .into_any()
}

/// The site's name for the device.
fn naming(id: DeviceId, known: String, form: FormState) -> AnyView {
    let i18n = use_i18n();
    view! {
        // What became of it is seen also where the page has come anew.
        <details open=move || form.done() || form.error.read().is_some()>
            <summary>{tu_string!(i18n, devices.rename)}</summary>
            <ErrorNotice error=form.other_error(&["site_name"])/>
            <PostForm form class="form">
                <input type="hidden" name="id" value=id.to_string()/>
                <Field
                    name="site_name"
                    label=tu_string!(i18n, devices.rename_label)
                    hint=tu_string!(i18n, devices.rename_hint)
                    form
                    value=known
                    maxlength=80
                />
                <div class="row">
                    <SubmitButton
                        label=tu_string!(i18n, frame.save)
                        busy_label=tu_string!(i18n, frame.working)
                        busy=form.pending
                        class=""
                    />
                    <span role="status" class="is-well">
                        {move || form.done().then(|| tu_string!(i18n, frame.saved))}
                    </span>
                </div>
            </PostForm>
        </details>
    }
    .into_any()
}

/// How often the device is to report.
fn pacing(id: DeviceId, known_ms: i64, form: FormState) -> AnyView {
    let i18n = use_i18n();
    view! {
        <details open=move || form.done() || form.error.read().is_some()>
            <summary>{tu_string!(i18n, devices.interval)}</summary>
            <p>{tu_string!(i18n, devices.interval_what)}</p>
            <ErrorNotice error=form.other_error(&["report_interval"])/>
            <PostForm form class="form">
                <input type="hidden" name="id" value=id.to_string()/>
                <Field
                    name="report_interval"
                    label=tu_string!(i18n, devices.interval_seconds)
                    hint=tu_string!(i18n, devices.interval_hint)
                    form
                    value=seconds(known_ms)
                    maxlength=10
                />
                <div class="row">
                    <SubmitButton
                        label=tu_string!(i18n, frame.save)
                        busy_label=tu_string!(i18n, frame.working)
                        busy=form.pending
                        class=""
                    />
                    <span role="status" class="is-well">
                        {move || form.done().then(|| tu_string!(i18n, frame.saved))}
                    </span>
                </div>
            </PostForm>
        </details>
    }
    .into_any()
}

/// Seconds as they are typed: `10`, `0.25`.
fn seconds(ms: i64) -> String {
    let text = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The way back for a device that was revoked.
fn relabelling(id: DeviceId, form: FormState) -> AnyView {
    let i18n = use_i18n();
    view! {
        <details open=move || form.error.read().is_some()>
            <summary>{tu_string!(i18n, devices.relabel)}</summary>
            <p>{tu_string!(i18n, devices.relabel_what)}</p>
            <ErrorNotice error=form.error/>
            <PostForm form>
                <input type="hidden" name="id" value=id.to_string()/>
                <SubmitButton
                    label=tu_string!(i18n, devices.relabel)
                    busy_label=tu_string!(i18n, frame.working)
                    busy=form.pending
                />
            </PostForm>
        </details>
    }
    .into_any()
}

/// A form for what cannot be taken back: it says what will happen, and asks whether that is sure.
fn sure(id: DeviceId, form: FormState, act: &'static str, what: &'static str) -> AnyView {
    let i18n = use_i18n();
    view! {
        <details>
            <summary>{act}</summary>
            <p>{what}</p>
            <ErrorNotice error=form.error/>
            <PostForm form=form>
                <input type="hidden" name="id" value=id.to_string()/>
                <label class="check">
                    <input type="checkbox" name="sure" value="yes" required/>
                    {tu_string!(i18n, devices.sure)}
                </label>
                <SubmitButton
                    class="danger pri"
                    label=act
                    busy_label=tu_string!(i18n, frame.working)
                    busy=form.pending
                />
            </PostForm>
        </details>
    }
    .into_any()
}
