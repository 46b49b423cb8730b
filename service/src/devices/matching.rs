//! Filters as conditions of the database: the device list's search, its export, and the targets of what is done
//! to many devices at once.
//!
//! Invariant: whatever was typed is bound as a parameter, never part of a statement's text; and no condition is
//! `NULL`, so that turning one around finds exactly the other devices.

mod state;

use std::cmp::Ordering;

use domain::{
    AppError, DeviceId,
    device::{DeviceQuery, Lifecycle},
    filter::{
        Clause, Filter, Moment, Order, OwnerIs, Pattern, TagIs, Test, TextField, TroubleKind,
    },
    identity::FindingState,
};
use entity::{
    component, component_type, device, device_access, device_health, device_live, device_tag,
    identity_finding,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait as _, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, Func, LikeExpr, SelectStatement},
};
use unicode_normalization::UnicodeNormalization as _;

use super::{list, search};
use crate::{Actor, Services, accounts::actor::DeviceRef, internal};

/// The most devices that are chosen one by one: each is a parameter of a statement.
const MOST_CHOSEN: usize = 1_000;

/// Reads what somebody looks for; an error points at the place that is wrong.
pub fn read(text: &str) -> Result<Filter, AppError> {
    let text: String = text.nfc().collect();
    Ok(text.parse::<Filter>()?)
}

/// What a form is for: `devices`, their ids with commas between them, or without them all that `filter` finds.
pub fn chosen(devices: &str, filter: &str) -> Result<Filter, AppError> {
    if devices.is_empty() {
        return read(filter);
    }
    let ids: Result<Vec<DeviceId>, _> = devices
        .split(',')
        .take(MOST_CHOSEN + 1)
        .map(str::parse)
        .collect();
    match ids {
        Ok(ids) if ids.len() > MOST_CHOSEN => Err(AppError::invalid("target", "too_many_chosen")),
        Ok(ids) => Ok(read("")?.and(Test::Id(ids))),
        Err(_) => Err(AppError::invalid("target", "no_devices")),
    }
}

/// The devices that the actor may see and that pass the filter, at most `limit` of them in the order in which
/// they were registered.
pub async fn matching(
    services: &Services,
    actor: &Actor,
    filter: &Filter,
    limit: u64,
) -> Result<Vec<DeviceRef>, AppError> {
    let rows: Vec<(i64, uuid::Uuid)> = device::Entity::find()
        .select_only()
        .columns([device::Column::Id, device::Column::Uuid])
        .filter(whole(services, actor, filter).await?)
        .order_by_asc(device::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows
        .into_iter()
        .map(|(id, uuid)| DeviceRef {
            id,
            uuid: DeviceId(uuid),
        })
        .collect())
}

/// What a list asks for, as one filter: its search with what else it is narrowed to.
pub fn filter_of(query: &DeviceQuery) -> Result<Filter, AppError> {
    let mut filter = read(&query.search)?;
    if !query.presence.is_empty() {
        filter = filter.and(Test::Presence(query.presence.clone()));
    }
    if !query.lifecycle.is_empty() {
        filter = filter.and(Test::Lifecycle(query.lifecycle.clone()));
    }
    if !query.kind.is_empty() {
        filter = filter.and(Test::Kind(query.kind.clone()));
    }
    Ok(filter)
}

/// What must hold in the table `device`: that the actor may see it, and that it passes the filter.
pub(super) async fn whole(
    services: &Services,
    actor: &Actor,
    filter: &Filter,
) -> Result<Condition, AppError> {
    let mut all = list::visible_to(actor);
    if !filter.has(|test| matches!(test, Test::Lifecycle(_))) {
        all = all.add(device::Column::Lifecycle.ne(Lifecycle::Revoked.as_str()));
    }
    Ok(all.add(condition(services, actor, filter).await?))
}

/// What must hold in the table `device` for a filter to pass.
async fn condition(
    services: &Services,
    actor: &Actor,
    filter: &Filter,
) -> Result<Condition, AppError> {
    let asks_version = |test: &Test| match test {
        Test::Version(..) => true,
        Test::Words { of, .. } => matches!(of, TextField::Agent | TextField::Version),
        _ => false,
    };
    let versions = match filter.has(asks_version) {
        true => versions(services).await?,
        false => Vec::new(),
    };
    let asked = Asked {
        services,
        actor,
        versions,
    };
    Ok(asked.clause(filter.clause()))
}

/// Every version of agents and firmware that there is: they are few, and only here can they be ordered.
async fn versions(services: &Services) -> Result<Vec<String>, AppError> {
    device::Entity::find()
        .select_only()
        .column(device::Column::AgentVersion)
        .distinct()
        .filter(device::Column::AgentVersion.is_not_null())
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)
}

struct Asked<'a> {
    services: &'a Services,
    actor: &'a Actor,
    versions: Vec<String>,
}

