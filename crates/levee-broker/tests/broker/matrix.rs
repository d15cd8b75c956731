//! Every call of the protocol, by everybody, on everything: what is another's looks like what does not exist, who may
//! not is told so and changes nothing, and each refusal and each change stands in the audit log once.
//!
//! The calls come from the descriptors: one that is not in the table fails.

pub(crate) mod table;
mod world;

use crate::wire::{Answer, Caller};
use levee_broker::operation::{Access, Operation};
use levee_proto::v1;
use levee_types::TenantId;
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use table::{Effect, Key, Row};
use tonic::Code;
use tonic_types::StatusExt as _;
use world::{NO_TENANT, TENANTS, Thing, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// Has no credential.
    Anonymous,
    /// Administers the other tenant.
    Stranger,
    /// A user of acme without any rule.
    Plain,
    /// The same, with what the call needs on another topic and another group.
    Elsewhere,
    /// The same, with what the call needs on every topic, and with nothing on groups.
    WithTopics,
    /// The same, with what the call needs on every group, and with nothing on topics.
    WithGroups,
    /// The same, with what the call needs on every topic and every group.
    Granted,
    /// Administers acme, with a token that is good for one topic and one group only.
    Narrowed,
    /// Administers acme.
    Admin,
    Operator,
}

const EVERYBODY: [Who; 10] = [
    Who::Anonymous,
    Who::Stranger,
    Who::Plain,
    Who::Elsewhere,
    Who::WithTopics,
    Who::WithGroups,
    Who::Granted,
    Who::Narrowed,
    Who::Admin,
    Who::Operator,
];

/// The tenant that a message names, seen from the caller; an operator stands in acme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Nothing,
    Own,
    Foreign,
    Absent,
}

/// One call that is made.
struct Try<'a> {
    operation: Operation,
    row: &'a Row,
    who: Who,
    named: Named,
    thing: Thing,
}

/// How an answer looks, with the names that were sent replaced.
#[derive(Debug, PartialEq, Eq)]
struct View {
    code: String,
    message: String,
    hint: String,
    headers: Vec<String>,
}

