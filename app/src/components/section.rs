//! The components on a device's page: the list with forms, and the picture of the pins. Loaded with the record.

use std::collections::HashMap;

use domain::{
    AppError, DeviceId, TimestampMs,
    catalog::{AttachedComponent, ComponentHealth, PinHeader},
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};

use super::{
    attach_form::attach_form,
    pin_map::pin_map,
    server_fns::{
        DetachComponent, Detached, Fitted, PutComponent, ReattachComponent, read_components,
    },
};
use crate::{
    Failure,
    catalog::{fields::Refused, words},
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::{ErrorNotice, Mark, StatusMark, Time, status_mark::Shape},
    reading::{read_again, unanswered},
};

/// The forms of this section.
#[derive(Clone, Copy)]
struct Forms {
    put: FormState,
    detach: FormState,
    reattach: FormState,
}

/// The section of a device; read again when `changed` moves. Nothing is said to report now where the device
/// is not `online`.
pub(crate) async fn components(
    id: DeviceId,
    changed: Signal<u64>,
    may_manage: Signal<bool>,
    online: Signal<bool>,
) -> AnyView {
    let forms = Forms {
        put: FormState::of::<PutComponent>(),
        detach: FormState::of::<DetachComponent>(),
        reattach: FormState::of::<ReattachComponent>(),
    };
    let asked = Memo::new(move |_| {
        let own = [forms.put, forms.detach, forms.reattach].map(|form| form.times_done());
        (own, changed.get())
    });
    let known = asked.get_untracked();
    let shown = RwSignal::new(None::<Fitted>);
    let told = RwSignal::new(Told::new());
    let failed = RwSignal::new(None::<AppError>);
    let take = move |answer: Result<Fitted, Failure>| match answer {
        Ok(mut fitted) => {
            told.set(fitted.attached.iter_mut().map(apart).collect());
            // What has not changed keeps what is typed into it.
            if shown.read_untracked().as_ref() != Some(&fitted) {
                shown.set(Some(fitted));
            }
            failed.set(None);
        }
        Err(Failure(error)) => failed.set(Some(error)),
    };
    take(read_components(id).await);
    read_again(
        asked,
        Some(known),
        move |_| read_components(id),
        move |_, answer| {
            if !unanswered(&answer) {
                take(answer);
            }
        },
    );
    view! {
        <ErrorNotice error=failed/>
        {move || {
            let may = may_manage.get();
            shown.get().map(|fitted| section(id, &fitted, Said { told, online }, forms, may))
        }}
    }
    .into_any()
}

/// What each component last told, and whether its device is there to go on with it.
#[derive(Clone, Copy)]
struct Said {
    told: RwSignal<Told>,
    online: Signal<bool>,
}

/// What each component last told: it moves with the reports, and the forms beside it do not.
type Told = HashMap<i64, Heard>;

/// How a component does, when it last reported and since when it has been silent.
type Heard = (ComponentHealth, Option<TimestampMs>, Option<TimestampMs>);

/// Takes what moves with the reports out of what stands. What the rules do not allow stands; what has
/// told nothing yet is not said to report, also where it tells only of changes.
fn apart(component: &mut AttachedComponent) -> (i64, Heard) {
    let health = match (component.health, component.last_report_at) {
        (ComponentHealth::Well, None) => ComponentHealth::Waiting,
        (health, _) => health,
    };
    if component.health != ComponentHealth::NotAllowed {
        component.health = ComponentHealth::Waiting;
    }
    let heard = (
        health,
        component.last_report_at.take(),
        component.silent_since.take(),
    );
    (component.id, heard)
}

fn section(id: DeviceId, fitted: &Fitted, said: Said, forms: Forms, may: bool) -> AnyView {
    let i18n = use_i18n();
    // Each keeps its own place on the page: what was unfolded of one that is gone does not become its neighbour's.
    let rows = {
        let (attached, fitted) = (fitted.attached.clone(), fitted.clone());
        view! {
            <For
                each=move || attached.clone()
                key=|component| (component.id, format!("{component:?}"))
                children=move |component| row(id, &component, &fitted, said, forms, may)
            />
        }
    };
    let none = fitted.attached.is_empty().then(|| {
        view! { <p class="mut pad">{tu_string!(i18n, catalog.attached_none)}</p> }
    });
    let picture = (fitted.header == PinHeader::J8).then(|| {
        view! {
            <section class="card">
                <header><h2>{tu_string!(i18n, catalog.pins)}</h2><span class="n">"J8"</span></header>
                {pin_map(&fitted.attached)}
            </section>
        }
    });
    let attach = may.then(|| {
        let refused = forms.put.error.read_untracked().is_some()
            && forms.put.typed("component_id").as_deref() == Some("");
        view! {
            <details class="attach" open=refused>
                <summary>{tu_string!(i18n, catalog.attach)}</summary>
                {attach_form(id, forms.put, None, &fitted.kinds)}
            </details>
        }
    });
    view! {
        <section class="card parts" id="components">
            <header>
                <h2>{tu_string!(i18n, catalog.attached)}</h2>
                <span class="n">{fitted.attached.len()}</span>
            </header>
            <Refused form=forms.detach/>
            <Refused form=forms.reattach/>
            {undo(id, fitted, forms)}
            {none}
            <ul>{rows}</ul>
            {attach}
        </section>
        {picture}
    }
    .into_any()
}