impl Asked<'_> {
    fn clause(&self, clause: &Clause) -> Condition {
        match clause {
            Clause::All(some) => some
                .iter()
                .fold(Condition::all(), |all, one| all.add(self.clause(one))),
            Clause::Any(some) => some
                .iter()
                .fold(Condition::any(), |any, one| any.add(self.clause(one))),
            Clause::Not(one) => Condition::all().add(self.clause(one)).not(),
            Clause::Test(test) => self.test(test),
        }
    }

    fn test(&self, test: &Test) -> Condition {
        use device::Column;
        let all = Condition::all();
        match test {
            Test::Text(text) => search::condition(text, self.actor.user.id.0),
            Test::Words { of, any } => any
                .iter()
                .fold(Condition::any(), |some, one| some.add(self.words(*of, one))),
            Test::Version(order, than) => all.add(
                self.agent(|version| holds(*order, domain::filter::version_order(version, than))),
            ),
            Test::Id(ids) => all.add(Column::Uuid.is_in(ids.iter().map(|id| id.0))),
            // One that nobody has claimed is neither present nor absent.
            Test::Presence(any) => all
                .add(Column::Presence.is_in(any.iter().map(|p| p.as_str())))
                .add(Column::Lifecycle.eq(Lifecycle::Active.as_str())),
            Test::Cause(any) => {
                all.add(Column::PresenceCause.is_in(any.iter().map(|c| c.as_str())))
            }
            Test::Lifecycle(any) => {
                all.add(Column::Lifecycle.is_in(any.iter().map(|l| l.as_str())))
            }
            Test::Kind(any) => all.add(Column::Kind.is_in(any.iter().map(|k| k.as_str()))),
            Test::Category(any) => {
                let names = any.iter().map(|category| category.as_str());
                let types = component_type::Entity::find()
                    .select_only()
                    .column(component_type::Column::ComponentType)
                    .filter(component_type::Column::Category.is_in(names))
                    .into_query();
                all.add(with_component(
                    component::Column::ComponentType.in_subquery(types),
                ))
            }
            Test::Trouble(any) => any
                .iter()
                .fold(Condition::any(), |some, one| some.add(troubled(*one))),
            Test::Tag(any) => any
                .iter()
                .fold(Condition::any(), |some, one| some.add(tagged(one))),
            Test::Owner(any) => any
                .iter()
                .fold(Condition::any(), |some, one| some.add(self.owned(one))),
            Test::State(key, reading) => {
                all.add(state::condition(self.services.db.backend(), key, reading))
            }
            Test::Age(moment, order, ms) => all.add(self.age(*moment, *order, *ms)),
            Test::NeverSeen => all.add(
                Column::Id.not_in_subquery(
                    live()
                        .filter(device_live::Column::LastReceivedMs.is_not_null())
                        .into_query(),
                ),
            ),
        }
    }

    fn words(&self, of: TextField, pattern: &Pattern) -> Expr {
        use device::Column;
        let column = |column: Column| like(Expr::col((device::Entity, column)), pattern);
        match of {
            TextField::Name => self.named(pattern),
            TextField::Serial => part(Expr::col((device::Entity, Column::CpuSerial)), pattern),
            TextField::Hardware => column(Column::HardwareVersion),
            TextField::Variant => column(Column::HardwareVariant),
            TextField::Agent => self.agent(|version| fits(pattern, version)),
            TextField::Version => {
                column(Column::HardwareVersion).or(self.agent(|version| fits(pattern, version)))
            }
            TextField::Component => {
                let of = |column| like(Expr::col((component::Entity, column)), pattern);
                with_component(of(component::Column::ComponentType).or(of(component::Column::Key)))
            }
        }
    }

    fn named(&self, pattern: &Pattern) -> Expr {
        let nicknamed = device_access::Entity::find()
            .select_only()
            .column(device_access::Column::DeviceId)
            .filter(device_access::Column::UserId.eq(self.actor.user.id.0))
            .filter(device_access::Column::Nickname.is_not_null())
            .filter(part(
                Expr::col((device_access::Entity, device_access::Column::Nickname)),
                pattern,
            ))
            .into_query();
        part(
            Expr::col((device::Entity, device::Column::NameKey)),
            pattern,
        )
        .or(device::Column::Id.in_subquery(nicknamed))
    }

    fn agent(&self, such: impl Fn(&str) -> bool) -> Expr {
        let some = self.versions.iter().filter(|version| such(version));
        device::Column::AgentVersion
            .is_not_null()
            .and(device::Column::AgentVersion.is_in(some.cloned()))
    }

    fn owned(&self, owner: &OwnerIs) -> Expr {
        let column = device::Column::OwnerId;
        let person = match owner {
            OwnerIs::Nobody => return column.is_null(),
            OwnerIs::Me => return column.is_not_null().and(column.eq(self.actor.user.id.0)),
            OwnerIs::Address(address) => entity::user::Entity::find()
                .select_only()
                .column(entity::user::Column::Id)
                .filter(entity::user::Column::Email.eq(address.as_str()))
                .into_query(),
        };
        column.is_not_null().and(column.in_subquery(person))
    }

    fn age(&self, moment: Moment, order: Order, ms: i64) -> Expr {
        let then = self.services.now().0.saturating_sub(ms);
        // Longer ago is an earlier moment.
        let compare = |column: Expr| match order {
            Order::Less => column.gt(then),
            Order::AtMost => column.gte(then),
            Order::More => column.lt(then),
            Order::AtLeast => column.lte(then),
        };
        let column = |column| compare(Expr::col((device::Entity, column)));
        match moment {
            Moment::Since => column(device::Column::PresenceSinceMs),
            Moment::Created => column(device::Column::CreatedMs),
            Moment::Seen => {
                let received = device_live::Column::LastReceivedMs;
                let seen = live()
                    .filter(received.is_not_null())
                    .filter(compare(Expr::col((device_live::Entity, received))));
                device::Column::Id.in_subquery(seen.into_query())
            }
        }
    }
}