/// An event: whose log, who, what, and whether it was refused.
type Event = (TenantId, String, &'static str, bool);

/// What the audit logs must hold of the tries.
#[derive(Default)]
struct Ledger {
    expected: BTreeMap<Event, u64>,
    tries: u64,
}

/// The paths of all calls.
pub(crate) fn published() -> Vec<String> {
    let set = prost_types::FileDescriptorSet::decode(levee_proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut paths = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                paths.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    paths
}

impl Try<'_> {
    fn has_tenant(&self) -> bool {
        matches!(self.operation.access(), Access::Topics(_) | Access::Groups(_) | Access::Administration)
    }

    /// Whether a grant is for the topic or the group that is named.
    fn is_about_one(&self) -> bool {
        !matches!(
            self.operation,
            Operation::InitProducer
                | Operation::AbortTransaction
                | Operation::ListTopics
                | Operation::ListTopicCounters
                | Operation::ListGroups
        )
    }

    /// Whether it takes something with a topic, and with a group.
    fn takes(&self) -> (bool, bool) {
        match self.operation.access() {
            // It tells where the logs of a topic begin and end.
            _ if self.operation == Operation::SeekGroup => (true, true),
            Access::Groups(_) => (false, true),
            _ => (true, matches!(self.operation, Operation::Consume | Operation::Work)),
        }
    }

    /// The tenant from which things are seen.
    fn home(&self) -> usize {
        usize::from(self.who == Who::Stranger)
    }

    /// What comes of it for those who may.
    fn outcome(&self) -> &'static str {
        let is_there = match (self.row.key, self.thing) {
            // Those of the node belong to nobody in particular.
            (Key::Tenant | Key::Plan, Thing::Foreign) | (_, Thing::Own) => true,
            (_, Thing::Foreign | Thing::Absent) => false,
        };
        match (self.row.effect, is_there) {
            (Effect::Any, _) | (Effect::Needs, true) | (Effect::Creates, false) => "OK",
            (Effect::Creates, true) => "ALREADY_EXISTS",
            (Effect::Needs, false) if matches!(self.row.key, Key::Producer | Key::Transaction) => {
                "UNKNOWN_PRODUCER"
            }
            (Effect::Needs, false) => "NOT_FOUND",
        }
    }

    /// The code of the answer, and whether it is a refusal that stands in the audit log.
    fn expected(&self) -> (&'static str, bool) {
        let by_rules = match self.who {
            Who::Plain => false,
            Who::Elsewhere | Who::Narrowed => !self.is_about_one(),
            Who::WithTopics => self.takes() == (true, false),
            Who::WithGroups => self.takes() == (false, true),
            _ => true,
        };
        let outcome = || (self.outcome(), false);
        let denied = ("PERMISSION_DENIED", true);
        match (self.operation.access(), self.who) {
            (_, Who::Anonymous) => ("UNAUTHENTICATED", true),
            (Access::Caller, _) => outcome(),
            (Access::Node, Who::Operator) => outcome(),
            (Access::Node, _) | (Access::Data(_), Who::Operator) => denied,
            (Access::Data(_), _) if by_rules => outcome(),
            (Access::Data(_), _) => denied,
            (Access::Topics(_) | Access::Groups(_) | Access::Administration, Who::Operator) => {
                match self.named {
                    Named::Nothing => ("INVALID_ARGUMENT", false),
                    Named::Absent => ("NOT_FOUND", false),
                    Named::Own | Named::Foreign => outcome(),
                }
            }
            (Access::Topics(_) | Access::Groups(_) | Access::Administration, _)
                if matches!(self.named, Named::Foreign | Named::Absent) =>
            {
                ("NOT_FOUND", true)
            }
            (Access::Topics(_) | Access::Groups(_), _) if by_rules => outcome(),
            (Access::Topics(_) | Access::Groups(_), _) => denied,
            (Access::Administration, Who::Admin | Who::Stranger) => outcome(),
            (Access::Administration, _) => denied,
        }
    }

    /// Everything that this caller tries.
    fn all<'a>(operation: Operation, row: &'a Row, who: Who) -> Vec<Try<'a>> {
        let of = |named, thing| Try { operation, row, who, named, thing };
        let things: &[Thing] = if row.key == Key::Nothing {
            &[Thing::Own]
        } else {
            &[Thing::Own, Thing::Foreign, Thing::Absent]
        };
        if !of(Named::Nothing, Thing::Own).has_tenant() {
            return things.iter().map(|thing| of(Named::Nothing, *thing)).collect();
        }
        let mut tries = Vec::new();
        let is_operator = who == Who::Operator;
        for thing in things {
            tries.push(of(if is_operator { Named::Own } else { Named::Nothing }, *thing));
        }
        if is_operator {
            // Where none has to be named, that is a call about the operators themselves.
            let is_of_one = matches!(operation.access(), Access::Topics(_) | Access::Groups(_));
            if operation.is_of_tenants() || is_of_one {
                tries.push(of(Named::Nothing, Thing::Own));
            }
        } else {
            tries.push(of(Named::Own, Thing::Own));
            tries.push(of(Named::Foreign, Thing::Own));
            tries.push(of(Named::Foreign, Thing::Absent));
        }
        tries.push(of(Named::Absent, Thing::Own));
        tries
    }

    fn tenant(&self) -> &'static str {
        match self.named {
            Named::Nothing => "",
            Named::Own => TENANTS[self.home()],
            Named::Foreign => TENANTS[1 - self.home()],
            Named::Absent => NO_TENANT,
        }
    }

    fn caller<'a>(&self, world: &'a World, anonymous: &'a Caller) -> (&'a Caller, String) {
        let needed = match self.operation.access() {
            Access::Data(needed) | Access::Topics(needed) | Access::Groups(needed) => needed,
            _ => levee_types::acl::AclOperation::Describe,
        };
        let granted = &world.granted[&(needed as i32)];
        match self.who {
            Who::Anonymous => (anonymous, "anonymous".to_owned()),
            Who::Stranger => (&world.admins[1], "admin".to_owned()),
            Who::Plain => (&world.plain, "plain".to_owned()),
            Who::Granted => (&granted.all, format!("{needed}-all")),
            Who::Elsewhere => (&granted.elsewhere, format!("{needed}-elsewhere")),
            Who::WithTopics => (&granted.topics, format!("{needed}-topics")),
            Who::WithGroups => (&granted.groups, format!("{needed}-groups")),
            Who::Narrowed => (&world.narrowed, "admin".to_owned()),
            Who::Admin => (&world.admins[0], "admin".to_owned()),
            Who::Operator => (&world.operator, "operator:bootstrap".to_owned()),
        }
    }

    /// Makes the call, notes what the audit logs must hold of it, and fails if it does not come out as it must.
    async fn make(&self, world: &World, anonymous: &Caller, ledger: &mut Ledger) -> View {
        ledger.tries += 1;
        let thing = world.thing(self.row.key, self.home(), self.thing);
        let (caller, principal) = self.caller(world, anonymous);
        let id = format!("try-{}", ledger.tries);
        let message = (self.row.message)(self.tenant(), &thing);
        let answer = caller.call(self.operation.path(), &[message], &[("levee-request-id", &id)]).await;
        let view =
            View::of(self.operation, &answer).without(&thing, "THING").without(self.tenant(), "TENANT");
        let (code, is_refusal) = self.expected();
        assert_eq!(view.code, code, "{self}: {view:?}");
        let mut note = |log, is_refused| {
            *ledger
                .expected
                .entry((log, principal.clone(), self.operation.action(), is_refused))
                .or_default() += 1;
        };
        if is_refusal {
            let is_outside = matches!(self.who, Who::Anonymous | Who::Operator);
            note(if is_outside { TenantId::SYSTEM } else { world.ids[self.home()] }, true);
        } else if code == "OK" && (self.operation.is_change() || self.operation == Operation::ExportTenant) {
            match (self.operation.access(), self.row.key, self.thing) {
                // The life of a tenant stands in its own log as well.
                (Access::Node, Key::Tenant, Thing::Own | Thing::Foreign) => {
                    note(TenantId::SYSTEM, false);
                    note(world.ids[usize::from(self.thing == Thing::Foreign)], false);
                }
                (Access::Node, ..) => note(TenantId::SYSTEM, false),
                _ => note(world.ids[self.home()], false),
            }
        }
        view
    }
}

