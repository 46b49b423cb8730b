//! Two at once: what each makes of what the other commits while it waits. On PostgreSQL one stands in the
//! middle of its transaction when the other comes; on SQLite they follow one another.

#![allow(clippy::unwrap_used)]

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use domain::{
    AppError, CommandId, DeviceId, JobId, UserId,
    command::{Command, CommandOptions, CommandState, NewCommand},
    job::{NewJob, Pace, StepState, Target},
    live::LiveEvent,
    role::SiteRole,
};
use entity::command;
use protocol::{CommandResult, CommandStatus, Topic, enroll::CredentialsRequest};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, sea_query::Expr,
};
use serde_json::json;
use service::{
    Actor, OwnerOf, Services, ViewerOf,
    accounts::{self, Client},
    commands, devices, jobs,
    link::{DeviceLink, LinkError},
};
use testkit::{
    database::{Gate, each_engine, postgres},
    device::{Identity, computer},
    site::Site,
    until,
};
use tokio_util::sync::CancellationToken;

/// Takes everything; stands for the wire, not for the broker's behaviour.
#[derive(Default)]
struct Wire(AtomicUsize);

#[async_trait]
impl DeviceLink for Wire {
    async fn publish(&self, _: &Topic, _: Vec<u8>, _: bool) -> Result<(), LinkError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn disconnect(&self, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn is_connected(&self, _: DeviceId) -> bool {
        true
    }

    async fn disconnect_app(&self, _: UserId, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        Some(HashSet::new())
    }
}

struct House {
    site: Site,
    wire: Arc<Wire>,
    admin: Actor,
    identity: Identity,
    owner: OwnerOf,
    viewer: ViewerOf,
}

impl House {
    async fn on(database: testkit::database::TestDatabase) -> Self {
        let wire = Arc::new(Wire::default());
        let site = Site::with_link(database, wire.clone());
        service::components::seed(&site.services).await.unwrap();
        let admin = site.set_up().await;
        let wish = computer("MEETING-1");
        let identity = Identity::enrol(&site.services, &admin, Some(&admin), wish)
            .await
            .unwrap();
        wire.0.store(0, Ordering::SeqCst);
        Self {
            owner: admin
                .require_owner(&site.services, identity.id)
                .await
                .unwrap(),
            viewer: admin
                .require_viewer(&site.services, identity.id)
                .await
                .unwrap(),
            admin,
            site,
            wire,
            identity,
        }
    }

    fn services(&self) -> Services {
        self.site.services.clone()
    }

    async fn send(&self) -> Command {
        let command = NewCommand {
            name: "set".to_owned(),
            component: Some("led".parse().unwrap()),
            arguments: json!({ "status": "ON" }),
            valid_for_ms: 60_000,
            options: CommandOptions {
                retries: 2,
                timeout_ms: Some(10_000),
                ..CommandOptions::default()
            },
        };
        commands::send(&self.services(), &self.owner, command)
            .await
            .unwrap()
    }

    fn answer(
        &self,
        command: CommandId,
        status: CommandStatus,
    ) -> impl Future<Output = Result<(), AppError>> + use<> {
        let (services, device) = (self.services(), self.identity.id);
        let answer = CommandResult {
            status,
            progress: None,
            reason: None,
            output: None,
        };
        async move { commands::record_result(&services, device, command, answer).await }
    }

    fn deliver(&self) -> impl Future<Output = Result<(), AppError>> + use<> {
        let (services, device) = (self.services(), self.identity.id);
        async move { commands::deliver(&services, device).await }
    }

    /// Every command of the device, the newest first.
    async fn states(&self) -> Vec<CommandState> {
        let all = commands::list(&self.services(), &self.viewer, None, 50).await;
        all.unwrap().iter().map(|command| command.state).collect()
    }

    async fn job(&self) -> JobId {
        let job = NewJob {
            title: String::new(),
            target: Target::Devices(vec![self.identity.id]),
            name: "set".to_owned(),
            component: Some("led".parse().unwrap()),
            arguments: json!({ "status": "ON" }),
            level: None,
            pace: Pace::default(),
        };
        jobs::create(&self.services(), &self.admin, job)
            .await
            .unwrap()
            .id
    }

