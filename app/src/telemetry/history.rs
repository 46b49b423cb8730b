//! The history of a device: which value, how far back, and its chart. All of it is in the address.

use domain::{DeviceId, component::Component, telemetry::SeriesQuery};
use leptos::prelude::*;
use leptos_i18n::{t, t_string};
use leptos_router::hooks::use_query_map;

use super::chart::Chart;
use crate::{
    devices::server_fns::read_series,
    i18n::{Locale, use_i18n},
    parts::{ErrorNotice, clock::use_now},
};

const HOUR_MS: i64 = 3_600_000;
const POINTS: u32 = 480;

/// A value that can be drawn.
#[derive(Debug, Clone, PartialEq)]
struct Choice {
    component: domain::ComponentKey,
    value: String,
    label_ko: String,
    label_en: String,
    unit: String,
}

impl Choice {
    fn key(&self) -> String {
        format!("{}.{}", self.component, self.value)
    }

    fn label(&self, locale: Locale) -> String {
        let label = match locale {
            Locale::ko => &self.label_ko,
            Locale::en => &self.label_en,
        };
        match self.unit.as_str() {
            "" => label.clone(),
            unit => format!("{label} ({unit})"),
        }
    }
}

fn choices(components: &[Component]) -> Vec<Choice> {
    components
        .iter()
        .flat_map(|component| {
            component
                .values
                .iter()
                .filter(|value| !value.name.is_empty())
                .map(|value| Choice {
                    component: component.key.clone(),
                    value: value.name.clone(),
                    label_ko: value.label_ko.clone(),
                    label_en: value.label_en.clone(),
                    unit: value.unit.clone(),
                })
        })
        .collect()
}

fn span(range: &str) -> i64 {
    match range {
        "24h" => 24 * HOUR_MS,
        "7d" => 7 * 24 * HOUR_MS,
        "90d" => 90 * 24 * HOUR_MS,
        _ => HOUR_MS,
    }
}

/// Chooser and chart.
#[component]
pub fn History(
    /// The device.
    id: DeviceId,
    /// Its components.
    components: Vec<Component>,
) -> impl IntoView {
    let i18n = use_i18n();
    let map = use_query_map();
    let choices = choices(&components);
    let Some(first) = choices.first().cloned() else {
        return ().into_any();
    };
    let known = StoredValue::new(choices.clone());
    let chosen = Memo::new(move |_| {
        let key = map.read().get("value").unwrap_or_default();
        known
            .with_value(|known| known.iter().find(|choice| choice.key() == key).cloned())
            .unwrap_or_else(|| first.clone())
    });
    let range = Memo::new(move |_| map.read().get("range").unwrap_or_else(|| "1h".to_owned()));
    let now = use_now().0;
    let to = now.get_untracked();
    let series = Resource::new_blocking(
        move || (chosen.get(), range.get()),
        move |(chosen, range)| {
            let query = SeriesQuery {
                component: chosen.component,
                value: Some(chosen.value),
                from: domain::TimestampMs(to - span(&range)),
                to: domain::TimestampMs(to + 1_000),
                max_points: POINTS,
            };
            read_series(id, query)
        },
    );
    view! {
        <section class="card history" id="history">
            <h2>{t!(i18n, telemetry.title)}</h2>
            <form class="filters" method="get" action=format!("/devices/{id}#history")>
                <select class="in" name="value" aria-label=move || t_string!(i18n, telemetry.value)>
                    {choices
                        .into_iter()
                        .map(|choice| {
                            let key = choice.key();
                            let selected = chosen.get_untracked() == choice;
                            view! {
                                <option value=key selected=selected>
                                    {move || choice.label(i18n.get_locale())}
                                </option>
                            }
                        })
                        .collect_view()}
                </select>
                <select class="in" name="range" aria-label=move || t_string!(i18n, telemetry.range)>
                    {["1h", "24h", "7d", "90d"]
                        .map(|value| {
                            let words = match value {
                                "24h" => t_string!(i18n, telemetry.day),
                                "7d" => t_string!(i18n, telemetry.week),
                                "90d" => t_string!(i18n, telemetry.quarter),
                                _ => t_string!(i18n, telemetry.hour),
                            };
                            let selected = range.get_untracked() == value;
                            view! {
                                <option value=value selected=selected>
                                    {words}
                                </option>
                            }
                        })}
                </select>
                <button class="btn" type="submit">
                    {t!(i18n, frame.search_button)}
                </button>
            </form>
            <Transition>
                {move || Suspend::new(async move {
                    let (chosen, range) = (chosen.get(), range.get());
                    match series.await {
                        Ok(series) => {
                            match series.into_iter().find(|s| !s.points.is_empty()) {
                                Some(series) => {
                                    let name = chosen.label(i18n.get_locale_untracked());
                                    view! { <Chart series name from=to - span(&range) to/> }
                                        .into_any()
                                }
                                None => {
                                    view! { <p class="mut pad">{t!(i18n, telemetry.none)}</p> }
                                        .into_any()
                                }
                            }
                        }
                        Err(failure) => {
                            view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }
                                .into_any()
                        }
                    }
                })}
            </Transition>
        </section>
    }
    .into_any()
}