impl std::fmt::Display for Try<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { operation, who, named, thing, .. } = self;
        write!(f, "{operation:?} by {who:?}, tenant {named:?}, thing {thing:?}")
    }
}

impl View {
    fn of(operation: Operation, answer: &Answer) -> Self {
        let headers = answer.header_names();
        let inside = match operation {
            Operation::CreateTopics => answer
                .messages::<v1::CreateTopicsResponse>()
                .pop()
                .and_then(|mut answer| answer.failures.pop())
                .and_then(|failure| failure.error),
            Operation::ProduceStream => {
                answer.messages::<v1::ProduceStreamResponse>().pop().and_then(|answer| match answer.result {
                    Some(v1::produce_stream_response::Result::Error(error)) => Some(error),
                    _ => None,
                })
            }
            _ => None,
        };
        if let Some(error) = inside {
            let code = error.code().as_str_name().trim_start_matches("ERROR_CODE_").to_owned();
            return Self { code, message: error.message, hint: error.hint, headers };
        }
        let status = answer.status();
        if status.code() == Code::Ok {
            return Self { code: "OK".to_owned(), message: String::new(), hint: String::new(), headers };
        }
        let info = status.get_details_error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
        let hint = info.metadata["hint"].clone();
        Self { code: info.reason, message: status.message().to_owned(), hint, headers }
    }

    fn without(mut self, name: &str, shown: &str) -> Self {
        if !name.is_empty() {
            self.message = self.message.replace(name, shown);
            self.hint = self.hint.replace(name, shown);
        }
        self
    }
}

/// Whoever may not, all at once: nothing changes, and nothing tells what exists from what does not.
async fn refuse_all(world: &World, operation: Operation, row: &Row, anonymous: &Caller, ledger: &mut Ledger) {
    let before = (world.picture(0).await, world.picture(1).await, world.picture_of_node().await);
    for who in EVERYBODY {
        let mut by_tenant: Option<View> = None;
        let mut by_thing: Option<View> = None;
        for attempt in Try::all(operation, row, who) {
            if attempt.expected().0 == "OK" {
                continue;
            }
            let view = attempt.make(world, anonymous, ledger).await;
            let seen = match (attempt.named, attempt.thing) {
                // That it exists already may be known to those who have it.
                _ if view.code == "ALREADY_EXISTS" || view.code == "INVALID_ARGUMENT" => continue,
                (Named::Foreign | Named::Absent, _) => &mut by_tenant,
                _ => &mut by_thing,
            };
            match seen {
                Some(seen) => assert_eq!(*seen, view, "{attempt}"),
                None => *seen = Some(view),
            }
        }
    }
    let after = (world.picture(0).await, world.picture(1).await, world.picture_of_node().await);
    assert_eq!(before, after, "{operation:?}: a refused call changed something");
}

