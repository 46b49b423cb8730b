//! What people's apps are told, where the way to them fails for a while.

#![allow(clippy::unwrap_used)]

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use domain::{DeviceId, UserId, live::LiveEvent};
use parking_lot::Mutex;
use protocol::Topic;
use service::{
    devices::{client_state, directory::Directory},
    link::{DeviceLink, LinkError},
};
use testkit::{
    database::each_engine,
    device::{Identity, PATIENCE, computer},
    site::Site,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A broker that does not take the first states, and then takes all.
struct Recovering {
    refuses: AtomicU32,
    listening: Mutex<HashSet<UserId>>,
    told: mpsc::UnboundedSender<DeviceId>,
}

#[async_trait::async_trait]
impl DeviceLink for Recovering {
    async fn publish(&self, topic: &Topic, _: Vec<u8>, _: bool) -> Result<(), LinkError> {
        let Topic::ClientState { device, .. } = topic else {
            return Ok(());
        };
        let left = self
            .refuses
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if left.is_ok() {
            return Err(LinkError("not now".to_owned()));
        }
        self.told.send(*device).unwrap();
        Ok(())
    }

    async fn disconnect(&self, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn is_connected(&self, _: DeviceId) -> bool {
        false
    }

    async fn disconnect_app(&self, _: UserId, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        Some(self.listening.lock().clone())
    }
}

#[tokio::test]
async fn a_state_that_was_not_taken_is_told_again_and_keeps_no_other_back() {
    for database in each_engine().await {
        let (told, mut taken) = mpsc::unbounded_channel();
        let link = Arc::new(Recovering {
            refuses: AtomicU32::new(2),
            listening: Mutex::default(),
            told,
        });
        let site = Site::with_link(database, link.clone());
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        link.listening.lock().insert(admin.user.id);
        let mut all = HashSet::new();
        for n in 0..3 {
            let wish = computer(&format!("C-{n}"));
            let device = Identity::enrol(services, &admin, Some(&admin), wish);
            all.insert(device.await.unwrap().id);
        }

        let stop = CancellationToken::new();
        let telling = client_state::tell_apps(services.clone(), Directory::default(), stop);
        let mut telling = Box::pin(telling);
        // It listens before anything changes.
        assert!(futures::poll!(&mut telling).is_pending());
        let changes = all
            .iter()
            .map(|device| LiveEvent::Device { device: *device });
        services.bus.publish(changes.collect()).await;
        let hearing = async {
            let mut heard = HashSet::new();
            while heard.len() < all.len() {
                let device = taken.recv().await.unwrap();
                assert!(heard.insert(device), "{device} is told of once");
            }
            heard
        };
        let heard = tokio::select! {
            () = telling => unreachable!("nobody stops it"),
            heard = tokio::time::timeout(PATIENCE, hearing) => heard.unwrap(),
        };
        assert_eq!(heard, all);
    }
}