    /// How the device stands in a job, and with which command.
    async fn step(&self, job: JobId) -> (StepState, Option<CommandId>) {
        let row = entity::job_device::Entity::find()
            .filter(entity::job_device::Column::JobId.eq(job.0))
            .one(&self.services().db.read)
            .await
            .unwrap()
            .unwrap();
        (
            StepState::parse(&row.state).unwrap(),
            row.command_id.map(CommandId),
        )
    }
}

#[tokio::test]
async fn an_answer_that_was_overtaken_does_not_begin_a_command_again() {
    for database in each_engine().await {
        let house = House::on(database).await;
        let command = house.send().await;
        house.deliver().await.unwrap();
        let gate = Gate::before_reading(&house.services().db, "desired").await;
        let completed = tokio::spawn(house.answer(command.id, CommandStatus::Completed));
        gate.stopped(1).await;
        let accepted = tokio::spawn(house.answer(command.id, CommandStatus::Accepted));
        gate.stopped(2).await;
        gate.open().await;
        completed.await.unwrap().unwrap();
        accepted.await.unwrap().unwrap();
        assert_eq!(house.states().await, [CommandState::Completed]);
    }
}

#[tokio::test]
async fn a_command_that_ends_as_its_time_runs_out_has_ended_once() {
    for database in each_engine().await {
        let house = House::on(database).await;
        let command = house.send().await;
        house.deliver().await.unwrap();
        house
            .answer(command.id, CommandStatus::Accepted)
            .await
            .unwrap();
        house.site.clock.advance_ms(10_001);
        let gate = Gate::before_reading(&house.services().db, "desired").await;
        let completed = tokio::spawn(house.answer(command.id, CommandStatus::Completed));
        gate.stopped(1).await;
        let stop = CancellationToken::new();
        let sweep = tokio::spawn(commands::run(house.services(), stop.clone()));
        gate.stopped(2).await;
        gate.open().await;
        completed.await.unwrap().unwrap();
        stop.cancel();
        sweep.await.unwrap();
        assert_eq!(house.states().await, [CommandState::Completed]);
    }
}

#[tokio::test]
async fn a_command_that_has_ended_is_not_told_again() {
    for database in each_engine().await {
        let house = House::on(database).await;
        let command = house.send().await;
        house.deliver().await.unwrap();
        let gate = Gate::before_reading(&house.services().db, "desired").await;
        let completed = tokio::spawn(house.answer(command.id, CommandStatus::Completed));
        gate.stopped(1).await;
        let again = tokio::spawn(house.deliver());
        gate.stopped(2).await;
        gate.open().await;
        completed.await.unwrap().unwrap();
        again.await.unwrap().unwrap();
        assert_eq!(house.states().await, [CommandState::Completed]);
        assert_eq!(house.wire.0.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn who_takes_a_command_back_is_told_whether_it_had_left() {
    for database in each_engine().await {
        let house = House::on(database).await;
        let command = house.send().await;
        let gate = Gate::before_writing(&house.services().db, "device").await;
        let told = tokio::spawn(house.deliver());
        gate.stopped(1).await;
        let (services, owner) = (house.services(), house.owner.clone());
        let cancelled =
            tokio::spawn(async move { commands::cancel(&services, &owner, command.id).await });
        gate.stopped(2).await;
        gate.open().await;
        told.await.unwrap().unwrap();
        let cancelled = cancelled.await.unwrap();
        match house.wire.0.load(Ordering::SeqCst) {
            0 => assert_eq!(cancelled.unwrap().state, CommandState::Cancelled),
            _ => assert_eq!(cancelled, Err(AppError::conflict("command_delivered"))),
        }
        let left = has_left(&house).await;
        assert_eq!(left, house.wire.0.load(Ordering::SeqCst) == 1);
    }
}

/// Whether the command has left, by its row.
async fn has_left(house: &House) -> bool {
    match house.states().await[..] {
        [CommandState::Cancelled] => false,
        [CommandState::Delivered] => true,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_job_that_is_cancelled_takes_back_only_what_has_not_left() {
    for database in each_engine().await {
        let house = House::on(database).await;
        let stop = CancellationToken::new();
        let runner = tokio::spawn(jobs::run(house.services(), stop.clone()));
        let job = house.job().await;
        until("a command", async || house.step(job).await.1).await;
        stop.cancel();
        runner.await.unwrap();
        let gate = Gate::before_writing(&house.services().db, "device").await;
        let told = tokio::spawn(house.deliver());
        gate.stopped(1).await;
        let (services, admin) = (house.services(), house.admin.clone());
        let cancelled = tokio::spawn(async move { jobs::cancel(&services, &admin, job).await });
        gate.stopped(2).await;
        gate.open().await;
        told.await.unwrap().unwrap();
        cancelled.await.unwrap().unwrap();
        let left = has_left(&house).await;
        assert_eq!(left, house.wire.0.load(Ordering::SeqCst) == 1);
    }
}

#[tokio::test]
async fn a_device_that_is_tried_again_stays_in_its_job() {
    // What is read together is one statement on SQLite too; only here can somebody come between two.
    let Some(database) = postgres().await else {
        return;
    };
    let house = House::on(database).await;
    let services = house.services();
    let stop = CancellationToken::new();
    let runner = tokio::spawn(jobs::run(services.clone(), stop.clone()));
    let job = house.job().await;
    let first = until("a command", async || house.step(job).await.1).await;
    let command = commands::get(&services, &house.viewer, first)
        .await
        .unwrap();

    // As the end of a failed one with tries left: the next takes its place.
    let gate = Gate::before_reading(&services.db, "command").await;
    let moved = LiveEvent::Command {
        command: Box::new(command),
    };
    services.bus.publish(vec![moved]).await;
    gate.stopped(1).await;
    let next = uuid::Uuid::now_v7();
    let row = command::Entity::find_by_id(first.0)
        .one(gate.transaction())
        .await;
    let row = row.unwrap().unwrap();
    let mut second = row.clone().into_active_model().reset_all();
    second.id = Set(next);
    second.insert(gate.transaction()).await.unwrap();
    let mut failed = row.into_active_model();
    failed.state = Set(CommandState::Failed.as_str().to_owned());
    failed.finished_ms = Set(Some(services.now().0));
    failed.update(gate.transaction()).await.unwrap();
    entity::job_device::Entity::update_many()
        .col_expr(entity::job_device::Column::CommandId, Expr::value(next))
        .filter(entity::job_device::Column::JobId.eq(job.0))
        .exec(gate.transaction())
        .await
        .unwrap();
    gate.open().await;

    house.deliver().await.unwrap();
    house
        .answer(CommandId(next), CommandStatus::Completed)
        .await
        .unwrap();
    let ended = until("the end", async || {
        let job = jobs::get(&services, &house.admin, job).await.unwrap();
        job.finished_at.map(|_| job.counts)
    })
    .await;
    assert_eq!((ended.succeeded, ended.failed), (1, 0));
    assert_eq!(
        house.step(job).await,
        (StepState::Succeeded, Some(CommandId(next)))
    );
    stop.cancel();
    runner.await.unwrap();
}

#[tokio::test]
async fn two_prime_administrators_cannot_demote_each_other() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let kim = site.set_up().await;
        let lee = site
            .person(&kim, "lee@example.org", SiteRole::PrimeAdmin)
            .await;
        let gate = Gate::before_writing(&services.db, "audit").await;
        let demote = |by: &Actor, whom: &Actor| {
            let (services, by, whom) =
                (services.clone(), by.require_admin().unwrap(), whom.user.id);
            async move { accounts::set_role(&services, &by, whom, SiteRole::Member).await }
        };
        let first = tokio::spawn(demote(&kim, &lee));
        gate.stopped(1).await;
        let second = tokio::spawn(demote(&lee, &kim));
        gate.stopped(2).await;
        gate.open().await;
        let ended = [first.await.unwrap(), second.await.unwrap()];
        let last = Err(AppError::conflict("last_prime_admin"));
        assert_eq!(ended, [Ok(()), last]);
        let left = entity::user::Entity::find()
            .filter(entity::user::Column::Role.eq(SiteRole::PrimeAdmin.as_str()));
        assert_eq!(left.count(&services.db.read).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_code_that_is_void_by_the_time_it_is_used_opens_nothing() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        for claims in [true, false] {
            let wish = computer(if claims { "OLD-1" } else { "OLD-2" });
            let made = devices::preregister(services, &proof, wish.clone())
                .await
                .unwrap();
            let gate = Gate::before_writing(&services.db, "audit").await;
            let (other, by) = (services.clone(), admin.require_admin().unwrap());
            let renewed =
                tokio::spawn(async move { devices::renew_code(&other, &by, made.id).await });
            gate.stopped(1).await;
            let (other, by) = (services.clone(), admin.clone());
            let old = tokio::spawn(async move {
                let code = made.code.to_string();
                match claims {
                    true => devices::claim(&other, &by, &wish.cpu_serial, &code)
                        .await
                        .map(|_| ()),
                    false => {
                        let key = rcgen::KeyPair::generate().unwrap();
                        let csr = rcgen::CertificateParams::default();
                        let request = CredentialsRequest {
                            cpu_serial: wish.cpu_serial,
                            code,
                            csr: csr.serialize_request(&key).unwrap().pem().unwrap(),
                        };
                        let client = Client::default();
                        devices::credentials(&other, request, &client)
                            .await
                            .map(|_| ())
                    }
                }
            });
            gate.stopped(2).await;
            gate.open().await;
            renewed.await.unwrap().unwrap();
            let refused = Err(AppError::invalid("code", "enrolment_code"));
            assert_eq!(old.await.unwrap(), refused, "claims: {claims}");
        }
    }
}