/// Whoever may: it is done, and to nobody else.
async fn allow_all(
    world: &mut World,
    operation: Operation,
    row: &Row,
    anonymous: &Caller,
    ledger: &mut Ledger,
) {
    for who in EVERYBODY {
        let mut seen: Option<View> = None;
        for attempt in Try::all(operation, row, who) {
            if attempt.expected().0 != "OK" {
                continue;
            }
            if operation.is_change() {
                world.restore().await;
            }
            if operation == Operation::UndeleteTenant {
                let name = world.thing(Key::Tenant, 0, attempt.thing);
                let request = v1::DeleteTenantRequest { name, grace_ms: None };
                let _: v1::DeleteTenantResponse =
                    world.operator.must(Operation::DeleteTenant, &request).await;
            }
            let is_within = operation.access() != Access::Node;
            let others = if is_within { world.picture(1 - attempt.home()).await } else { String::new() };
            let view = attempt.make(world, anonymous, ledger).await;
            if is_within {
                let now = world.picture(1 - attempt.home()).await;
                assert_eq!(others, now, "{attempt}: it changed the other tenant");
            }
            // What another tenant has is like what nobody has, also where both are well.
            if attempt.thing != Thing::Own {
                match &seen {
                    Some(seen) => assert_eq!(*seen, view, "{attempt}"),
                    None => seen = Some(view),
                }
            }
        }
    }
    if operation.is_change() {
        world.restore().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_by_everybody_on_everything() {
    let mut world = World::new().await;
    let anonymous = Caller::new(&world.broker, "").await;
    let mut ledger = Ledger::default();
    for path in published() {
        let row = table::of(&path);
        let operation = Operation::of_path(&path).unwrap_or_else(|| panic!("classify it: {path}"));
        refuse_all(&world, operation, &row, &anonymous, &mut ledger).await;
        allow_all(&mut world, operation, &row, &anonymous, &mut ledger).await;
    }
    let logged = logged(&world, &anonymous).await;
    let differ = |event: &&Event| logged.get(*event) != ledger.expected.get(*event);
    let events: BTreeSet<_> = logged.keys().chain(ledger.expected.keys()).filter(differ).collect();
    for event in &events {
        println!("{event:?}: {:?}, not {:?}", logged.get(*event), ledger.expected.get(*event));
    }
    assert!(events.is_empty(), "the audit logs hold something else than what was done");
    println!("{} calls, {} kinds of events", ledger.tries, ledger.expected.len());
    world.broker.stop().await;
}

/// What the audit logs hold of the tries. Refusals are written a little later, each log in its order: so something is
/// refused for each log at last, and awaited.
async fn logged(world: &World, anonymous: &Caller) -> BTreeMap<Event, u64> {
    const END: &str = "the-end";
    let logs = [TenantId::SYSTEM, world.ids[0], world.ids[1]];
    let last = v1::ListTenantsRequest::default().encode_to_vec();
    for caller in [anonymous, &world.plain, &world.admins[1]] {
        let path = Operation::ListTenants.path();
        caller.call(path, std::slice::from_ref(&last), &[("levee-request-id", END)]).await;
    }
    let mut found = BTreeMap::new();
    for log in logs {
        let lines = tokio::time::timeout(crate::harness::PATIENCE, async {
            loop {
                let (lines, _) = world.broker.shard.audit_log(log, 0, 100_000).unwrap();
                if lines.iter().any(|line| line.event.request_id == END) {
                    return lines;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap();
        for line in lines.into_iter().map(|line| line.event) {
            if !line.request_id.starts_with("try-") {
                continue;
            }
            let action = Operation::ALL.into_iter().find(|known| known.action() == line.action).unwrap();
            let event = (log, line.principal, action.action(), line.refusal.is_some());
            *found.entry(event).or_default() += line.count;
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_operators_do_within_a_tenant_is_refused_to_its_administrator() {
    let world = World::new().await;
    let before = (world.picture(0).await, world.picture_of_node().await);
    let own = v1::SetQuotasRequest {
        target: Some(v1::QuotaTarget::default()),
        set: table::requests_limit(1_000_000_000),
        unset: vec![],
    };
    let certificate = "URI:spiffe://example.org/a".to_owned();
    let new = v1::CreateUserRequest {
        name: "new".to_owned(),
        certificates: vec![certificate.clone()],
        ..Default::default()
    };
    let change = v1::UpdateUserRequest {
        name: "shared".to_owned(),
        certificates: Some(v1::UserNames { names: vec![certificate] }),
        ..Default::default()
    };
    let admin = &world.admins[0];
    let refused = [
        admin.ask::<v1::SetQuotasResponse>(Operation::SetQuotas, &own).await.err(),
        admin.ask::<v1::CreateUserResponse>(Operation::CreateUser, &new).await.err(),
        admin.ask::<v1::UpdateUserResponse>(Operation::UpdateUser, &change).await.err(),
    ];
    for status in refused {
        assert_eq!(status.unwrap().code(), Code::PermissionDenied);
    }
    assert_eq!(before, (world.picture(0).await, world.picture_of_node().await));
    world.broker.stop().await;
}
