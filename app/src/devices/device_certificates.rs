//! The certificates that a device connects with: until when each is good, and when it is renewed; for administrators.

use domain::{
    TimestampMs,
    certificate::{CertificateState, DeviceCertificate},
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};

use crate::{
    i18n::{Locale, use_i18n},
    parts::{Mark, StatusMark, Time},
};

/// The certificates, newest first; nothing for those who are not told of them.
pub(super) fn card(issued: Option<Vec<DeviceCertificate>>) -> AnyView {
    let Some(issued) = issued else {
        return ().into_any();
    };
    let i18n = use_i18n();
    let (valid, ended): (Vec<_>, Vec<_>) = issued
        .into_iter()
        .partition(|one| one.state == CertificateState::Active);
    let is_valid = !valid.is_empty();
    let ended = (!ended.is_empty()).then_some(ended);
    view! {
        <section class="card certificates" id="certificates">
            <header><h2>{tu_string!(i18n, devices.certificates)}</h2></header>
            <div class="pad"><p class="sub">{tu_string!(i18n, devices.certificates_what)}</p></div>
            {match is_valid {
                true => view! { <ul class="list">{rows(valid)}</ul> }.into_any(),
                false => {
                    view! { <p class="mut pad">{tu_string!(i18n, devices.no_certificates)}</p> }.into_any()
                }
            }}
            {ended
                .map(|ended| {
                    view! {
                        <details>
                            <summary>{tu_string!(i18n, devices.certificates_ended)}</summary>
                            <ul class="list">{rows(ended)}</ul>
                        </details>
                    }
                })}
            {is_valid
                .then(|| {
                    view! {
                        <p class="pad">
                            <a href="#manage">{tu_string!(i18n, devices.certificates_revoke)}</a>
                        </p>
                    }
                })}
        </section>
    }
    .into_any()
}

fn rows(certificates: Vec<DeviceCertificate>) -> Vec<AnyView> {
    certificates.into_iter().enumerate().map(row).collect()
}

/// A certificate; of those that are valid the first is the one that is renewed.
fn row((place, certificate): (usize, DeviceCertificate)) -> AnyView {
    let i18n = use_i18n();
    let (mark, word) = state(i18n.get_locale_untracked(), certificate.state);
    let renewed = (place == 0 && certificate.state == CertificateState::Active)
        .then(|| certificate.renewed_from());
    let moment = |at: TimestampMs| view! { <Time at=Signal::stored(Some(at))/> };
    let (until, end) = match certificate.ended_at {
        Some(ended) => (tu_string!(i18n, devices.certificate_ended), ended),
        None => (
            tu_string!(i18n, devices.certificate_expires),
            certificate.expires_at,
        ),
    };
    view! {
        <li>
            <StatusMark mark=Signal::stored(mark) word=Signal::stored(word.to_owned())/>
            <span class="mono xs mut">{certificate.serial}</span>
            <span class="xs mut">
                {tu_string!(i18n, devices.certificate_issued)} " " {moment(certificate.issued_at)} " · "
                {until} " " {moment(end)}
                {renewed
                    .map(|at| {
                        view! {
                            " · "
                            {tu_string!(i18n, devices.certificate_renewed)}
                            " "
                            {moment(at)}
                        }
                    })}
            </span>
        </li>
    }
    .into_any()
}

fn state(locale: Locale, state: CertificateState) -> (Mark, &'static str) {
    match state {
        CertificateState::Active => (Mark::Done, td_string!(locale, devices.certificate_valid)),
        CertificateState::Replaced => (
            Mark::Offline,
            td_string!(locale, devices.certificate_replaced),
        ),
        CertificateState::Revoked => (Mark::Alarm, td_string!(locale, devices.revoked)),
        CertificateState::Expired => (
            Mark::Warning,
            td_string!(locale, devices.certificate_expired),
        ),
    }
}