fn live() -> sea_orm::Select<device_live::Entity> {
    device_live::Entity::find()
        .select_only()
        .column(device_live::Column::DeviceId)
}

fn with_component(such: Expr) -> Expr {
    let devices: SelectStatement = component::Entity::find()
        .select_only()
        .column(component::Column::DeviceId)
        .filter(component::Column::DetachedMs.is_null())
        .filter(such)
        .into_query();
    device::Column::Id.in_subquery(devices)
}

fn troubled(kind: TroubleKind) -> Expr {
    let since = match kind {
        TroubleKind::Flapping => device_health::Column::FlappingSinceMs,
        TroubleKind::Clock => device_health::Column::SkewedSinceMs,
        TroubleKind::Identity => {
            let open = identity_finding::Entity::find()
                .select_only()
                .column(identity_finding::Column::DeviceId)
                .filter(identity_finding::Column::State.eq(FindingState::Open.as_str()))
                .into_query();
            return device::Column::Id.in_subquery(open);
        }
    };
    let devices = device_health::Entity::find()
        .select_only()
        .column(device_health::Column::DeviceId)
        .filter(since.is_not_null())
        .into_query();
    device::Column::Id.in_subquery(devices)
}

fn tagged(tag: &TagIs) -> Expr {
    let tags = device_tag::Entity::find()
        .select_only()
        .column(device_tag::Column::DeviceId);
    match tag {
        TagIs::Any => device::Column::Id.in_subquery(tags.into_query()),
        TagIs::Untagged => device::Column::Id.not_in_subquery(tags.into_query()),
        TagIs::Named(tag) => {
            let tags = tags.filter(device_tag::Column::Tag.eq(tag.as_str()));
            device::Column::Id.in_subquery(tags.into_query())
        }
    }
}

/// The whole text, or its beginning; the same in capitals and small letters.
fn like(text: Expr, pattern: &Pattern) -> Expr {
    let end = if pattern.begins { "%" } else { "" };
    let wanted = format!("{}{end}", search::escaped(&lower(&pattern.text)));
    Expr::expr(Func::lower(text)).like(LikeExpr::new(wanted).escape('\\'))
}

/// A part of the text.
fn part(text: Expr, pattern: &Pattern) -> Expr {
    let wanted = format!("%{}%", search::escaped(&lower(&pattern.text)));
    Expr::expr(Func::lower(text)).like(LikeExpr::new(wanted).escape('\\'))
}

fn lower(text: &str) -> String {
    search::sort_key(text)
}

fn fits(pattern: &Pattern, text: &str) -> bool {
    let (text, wanted) = (lower(text), lower(&pattern.text));
    match pattern.begins {
        true => text.starts_with(&wanted),
        false => text == wanted,
    }
}

fn holds(order: Order, is: Ordering) -> bool {
    match order {
        Order::Less => is.is_lt(),
        Order::AtMost => is.is_le(),
        Order::More => is.is_gt(),
        Order::AtLeast => is.is_ge(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_chooses_devices_or_what_a_filter_finds() {
        let id = uuid::Uuid::from_u128(7).to_string();
        let one = chosen(&id, "tag:spare").unwrap();
        assert_eq!(one.to_string(), format!("id:{id}"));
        assert_eq!(chosen("", "tag:spare").unwrap().to_string(), "tag:spare");
        let refused = AppError::invalid("target", "no_devices");
        assert_eq!(chosen("x", "").unwrap_err(), refused);
        let many = [id.as_str()].repeat(MOST_CHOSEN + 1);
        let refused = AppError::invalid("target", "too_many_chosen");
        assert_eq!(chosen(&many.join(","), "").unwrap_err(), refused);
        assert!(chosen(&many[1..].join(","), "").is_ok());
    }
}
