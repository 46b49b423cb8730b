//! A job in the making: who gets it, what they are told, and how.

use domain::{
    DeviceId,
    component::{FULL_LEVEL, LEVEL},
    job::{Actuator, Preview, Target},
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};
use leptos_router::hooks::use_query_map;

use super::server_fns::{MakeJob, Told, preview_job};
use crate::{
    commands::until::until_field,
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::{
        Checkbox, ErrorNotice, Field, Mark, PageTitle, Select, SubmitButton, error_text,
        number::grouped, status_mark::Shape,
    },
    reading::read_again,
};

/// The fields whose errors stand beside them.
const FIELDS: &[&str] = &[
    "title",
    LEVEL,
    "name",
    "other_component",
    "arguments",
    "until",
    "concurrency",
    "stagger_s",
    "retries",
];

/// A job in the making.
#[component]
pub fn NewJobPage() -> impl IntoView {
    let i18n = use_i18n();
    let map = use_query_map();
    let target = Memo::new(move |_| {
        let map = map.read();
        let ids: Vec<DeviceId> = map
            .get_all("device")
            .unwrap_or_default()
            .iter()
            .filter_map(|id| id.parse().ok())
            .collect();
        match (ids.is_empty(), map.get("filter")) {
            (true, Some(filter)) => Target::Filter(filter),
            _ => Target::Devices(ids),
        }
    });
    let form = FormState::of::<MakeJob>();
    let told = told_at_first(form);
    let preview = Resource::new_blocking(
        move || target.get(),
        move |target| preview_job(target, told.get_untracked()),
    );
    view! {
        <PageTitle text=tu_string!(i18n, jobs.new)/>
        <div class="head"><h1>{tu_string!(i18n, jobs.new)}</h1></div>
        <Transition>
            {move || Suspend::new(async move {
                match preview.await {
                    Ok(preview) => {
                        drawn(i18n.get_locale_untracked(), target.get(), preview, form, told)
                    }
                    Err(failure) => view! {
                        <ErrorNotice error=Signal::stored(Some(failure.0))/>
                        <p class="row">
                            <a class="btn" href="/devices">{tu_string!(i18n, jobs.to_devices)}</a>
                        </p>
                    }
                    .into_any(),
                }
            })}
        </Transition>
    }
}

/// What the form says at first: what was typed where it was refused.
fn told_at_first(form: FormState) -> RwSignal<Told> {
    let typed = |field| form.typed(field).unwrap_or_default();
    RwSignal::new(Told {
        component: typed("component"),
        level: typed(LEVEL),
        name: typed("name"),
        other_component: typed("other_component"),
    })
}

fn drawn(
    locale: Locale,
    target: Target,
    preview: Preview,
    form: FormState,
    told: RwSignal<Told>,
) -> AnyView {
    let actuators = preview.actuators.clone();
    let reached = RwSignal::new(preview);
    let (devices, filter) = match &target {
        Target::Devices(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            (ids.join(","), String::new())
        }
        Target::Filter(filter) => (String::new(), filter.clone()),
        Target::Retry { .. } => (String::new(), String::new()),
    };
    #[cfg(feature = "hydrate")]
    {
        let first = actuators.first().map(|first| first.component.to_string());
        let first = first.unwrap_or_default();
        Effect::new(move || take_over(told, &first));
    }
    read_again(
        Memo::new(move |_| told.get()),
        Some(told.get_untracked()),
        move |told| preview_job(target.clone(), told),
        // What cannot be read now is said when it is sent.
        move |_, answer| {
            if let Ok(answer) = answer {
                reached.set(answer);
            }
        },
    );
    view! {
        <div class="columns newjob">
            <div on:change=move |event| note(told, &event)>
                <ErrorNotice error=form.other_error(FIELDS)/>
                <PostForm form class="form">
                    <input type="hidden" name="devices" value=devices/>
                    <input type="hidden" name="filter" value=filter/>
                    {what(locale, &actuators, form, told)}
                    {how(form)}
                    <SubmitButton
                        label=td_string!(locale, jobs.start)
                        busy_label=td_string!(locale, jobs.starting)
                        busy=form.pending
                    />
                </PostForm>
            </div>
            <div aria-live="polite">{move || who(locale, &reached.read())}</div>
        </div>
    }
    .into_any()
}

