//! Where one is signed in, and signing out there.

use domain::account::SessionInfo;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    access,
    account_server_fns::{EndOtherSessions, EndSession, list_sessions},
};
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{Draw, ErrorNotice, Icon},
};

/// The list; read again when `change` has ended the others.
#[component]
pub fn Sessions(
    /// The form that changes the password.
    change: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    let end = FormState::of::<EndSession>();
    let end_others = FormState::of::<EndOtherSessions>();
    let sessions = Resource::new_blocking(
        move || {
            (
                end.times_done(),
                end_others.times_done(),
                change.times_done(),
            )
        },
        |_| list_sessions(),
    );
    view! {
        <section class="card">
            <header><h2>{tu_string!(i18n, accounts.sessions)}</h2></header>
            <ErrorNotice error=end.error/>
            <ErrorNotice error=end_others.error/>
            <Transition>
                {move || Suspend::new(async move {
                    match sessions.await {
                        Ok(sessions) => view! { <List sessions end end_others/> }.into_any(),
                        Err(failure) => {
                            view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                        }
                    }
                })}
            </Transition>
        </section>
    }
    .into_any()
}

#[component]
fn List(sessions: Vec<SessionInfo>, end: FormState, end_others: FormState) -> impl IntoView {
    let i18n = use_i18n();
    let others = sessions.iter().filter(|session| !session.current).count();
    view! {
        <ul class="list sessions">
            {sessions
                .into_iter()
                .map(|session| view! { <Line session end/> })
                .collect_view()}
        </ul>
        {(others > 1)
            .then(|| {
                view! {
                    <PostForm form=end_others class="pad">
                        <div class="row">
                            <button class="btn danger" type="submit">
                                <Draw icon=Icon::LogOut/>
                                {tu_string!(i18n, accounts.end_others)}
                            </button>
                        </div>
                    </PostForm>
                }
            })}
    }
    .into_any()
}

#[component]
fn Line(session: SessionInfo, end: FormState) -> impl IntoView {
    let i18n = use_i18n();
    let agent = session.user_agent.unwrap_or_default();
    let browser = browser(&agent);
    let what = move || match &browser {
        Some((program, Some(system))) => format!("{program} · {system}"),
        Some((program, None)) => (*program).to_owned(),
        None => tu_string!(i18n, accounts.some_browser).to_owned(),
    };
    let icon = match agent.contains("Mobile") {
        true => Icon::Smartphone,
        false => Icon::Monitor,
    };
    let name = view! {
        <b title=agent>{what}</b>
        {session
            .current
            .then(|| view! { <span class="tag">{tu_string!(i18n, accounts.this_browser)}</span> })}
    };
    let times = [
        (
            tu_string!(i18n, accounts.last_used),
            Some(session.last_seen_at),
        ),
        (
            tu_string!(i18n, accounts.signed_in_at),
            Some(session.created_at),
        ),
    ];
    let end = (end, session.id, tu_string!(i18n, accounts.end_session));
    let end = (!session.current).then_some(end);
    access::row(icon, name.into_any(), session.address, times, end)
}

/// Program and system as a person knows them; browsers also name those that they resemble, so the order
/// matters.
fn browser(agent: &str) -> Option<(&'static str, Option<&'static str>)> {
    const PROGRAMS: [(&str, &str); 9] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Whale/", "Whale"),
        ("Firefox/", "Firefox"),
        ("FxiOS", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let known = |names: &[(&str, &'static str)]| {
        let found = names.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    Some((known(&PROGRAMS)?, known(&SYSTEMS)))
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn a_browser_is_called_by_its_own_name() {
        for (agent, program, system) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                "Edge",
                "Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                "Chrome",
                "Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari",
                "iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox",
                "macOS",
            ),
        ] {
            assert_eq!(browser(agent), Some((program, Some(system))), "{agent}");
        }
        assert_eq!(browser("curl/8.5"), None);
    }
}