/// Offers to bring back what was just detached, as long as it is not there.
fn undo(id: DeviceId, fitted: &Fitted, forms: Forms) -> AnyView {
    let i18n = use_i18n();
    let present: Vec<i64> = fitted
        .attached
        .iter()
        .map(|component| component.id)
        .collect();
    view! {
        <div role="status">
            {move || {
                let gone = forms.detach.outcome::<Detached>();
                gone.filter(|gone| !present.contains(&gone.component_id)).map(|gone| {
                    view! {
                        <PostForm form=forms.reattach class="banner good">
                            <Shape mark=Mark::Done/>
                            <span>{tu_string!(i18n, catalog.detached, name = gone.key).to_string()}</span>
                            <input type="hidden" name="id" value=id.to_string()/>
                            <input type="hidden" name="component_id" value=gone.component_id.to_string()/>
                            <button class="btn sm push" type="submit">{tu_string!(i18n, frame.undo)}</button>
                        </PostForm>
                    }
                })
            }}
        </div>
    }
    .into_any()
}

fn mark(health: ComponentHealth, online: bool) -> Mark {
    match health {
        ComponentHealth::Well if online => Mark::Online,
        ComponentHealth::Well => Mark::Offline,
        ComponentHealth::Waiting => Mark::Unclaimed,
        ComponentHealth::Silent => Mark::Timeout,
        ComponentHealth::NotAllowed => Mark::Failed,
    }
}

/// How a component does. Of one whose device is not there only its last report is known.
fn word(locale: Locale, health: ComponentHealth, online: bool) -> &'static str {
    match (health, online) {
        (ComponentHealth::Well, false) => td_string!(locale, devices.last_report),
        (health, _) => words::health(locale, health),
    }
}

fn row(
    id: DeviceId,
    component: &AttachedComponent,
    fitted: &Fitted,
    said: Said,
    forms: Forms,
    may: bool,
) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let Said { told, online } = said;
    let key = component.key.to_string();
    let title = component.name.clone().unwrap_or_else(|| key.clone());
    let mut place = vec![match (component.pin_number, component.pin_mode) {
        (Some(pin), Some(mode)) => format!("GPIO {pin} · {}", words::mode(locale, mode)),
        _ => tu_string!(i18n, catalog.no_pin_needed).to_owned(),
    }];
    place.extend(component.address.clone());
    place.extend(
        component
            .default_state
            .map(|state| state.as_str().to_owned()),
    );
    let own = component.id;
    let heard = Memo::new(move |_| told.read().get(&own).copied());
    let health = move || {
        heard
            .get()
            .map_or(ComponentHealth::Waiting, |(health, ..)| health)
    };
    let since = Memo::new(move |_| heard.get().and_then(|(_, last, silent)| silent.or(last)));
    let acts = may.then(|| {
        let (of, named) = (component.id.to_string(), key.clone());
        view! {
            <details>
                <summary>{tu_string!(i18n, catalog.change)}" "<span class="hide">{title.clone()}</span></summary>
                {attach_form(id, forms.put, Some(component), &fitted.kinds)}
                <p class="where">{tu_string!(i18n, catalog.detach_what)}</p>
                <PostForm form=forms.detach>
                    <input type="hidden" name="id" value=id.to_string()/>
                    <input type="hidden" name="component_id" value=of/>
                    <input type="hidden" name="key" value=named/>
                    <button class="btn sm danger" type="submit">{tu_string!(i18n, catalog.detach)}</button>
                </PostForm>
            </details>
        }
    });
    view! {
        <li>
            <span>
                <b>{title.clone()}</b>" "
                <span class="mono mut">{component.name.is_some().then_some(key)}</span>
                <br/>
                <span class="where num">{place.join(" · ")}</span>
            </span>
            <span class="row">
                <StatusMark
                    mark=Signal::derive(move || mark(health(), online.get()))
                    word=Signal::derive(move || word(locale, health(), online.get()).to_owned())
                />
                <span class="mut xs">
                    {move || since.get().map(|at| view! { <Time at=Signal::stored(Some(at))/> })}
                </span>
            </span>
            {acts}
        </li>
    }
    .into_any()
}