/// Takes over what was chosen and typed before the page came to life; `first` is what the form offers by itself.
#[cfg(feature = "hydrate")]
fn take_over(told: RwSignal<Told>, first: &str) {
    let mut now = told.get_untracked();
    if let Some(component) = crate::form::value_of("component")
        && !(now.component.is_empty() && component == first)
    {
        now.component = component;
    }
    let fields = [
        (LEVEL, &mut now.level),
        ("name", &mut now.name),
        ("other_component", &mut now.other_component),
    ];
    for (field, said) in fields {
        if let Some(value) = crate::form::value_of(field) {
            *said = value;
        }
    }
    if *told.read_untracked() != now {
        told.set(now);
    }
}

/// Follows what the form says.
fn note(told: RwSignal<Told>, event: &leptos::ev::Event) {
    let field: leptos::web_sys::Element = event_target(event);
    let value = event_target_value(event);
    told.update(|told| match field.id().as_str() {
        "component" => told.component = value,
        LEVEL => told.level = value,
        "name" => told.name = value,
        "other_component" => told.other_component = value,
        _ => {}
    });
}

fn who(locale: Locale, preview: &Preview) -> AnyView {
    let total = td_string!(locale, jobs.who_total, n = grouped(preview.total.into())).to_string();
    let lines = [
        (
            Mark::Online,
            td_string!(locale, jobs.online),
            preview.online,
        ),
        (
            Mark::Timeout,
            td_string!(locale, jobs.timeout),
            preview.timeout,
        ),
        (
            Mark::Offline,
            td_string!(locale, jobs.offline),
            preview.offline,
        ),
        (
            Mark::Unclaimed,
            td_string!(locale, jobs.not_claimed),
            preview.not_claimed,
        ),
        (
            Mark::Failed,
            td_string!(locale, jobs.not_allowed),
            preview.not_allowed,
        ),
        (
            Mark::Failed,
            td_string!(locale, jobs.not_attached),
            preview.not_attached,
        ),
        (
            Mark::Failed,
            td_string!(locale, jobs.no_level),
            preview.no_level,
        ),
    ];
    let lines = lines
        .into_iter()
        .filter(|(.., count)| *count > 0)
        .map(|(mark, words, count)| {
            view! {
                <li class="row">
                    <Shape mark=Signal::stored(mark)/>
                    <span>{words}</span>
                    <b class="num push">{grouped(count.into())}</b>
                </li>
            }
        })
        .collect_view();
    let listed = u32::try_from(preview.away.len()).unwrap_or(u32::MAX);
    let more = (preview.offline + preview.timeout).saturating_sub(listed);
    let away = (!preview.away.is_empty()).then(|| {
        let names = preview.away.join(", ");
        let more = (more > 0)
            .then(|| td_string!(locale, jobs.and_more, n = grouped(more.into())).to_string());
        view! {
            <h3>{td_string!(locale, jobs.away)}</h3>
            <p class="mut">{names} " " {more}</p>
        }
    });
    view! {
        <section class="card pad who">
            <h2>{td_string!(locale, jobs.who)}</h2>
            <p class="num">{total}</p>
            <ul class="plain">{lines}</ul>
            {away}
        </section>
    }
    .into_any()
}

fn what(locale: Locale, actuators: &[Actuator], form: FormState, told: RwSignal<Told>) -> AnyView {
    let options: Vec<(String, String)> = actuators
        .iter()
        .map(|actuator| {
            let name = named(locale, actuator);
            let n = grouped(actuator.devices.into());
            let words = td_string!(locale, jobs.actuator_of, name = name, n = n).to_string();
            (actuator.component.to_string(), words)
        })
        .collect();
    let none = options.is_empty();
    let first = options.first().map(|(key, _)| key.clone());
    let states = vec![
        ("ON".to_owned(), td_string!(locale, jobs.on).to_owned()),
        ("OFF".to_owned(), td_string!(locale, jobs.off).to_owned()),
    ];
    let level = level_field(locale, actuators, form, told);
    let switch = (!none).then(|| {
        view! {
            <Select
                name="component"
                label=td_string!(locale, jobs.actuator)
                options=options
                form
                value=first.unwrap_or_default()
            />
            <Select
                name="status"
                label=td_string!(locale, jobs.to)
                options=states
                form
                value="ON"
            />
            {level}
            <Checkbox
                name="transient"
                label=td_string!(locale, jobs.transient)
                checked=form.typed("transient").is_some_and(|ticked| !ticked.is_empty())
            />
        }
    });
    let open = none || form.typed("name").is_some_and(|name| !name.is_empty());
    view! {
        <h2>{td_string!(locale, jobs.what)}</h2>
        {switch}
        <details open=open>
            <summary>{td_string!(locale, jobs.other)}</summary>
            <Field name="name" label=td_string!(locale, jobs.name) form required=false maxlength=64/>
            <Field
                name="other_component"
                label=td_string!(locale, jobs.component)
                hint=td_string!(locale, jobs.component_hint)
                form
                required=false
            />
            <Field
                name="arguments"
                label=td_string!(locale, jobs.arguments)
                hint=td_string!(locale, jobs.arguments_hint)
                form
                required=false
                maxlength=10_000
            />
        </details>
    }
    .into_any()
}

