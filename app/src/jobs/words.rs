//! What the states of jobs and of their devices are called.

use domain::job::{JobState, StepCounts, StepState};
use leptos::prelude::*;
use leptos_i18n::td_string;

use crate::{i18n::Locale, parts::Mark};

pub(crate) fn job(locale: Locale, state: JobState) -> &'static str {
    match state {
        JobState::Running => td_string!(locale, jobs.running),
        JobState::Cancelling => td_string!(locale, jobs.cancelling),
        JobState::Finished => td_string!(locale, jobs.finished),
        JobState::Cancelled => td_string!(locale, jobs.cancelled),
    }
}

pub(crate) fn job_mark(state: JobState, counts: &StepCounts) -> Mark {
    match state {
        JobState::Running | JobState::Cancelling => Mark::Working,
        JobState::Cancelled => Mark::Offline,
        JobState::Finished if counts.succeeded + counts.skipped == counts.total() => Mark::Done,
        JobState::Finished => Mark::Warning,
    }
}

pub(crate) fn step(locale: Locale, state: StepState) -> &'static str {
    match state {
        StepState::Waiting => td_string!(locale, jobs.step_waiting),
        StepState::Running => td_string!(locale, jobs.step_running),
        StepState::Succeeded => td_string!(locale, jobs.step_succeeded),
        StepState::Failed => td_string!(locale, jobs.step_failed),
        StepState::Rejected => td_string!(locale, jobs.step_rejected),
        StepState::Expired => td_string!(locale, jobs.step_expired),
        StepState::TimedOut => td_string!(locale, jobs.step_timed_out),
        StepState::Cancelled => td_string!(locale, jobs.step_cancelled),
        StepState::Skipped => td_string!(locale, jobs.step_skipped),
    }
}

pub(crate) fn step_mark(state: StepState) -> Mark {
    match state {
        StepState::Succeeded => Mark::Done,
        StepState::Failed | StepState::Rejected => Mark::Failed,
        StepState::Expired | StepState::TimedOut => Mark::Warning,
        StepState::Running => Mark::Working,
        StepState::Waiting => Mark::Unclaimed,
        StepState::Cancelled | StepState::Skipped => Mark::Offline,
    }
}

/// The devices of a job as one bar: done, not done, at it, still to come.
pub(crate) fn bar(counts: &StepCounts) -> AnyView {
    let total = f64::from(counts.total().max(1));
    let parts = [
        ("good", counts.succeeded),
        ("bad", counts.failed + counts.rejected),
        ("warn", counts.expired + counts.timed_out),
        ("off", counts.cancelled + counts.skipped),
        ("work", counts.running),
    ];
    let segments = parts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| {
            let style = format!("inline-size:{:.2}%", f64::from(count) * 100.0 / total);
            view! { <i class=class style=style></i> }
        })
        .collect_view();
    view! { <span class="jobbar" aria-hidden="true">{segments}</span> }.into_any()
}
