//! One paper with the lines of several devices that are measured in the same unit, and what each of them says.

use std::sync::Arc;

use domain::telemetry::{Line, Point, Series, SeriesName};
use leptos::{ev, html, prelude::*};
use leptos_i18n::tu_string;

use super::{
    axis::{self, Measure, Zone},
    compare_above::{Part, part},
    compare_page::Drawn,
    paper::{Drawing, SIDE, Scale, lines},
};
use crate::{
    i18n::{Locale, use_i18n},
    parts::{Draw, Icon},
};

/// One paper of the page: all that is drawn in one unit.
#[derive(Clone)]
pub(super) struct Paper {
    pub(super) unit: String,
    /// What is drawn.
    pub(super) shown: RwSignal<Option<Drawn>>,
    /// The moment that is pointed at, on all papers.
    pub(super) at: RwSignal<Option<i64>>,
}

/// What stands on a paper.
struct Ruled {
    ready: Vec<Ready>,
    from: i64,
    to: i64,
    extremes: Option<(f64, f64)>,
    scale: Scale,
    measure: Measure,
}

impl Paper {
    /// What stands on it; none once nothing is drawn in its unit.
    fn ruled(&self) -> Option<Ruled> {
        let shown = self.shown.read();
        let (asked, now, compared) = shown.as_ref()?;
        let (from, to) = asked.span.at(*now);
        let ready = ready(&compared.comparison.lines, &self.unit, from, to);
        if ready.is_empty() {
            return None;
        }
        let extremes = ready.iter().filter_map(|line| line.drawing.extremes());
        let extremes = extremes.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let scale = Scale::around(from, to, extremes);
        Some(Ruled {
            measure: Measure::of(scale.low, scale.high, &self.unit),
            ready,
            from,
            to,
            extremes,
            scale,
        })
    }
}

/// The units of these lines, in the order in which they first come: each has a paper.
pub(super) fn units(lines: &[Line]) -> Vec<String> {
    let mut units: Vec<String> = Vec::new();
    for line in lines {
        if !units.contains(&line.unit) {
            units.push(line.unit.clone());
        }
    }
    units
}

/// A line that is ready to be drawn and told.
struct Ready {
    /// Among all lines of the page; it is its ink.
    number: usize,
    name: SeriesName,
    device_name: String,
    label_ko: String,
    label_en: String,
    drawing: Arc<Drawing>,
}

impl Ready {
    fn label(&self, locale: Locale) -> String {
        match locale {
            Locale::ko => self.label_ko.clone(),
            Locale::en => self.label_en.clone(),
        }
    }

    /// The reading nearest to the moment that is pointed at, else the latest.
    fn reading(&self, at: Option<i64>) -> Option<Point> {
        let points = &self.drawing.series.points;
        match at {
            Some(at) => self.drawing.nearest(at).map(|index| points[index]),
            None => points.last().copied(),
        }
    }
}

fn percent(units: f64) -> String {
    format!("{:.2}%", units * 100.0 / SIDE)
}

/// The paper and its legend.
pub(super) fn chart(of: Paper) -> AnyView {
    let zone = RwSignal::new(Zone::Utc);
    #[cfg(feature = "hydrate")]
    Effect::new(move || zone.set(Zone::Own));
    let drawn = of.clone();
    view! {
        <section class="card history compared">
            {move || drawn.ruled().map(|ruled| figure(ruled, zone, drawn.at))}
            {part(Part::Legend(of))}
        </section>
    }
    .into_any()
}