/// What an actuator is called: its type, and its key.
fn named(locale: Locale, actuator: &Actuator) -> String {
    let label = match locale {
        Locale::ko => &actuator.label_ko,
        Locale::en => &actuator.label_en,
    };
    format!("{label} ({})", actuator.component)
}

/// How far an actuator is to be on, in place of on and off; nothing where none has levels. A script takes it away while
/// one is chosen that has none: without a script the server says so.
fn level_field(
    locale: Locale,
    actuators: &[Actuator],
    form: FormState,
    told: RwSignal<Told>,
) -> Option<AnyView> {
    let with_level = actuators.iter().filter(|actuator| actuator.with_level > 0);
    let (dimmed, names): (Vec<String>, Vec<String>) = with_level
        .map(|actuator| (actuator.component.to_string(), named(locale, actuator)))
        .unzip();
    if dimmed.is_empty() {
        return None;
    }
    let hint = td_string!(locale, jobs.level_hint, names = names.join(", ")).to_string();
    let wrong = form.field_error(LEVEL);
    let typed = form.typed(LEVEL).unwrap_or_default();
    let away = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    {
        let first = actuators.first().map(|first| first.component.to_string());
        Effect::new(move || {
            let (chosen, asked) =
                told.with(|told| (told.component.clone(), !told.level.is_empty()));
            let chosen = match chosen.is_empty() {
                true => first.clone().unwrap_or_default(),
                false => chosen,
            };
            // Why it was refused stands with the field, which stays until the next try.
            let none = !dimmed.contains(&chosen) && wrong.read().is_none();
            away.set(none);
            // What was typed for another is not asked of this one.
            if none && asked {
                crate::form::fill_field(LEVEL, "");
                told.update(|told| told.level.clear());
            }
        });
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = told;
    let field = view! {
        <div class="fld" hidden=move || away.get()>
            <label for=LEVEL>{td_string!(locale, jobs.level)}</label>
            <input
                class="in"
                id=LEVEL
                name=LEVEL
                type="number"
                min="0"
                max=FULL_LEVEL.to_string()
                step="1"
                value=typed
                disabled=move || away.get()
                aria-invalid=move || wrong.read().is_some().then_some("true")
                aria-describedby="level-about"
            />
            <div id="level-about">
                {move || match wrong.get() {
                    Some(key) => {
                        let sentence = error_text::sentence(locale, &key);
                        view! {
                            <p class="wrong">
                                <Shape mark=Mark::Failed/>
                                {move || sentence.get()}
                            </p>
                        }
                        .into_any()
                    }
                    None => view! { <p class="hint">{hint.clone()}</p> }.into_any(),
                }}
            </div>
        </div>
    };
    Some(field.into_any())
}

fn how(form: FormState) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let waits = [
        ("600", td_string!(locale, jobs.minutes_10)),
        ("3600", td_string!(locale, jobs.hour)),
        ("86400", td_string!(locale, jobs.day)),
        ("604800", td_string!(locale, jobs.week)),
    ];
    let waits: Vec<_> = waits
        .into_iter()
        .map(|(value, words)| (value.to_owned(), words.to_owned()))
        .collect();
    view! {
        <h2>{td_string!(locale, jobs.how)}</h2>
        <Select
            name="valid_for_s"
            label=td_string!(locale, jobs.wait)
            options=waits
            form
            value="3600"
        />
        {until_field(locale, form)}
        <div class="three">
            <Field name="concurrency" kind="number" label=td_string!(locale, jobs.concurrency) form value="50"/>
            <Field name="stagger_s" kind="number" label=td_string!(locale, jobs.stagger_label) form value="0"/>
            <Field name="retries" kind="number" label=td_string!(locale, jobs.retries) form value="0"/>
        </div>
        <Field
            name="title"
            label=td_string!(locale, jobs.job_name)
            hint=td_string!(locale, jobs.job_name_hint)
            form
            required=false
            maxlength=120
        />
    }
    .into_any()
}
