//! What a page subscribes to, and which changes are for it.

use std::collections::HashMap;

use domain::{
    DeviceId, JobId, UserId,
    live::{LiveEvent, Subject},
};
use service::{Actor, traffic};

use super::registry::Watched;

/// One subject that a page watches.
pub(super) struct Subscription {
    pub(super) subject: Subject,
    /// Whether it asks for its devices as they stand.
    pub(super) snapshot: bool,
    /// What the page already has of each device that it may see.
    pub(super) known: HashMap<DeviceId, u64>,
    /// Keeps the raw messages that the page shows.
    pub(super) watch: Option<traffic::Watch>,
}

/// How a change is passed on to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// Not at all: the page has it already, does not show it or may not have it.
    Not,
    /// As everybody is told it.
    AsTold,
    /// With what it is now, which others read.
    InFull,
}

impl Subscription {
    /// To a subject of which the page has nothing yet.
    pub(super) fn new(subject: Subject, snapshot: bool) -> Self {
        Self {
            subject,
            snapshot,
            known: HashMap::new(),
            watch: None,
        }
    }

    /// Whether it is to the overview.
    pub(super) fn is_overview(&self) -> bool {
        self.subject == Subject::Overview
    }

    /// Whether it names any of these devices.
    pub(super) fn names_any(&self, devices: &[DeviceId]) -> bool {
        match &self.subject {
            Subject::Device { device } | Subject::Traffic { device } => devices.contains(device),
            Subject::Devices { ids } => ids.iter().any(|id| devices.contains(id)),
            Subject::Overview | Subject::Job { .. } | Subject::Jobs | Subject::Import { .. } => {
                false
            }
        }
    }

    /// Adds what it listens to.
    pub(super) fn listen(&self, watched: &mut Watched) {
        match &self.subject {
            Subject::Device { device } | Subject::Traffic { device } => {
                watched.devices.insert(*device);
            }
            Subject::Devices { ids } => watched.devices.extend(ids),
            Subject::Overview => watched.overview = true,
            Subject::Job { .. } | Subject::Jobs | Subject::Import { .. } => watched.jobs = true,
        }
    }

    /// How a change is passed on to this person's page.
    pub(super) fn passes(&self, event: &LiveEvent, actor: &Actor) -> Passed {
        let shown = match event {
            LiveEvent::Import { import } => self.subject == Subject::Import { import: *import },
            LiveEvent::Job { job, by, .. } => self.shows_job(*job, *by, actor),
            event => match event.device() {
                Some(device) => is_told(actor, event) && self.shows(device, event),
                None => false,
            },
        };
        match shown {
            true if self.snapshot && matches!(event, LiveEvent::Presence { .. }) => Passed::InFull,
            true => Passed::AsTold,
            false => Passed::Not,
        }
    }

    fn shows_job(&self, job: JobId, by: Option<UserId>, actor: &Actor) -> bool {
        match &self.subject {
            Subject::Job { job: watched } => *watched == job,
            Subject::Jobs => actor.user.role.sees_all_devices() || by == Some(actor.user.id),
            _ => false,
        }
    }

    fn shows(&self, device: DeviceId, event: &LiveEvent) -> bool {
        let known = self.known.get(&device).copied();
        match (&self.subject, event) {
            (
                Subject::Traffic { device: watched },
                LiveEvent::Traffic { .. } | LiveEvent::Command { .. } | LiveEvent::Device { .. },
            ) => *watched == device,
            (Subject::Traffic { .. }, _) => false,
            (Subject::Overview, event) => matches!(event, LiveEvent::Event { .. }),
            (_, LiveEvent::State { revision, .. } | LiveEvent::Presence { revision, .. }) => {
                known.is_some_and(|known| *revision > known)
            }
            (_, LiveEvent::Traffic { .. }) => false,
            (Subject::Device { device: watched }, _) => *watched == device,
            (Subject::Devices { .. }, LiveEvent::Device { .. }) => known.is_some(),
            _ => false,
        }
    }
}

/// Whether this person is told of what happened.
fn is_told(actor: &Actor, event: &LiveEvent) -> bool {
    match event {
        LiveEvent::Event { event, .. } => actor.is_told(event.kind),
        _ => true,
    }
}