fn figure(ruled: Ruled, zone: RwSignal<Zone>, at: RwSignal<Option<i64>>) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let Ruled {
        ready,
        from,
        to,
        extremes,
        scale,
        measure,
    } = ruled;
    let values = match extremes {
        Some(_) => measure.values(scale.low, scale.high),
        None => Vec::new(),
    };
    let heights: Vec<(f64, String)> = values
        .into_iter()
        .map(|(value, text)| (scale.y(value), text))
        .collect();
    let times = Memo::new(move |_| {
        let marks = axis::times(i18n.get_locale_untracked(), zone.get(), from, to);
        let marks = marks.into_iter().map(|(at, text)| (scale.x(at), text));
        marks.collect::<Vec<_>>()
    });
    let drawn = ready
        .iter()
        .map(|line| {
            let (timely, late) = lines(&scale, &line.drawing);
            let ink = format!("ink-{} dash-{}", line.number % 4, line.number / 4);
            view! {
                <path class=format!("mean {ink}") d=timely></path>
                <path class=format!("late {ink}") d=late></path>
            }
        })
        .collect_view();
    let label = ready
        .iter()
        .map(|line| format!("{} · {}", line.device_name, line.label(locale)))
        .collect::<Vec<_>>()
        .join(", ");
    let rules = heights
        .iter()
        .map(|(y, _)| view! { <line x1="0" x2=SIDE y1=*y y2=*y></line> })
        .collect_view();
    let marks = heights
        .into_iter()
        .map(|(y, text)| view! { <span style:top=percent(y)>{text}</span> })
        .collect_view();
    let layer = NodeRef::<html::Div>::new();
    let point_at = move |event: ev::PointerEvent| {
        if let Some(layer) = layer.get_untracked() {
            let wide = f64::from(layer.client_width().max(1));
            at.set(Some(scale.moment(f64::from(event.offset_x()) / wide)));
        }
    };
    let moment = move || {
        let at = at.get()?;
        Some(axis::moment(
            i18n.get_locale_untracked(),
            zone.get(),
            at,
            1_000,
        ))
    };
    view! {
        <figure class="chart">
            <div class="values" aria-hidden="true">
                <b>{measure.unit}</b>
                {marks}
            </div>
            <div class="paper" class:lattice=extremes.is_none()>
                {extremes
                    .is_none()
                    .then(|| view! { <p class="none">{tu_string!(i18n, telemetry.none)}</p> })}
                <svg viewBox=format!("0 0 {SIDE} {SIDE}") preserveAspectRatio="none" role="img" aria-label=label>
                    <g class="rule">
                        {rules}
                        {move || {
                            let line = |(x, _)| view! { <line x1=x x2=x y1="0" y2=SIDE></line> };
                            times.get().into_iter().map(line).collect_view()
                        }}
                    </g>
                    {drawn}
                </svg>
                <div
                    class="cursor"
                    node_ref=layer
                    on:pointermove=point_at
                    on:pointerdown=point_at
                    on:pointerleave=move |event: ev::PointerEvent| {
                        if event.pointer_type() != "touch" {
                            at.set(None);
                        }
                    }
                >
                    {move || {
                        at.get()
                            .map(|at| view! { <div class="hair" style:left=percent(scale.x(at))></div> })
                    }}
                </div>
            </div>
            <div class="times" aria-hidden="true">
                {move || {
                    let mark = |(x, text)| view! { <span style:left=percent(x)>{text}</span> };
                    times.get().into_iter().map(mark).collect_view()
                }}
                <small>{move || (zone.get() == Zone::Utc).then_some("UTC")}</small>
            </div>
        </figure>
        <p class="xs mut pointed">{moment}</p>
    }
    .into_any()
}

/// The lines of one unit.
fn ready(all: &[Line], unit: &str, from: i64, to: i64) -> Vec<Ready> {
    let numbered = all.iter().enumerate();
    let mine = numbered.filter(|(_, line)| line.unit == unit);
    mine.map(|(number, line)| Ready {
        number,
        name: line.name.clone(),
        device_name: line.device_name.clone(),
        label_ko: line.label_ko.clone(),
        label_en: line.label_en.clone(),
        drawing: Arc::new(Drawing {
            series: Series {
                component: line.name.component.clone(),
                value: line.name.value.clone(),
                bucket_ms: line.bucket_ms,
                points: line.points.clone(),
            },
            from,
            to,
        }),
    })
    .collect()
}

/// Each line in words: whose, which value, what it says where one points or last, and its extremes.
pub(super) fn legend(of: Paper) -> AnyView {
    (move || of.ruled().map(|ruled| told(ruled, &of))).into_any()
}

