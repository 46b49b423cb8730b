//! Who watches what.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::{DeviceId, UserId, live::LiveEvent};
use parking_lot::RwLock;

use super::mailbox::{Mailbox, Told};

#[derive(Debug)]
struct Reader {
    user: UserId,
    mailbox: Arc<Mailbox>,
}

#[derive(Debug, Default)]
struct Index {
    readers: HashMap<u64, Reader>,
    by_device: HashMap<DeviceId, HashSet<u64>>,
    overview: HashSet<u64>,
    jobs: HashSet<u64>,
}

/// What a reader watches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) devices: HashSet<DeviceId>,
    pub(super) overview: bool,
    /// One job or the list of them, or an import: there are few events of them.
    pub(super) jobs: bool,
}

/// All connections and what they watch.
#[derive(Debug, Default)]
pub(super) struct Registry {
    next: AtomicU64,
    index: RwLock<Index>,
}

impl Registry {
    pub(super) fn join(&self, user: UserId) -> (u64, Arc<Mailbox>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mailbox = Arc::new(Mailbox::default());
        let reader = Reader {
            user,
            mailbox: mailbox.clone(),
        };
        self.index.write().readers.insert(id, reader);
        (id, mailbox)
    }

    pub(super) fn len(&self) -> usize {
        self.index.read().readers.len()
    }

    pub(super) fn leave(&self, reader: u64, watched: &Watched) {
        self.watch(reader, watched, &Watched::default());
        self.index.write().readers.remove(&reader);
    }

    /// Replaces what a reader watches.
    pub(super) fn watch(&self, reader: u64, before: &Watched, after: &Watched) {
        let mut index = self.index.write();
        for gone in before.devices.difference(&after.devices) {
            if let Some(readers) = index.by_device.get_mut(gone) {
                readers.remove(&reader);
                if readers.is_empty() {
                    index.by_device.remove(gone);
                }
            }
        }
        for device in &after.devices {
            index.by_device.entry(*device).or_default().insert(reader);
        }
        let Index { overview, jobs, .. } = &mut *index;
        for (readers, watches) in [(overview, after.overview), (jobs, after.jobs)] {
            if watches {
                readers.insert(reader);
            } else {
                readers.remove(&reader);
            }
        }
    }

    /// Puts an event into the mailboxes of those who watch it; written as JSON once.
    pub(super) fn tell(&self, event: &LiveEvent) {
        let index = self.index.read();
        let Some(device) = event.device() else {
            match event {
                LiveEvent::Access { user } => {
                    let theirs = index.readers.values().filter(|r| r.user == *user);
                    theirs.for_each(|reader| reader.mailbox.access());
                }
                LiveEvent::Notice { user } => {
                    if let Some(told) = Told::new(event.clone()) {
                        let theirs = index.readers.values().filter(|r| r.user == *user);
                        theirs.for_each(|reader| reader.mailbox.put(&told));
                    }
                }
                LiveEvent::Job { .. } | LiveEvent::Import { .. } if !index.jobs.is_empty() => {
                    if let Some(told) = Told::new(event.clone()) {
                        let watching = index.jobs.iter().filter_map(|id| index.readers.get(id));
                        watching.for_each(|reader| reader.mailbox.put(&told));
                    }
                }
                _ => {}
            }
            return;
        };
        let watching = index.by_device.get(&device).into_iter().flatten();
        // The overview shows counts and events, no values.
        let site = matches!(
            event,
            LiveEvent::Presence { .. } | LiveEvent::Event { .. } | LiveEvent::Device { .. }
        );
        let readers: HashSet<u64> = watching
            .chain(index.overview.iter().filter(|_| site))
            .copied()
            .collect();
        if readers.is_empty() {
            return;
        }
        let Some(told) = Told::new(event.clone()) else {
            return;
        };
        for reader in readers.iter().filter_map(|id| index.readers.get(id)) {
            reader.mailbox.put(&told);
        }
    }

    /// Says to everyone that something was missed.
    pub(super) fn read_again(&self) {
        for reader in self.index.read().readers.values() {
            reader.mailbox.read_again();
        }
    }
}