fn told(ruled: Ruled, of: &Paper) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let (Ruled { ready, measure, .. }, at) = (ruled, of.at);
    let shown = of.shown.read_untracked();
    let Some((asked, _, compared)) = shown.as_ref() else {
        return ().into_any();
    };
    let all = &compared.comparison.lines;
    let measure = StoredValue::new(measure);
    let exact = move |value: f64| measure.with_value(|measure| measure.exact(value));
    let rows = ready
        .into_iter()
        .map(|line| {
            let names = all.iter().map(|other| &other.name);
            let others = names.filter(|name| **name != line.name).cloned();
            let without = asked.only(others.collect());
            let device = line.name.device;
            let href = format!(
                "/devices/{device}?value={}.{}#history",
                line.name.component, line.name.value
            );
            let extremes = line.drawing.extremes();
            let ink = format!("ink-{} dash-{}", line.number % 4, line.number / 4);
            let (name, label) = (line.device_name.clone(), line.label(locale));
            let remove = format!("{name} · {label}");
            let now = move || line.reading(at.get()).map_or("–".to_owned(), |p| exact(p.mean));
            view! {
                <tr>
                    <th scope="row">
                        <svg class="swatch" viewBox="0 0 24 8" aria-hidden="true">
                            <path class=format!("mean {ink}") d="M1 4H23"></path>
                        </svg>
                        <a href=href>{name}</a>
                        <span class="mut">{label}</span>
                    </th>
                    <td class="r num"><b>{now}</b></td>
                    <td class="r num wideonly">{extremes.map(|(low, _)| exact(low))}</td>
                    <td class="r num wideonly">{extremes.map(|(_, high)| exact(high))}</td>
                    <td>
                        <a
                            class="btn ghost sq sm"
                            data-noscroll
                            href=without
                            aria-label=tu_string!(i18n, finding.charts_remove, name = remove).to_string()
                        >
                            <Draw icon=Icon::X/>
                        </a>
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <table class="legend">
            <thead>
                <tr>
                    <th scope="col">{tu_string!(i18n, finding.charts_line)}</th>
                    <th scope="col" class="r">{tu_string!(i18n, finding.charts_reading)}</th>
                    <th scope="col" class="r wideonly">{tu_string!(i18n, telemetry.lowest)}</th>
                    <th scope="col" class="r wideonly">{tu_string!(i18n, telemetry.highest)}</th>
                    <td></td>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::{DeviceId, TimestampMs};

    use super::*;

    fn line(unit: &str) -> Line {
        let point = |at| Point {
            at: TimestampMs(at),
            min: 1.0,
            max: 3.0,
            mean: 2.0,
            count: 1,
            late: false,
        };
        Line {
            name: format!("{}.cpu.average", DeviceId::random())
                .parse()
                .expect("a name"),
            device_name: "PC".to_owned(),
            label_ko: "값".to_owned(),
            label_en: "Value".to_owned(),
            unit: unit.to_owned(),
            bucket_ms: 60_000,
            points: vec![point(0), point(60_000)],
        }
    }

    #[test]
    fn each_unit_has_a_paper_and_each_line_its_ink() {
        let lines = [line("%"), line("°C"), line("%")];
        let told: Vec<(String, Vec<usize>)> = units(&lines)
            .into_iter()
            .map(|unit| {
                let ready = ready(&lines, &unit, 0, 120_000);
                (unit, ready.iter().map(|line| line.number).collect())
            })
            .collect();
        let percent = ("%".to_owned(), vec![0, 2]);
        assert_eq!(told, [percent, ("°C".to_owned(), vec![1])]);
    }

    #[test]
    fn a_line_says_what_is_pointed_at_or_its_last() {
        let all = ready(&[line("%")], "%", 0, 1_200_000);
        let ready = all.first().expect("a line");
        assert_eq!(ready.reading(Some(1_000)).map(|p| p.at.0), Some(0));
        assert_eq!(ready.reading(None).map(|p| p.at.0), Some(60_000));
        assert!(ready.reading(Some(1_000_000)).is_none(), "in a hole");
    }
}
