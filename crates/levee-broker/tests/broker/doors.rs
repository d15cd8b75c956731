//! Every way to a topic or a group gives the answer that the access rules give: those of a small evaluator, written
//! apart.

use crate::harness::{Broker, from_start, position, produce_request, reason};
use crate::tenancy::EVERYTHING_WITH_GROUPS;
use crate::wire::Caller;
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_proto::v1::acl_subject::Kind as Whom;
use levee_proto::v1::group_pattern::Kind as WhichGroup;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use levee_proto::v1::read_request::Kind;
use levee_proto::v1::topic_pattern::Kind as Which;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use prost::Message;
use std::collections::BTreeMap;
use tonic::Code;

const PRODUCE: i32 = 1;
const CONSUME: i32 = 2;
const LIST: i32 = 3;
const DESCRIBE: i32 = 4;
const CREATE: i32 = 5;
const DELETE: i32 = 6;
const ALTER: i32 = 7;
const TRIM: i32 = 8;

/// These exist at first.
const TOPICS: [&str; 3] = ["a", "ab", "b"];
/// This one never does, but for those who create it.
const NO_TOPIC: &str = "abc";

/// The users: their names, groups, and whether they administer the tenant.
const USERS: [(&str, &[&str], bool); 3] =
    [("alice", &["red", "blue"], false), ("bob", &[], false), ("root", &["blue"], true)];

/// Operations on topics, or on groups, which have the same names.
fn scope() -> impl Strategy<Value = v1::TokenScope> {
    let name = (select(vec!["a", "ab", "abc", "b"]), Just(false));
    let prefix = (select(vec!["", "a", "ab", "abcd"]), Just(true));
    let topics = prop_oneof![name.clone(), prefix.clone()].prop_map(|(text, is_prefix)| {
        let text = text.to_owned();
        v1::TopicPattern { kind: Some(if is_prefix { Which::Prefix(text) } else { Which::Name(text) }) }
    });
    let groups = prop_oneof![name, prefix].prop_map(|(text, is_prefix)| {
        let text = text.to_owned();
        let kind = if is_prefix { WhichGroup::Prefix(text) } else { WhichGroup::Name(text) };
        v1::GroupPattern { kind: Some(kind) }
    });
    let on_topics = (subsequence((1..=8).collect::<Vec<_>>(), 1..=8), topics);
    let on_groups = (subsequence(EVERYTHING_WITH_GROUPS.to_vec(), 1..=EVERYTHING_WITH_GROUPS.len()), groups);
    prop_oneof![
        2 => on_topics.prop_map(|(operations, topics)| {
            v1::TokenScope { operations, topics: Some(topics), groups: None }
        }),
        1 => on_groups.prop_map(|(operations, groups)| {
            v1::TokenScope { operations, topics: None, groups: Some(groups) }
        }),
    ]
}

fn rule() -> impl Strategy<Value = v1::AclRule> {
    let whom = prop_oneof![
        3 => select(vec!["alice", "bob", "root", "nobody"]).prop_map(|name| Whom::User(name.to_owned())),
        3 => select(vec!["red", "blue", "green", "alice"]).prop_map(|name| Whom::UserGroup(name.to_owned())),
        1 => Just(Whom::Everyone(true)),
    ];
    let effect = prop_oneof![3 => Just(v1::AclEffect::Allow), 1 => Just(v1::AclEffect::Deny)];
    (effect, whom, scope()).prop_map(|(effect, whom, scope)| v1::AclRule {
        effect: effect as i32,
        subject: Some(v1::AclSubject { kind: Some(whom) }),
        operations: scope.operations,
        topics: scope.topics,
        groups: scope.groups,
        ..Default::default()
    })
}

/// The rules of a tenant, and the scopes of the tokens of its users.
fn tenants() -> impl Strategy<Value = (Vec<v1::AclRule>, Vec<Vec<v1::TokenScope>>)> {
    let scopes = (any::<bool>(), proptest::collection::vec(scope(), 1..3));
    let scopes = scopes.prop_map(|(has_scopes, scopes)| if has_scopes { scopes } else { vec![] });
    (proptest::collection::vec(rule(), 1..12), proptest::collection::vec(scopes, USERS.len()))
}

/// What somebody does something with.
#[derive(Debug, Clone, Copy)]
enum What<'a> {
    Topic(&'a str),
    Group(&'a str),
}

/// Whether it is meant by these patterns, of which there is one.
fn matches(topics: Option<&v1::TopicPattern>, groups: Option<&v1::GroupPattern>, what: What<'_>) -> bool {
    let of_topics = topics.and_then(|pattern| pattern.kind.as_ref());
    let of_groups = groups.and_then(|pattern| pattern.kind.as_ref());
    match (what, of_topics, of_groups) {
        (What::Topic(topic), Some(Which::Name(name)), None) => name == topic,
        (What::Topic(topic), Some(Which::Prefix(prefix)), None) => topic.starts_with(prefix.as_str()),
        (What::Group(group), None, Some(WhichGroup::Name(name))) => name == group,
        (What::Group(group), None, Some(WhichGroup::Prefix(prefix))) => group.starts_with(prefix.as_str()),
        _ => false,
    }
}

/// The evaluator: what a user may do, seen from a token.
struct Reference<'a> {
    rules: &'a [v1::AclRule],
    user: &'a str,
    groups: &'a [&'a str],
    is_admin: bool,
    scopes: &'a [v1::TokenScope],
}

impl Reference<'_> {
    fn is_meant(&self, rule: &v1::AclRule) -> bool {
        match rule.subject.as_ref().and_then(|subject| subject.kind.as_ref()).unwrap() {
            Whom::User(name) => name == self.user,
            Whom::UserGroup(name) => self.groups.contains(&name.as_str()),
            Whom::Everyone(_) => true,
        }
    }

    fn user_may(&self, operation: i32, what: What<'_>) -> bool {
        let says = |effect| {
            self.rules.iter().any(|rule| {
                rule.effect() == effect
                    && self.is_meant(rule)
                    && speaks_of(effect, &rule.operations, operation)
                    && matches(rule.topics.as_ref(), rule.groups.as_ref(), what)
            })
        };
        !says(v1::AclEffect::Deny) && (self.is_admin || says(v1::AclEffect::Allow))
    }

    fn may(&self, operation: i32, what: What<'_>) -> bool {
        let allows = |scope: &v1::TokenScope| {
            allows(&scope.operations, operation)
                && matches(scope.topics.as_ref(), scope.groups.as_ref(), what)
        };
        let in_scope = self.scopes.is_empty() || self.scopes.iter().any(allows);
        in_scope && self.user_may(operation, what)
    }

    /// Whether there can be a topic for it, as far as the rules for every topic tell.
    fn may_any(&self, operation: i32) -> bool {
        let everything = Some(Which::Prefix(String::new()));
        let is_denied = self.rules.iter().any(|rule| {
            rule.effect() == v1::AclEffect::Deny
                && self.is_meant(rule)
                && rule.operations.contains(&operation)
                && rule.topics.as_ref().is_some_and(|topics| topics.kind == everything)
        });
        let is_allowed = self.rules.iter().any(|rule| {
            rule.effect() == v1::AclEffect::Allow
                && self.is_meant(rule)
                && rule.topics.is_some()
                && allows(&rule.operations, operation)
        });
        let allows = |scope: &v1::TokenScope| scope.topics.is_some() && allows(&scope.operations, operation);
        let in_scope = self.scopes.is_empty() || self.scopes.iter().any(allows);
        in_scope && !is_denied && (self.is_admin || is_allowed)
    }
}

fn speaks_of(effect: v1::AclEffect, said: &[i32], operation: i32) -> bool {
    match effect {
        v1::AclEffect::Allow => allows(said, operation),
        _ => said.contains(&operation),
    }
}

/// Who may do anything with a topic may see it in lists; who may do more than that may see it whole.
fn allows(said: &[i32], operation: i32) -> bool {
    let list = v1::AclOperation::List as i32;
    said.contains(&operation)
        || operation == list
        || operation == v1::AclOperation::Describe as i32 && said.iter().any(|one| *one != list)
}

/// Whether a call went through a door, whatever came of it behind.
async fn passes(caller: &Caller, operation: Op, message: &impl Message) -> bool {
    let answer = caller.call(operation.path(), &[message.encode_to_vec()], &[]).await;
    let status = answer.status();
    if status.code() != Code::Ok {
        return match reason(&status).0.as_str() {
            "PERMISSION_DENIED" => false,
            // Of what is not there, or was changed by whoever passed before.
            "NOT_FOUND" | "ALREADY_EXISTS" | "INVALID_ARGUMENT" | "OFFSET_OUT_OF_RANGE" => true,
            // Of a producer that nobody has.
            "UNKNOWN_PRODUCER" => true,
            other => panic!("{operation:?} is answered with {other}: {}", status.message()),
        };
    }
    let inside = match operation {
        Op::ProduceStream => match answer.messages::<v1::ProduceStreamResponse>().remove(0).result {
            Some(Outcome::Error(error)) => Some(error),
            _ => None,
        },
        Op::CreateTopics => answer
            .messages::<v1::CreateTopicsResponse>()
            .remove(0)
            .failures
            .pop()
            .and_then(|failure| failure.error),
        _ => None,
    };
    inside.is_none_or(|error| error.code() != v1::ErrorCode::PermissionDenied)
}

/// Every door to a topic, with the operation that it stands for; what destroys comes last.
async fn doors(caller: &Caller, topic: &str) -> Vec<(Op, i32, bool)> {
    let name = || topic.to_owned();
    let tenant = String::new;
    let batch = produce_request(topic, 0, &["x"]);
    let v1::ProduceRequest { batch: records, .. } = batch.clone();
    let part = v1::TransactionBatch { topic: name(), batch: records, ..Default::default() };
    let commit = v1::CommitTransactionRequest { number: 1, batches: vec![part], ..Default::default() };
    let place = v1::TransactionSequence { number: 1, ..Default::default() };
    let stage = v1::ProduceRequest { transaction: Some(place), ..batch.clone() };
    let one = v1::ProduceStreamRequest { correlation_id: 1, request: Some(batch.clone()) };
    let positions = vec![position(topic, 0, from_start())];
    let start = v1::ReadStart { positions: positions.clone(), credit_bytes: 1 << 20, stop_at_end: true };
    let read = v1::ReadRequest { kind: Some(Kind::Start(start)) };
    let offsets = v1::ListOffsetsRequest { positions };
    let get = v1::GetTopicRequest { tenant: tenant(), name: name() };
    // None of the topics is a table.
    let values = v1::GetValuesRequest { topic: name(), keys: vec!["k".into()], ..Default::default() };
    let scan = v1::ScanTableRequest { topic: name(), ..Default::default() };
    let watch = v1::WatchTableRequest { topic: name(), ..Default::default() };
    let erase = v1::EraseKeyRequest { topic: name(), key: "k".into(), ..Default::default() };
    let compact = v1::CompactTopicRequest { tenant: tenant(), name: name() };
    let verify = v1::VerifyTopicRequest { tenant: tenant(), name: name() };
    let set = [("max.message.bytes".to_owned(), "1000".to_owned())].into();
    let config = v1::UpdateTopicConfigRequest { tenant: tenant(), name: name(), set, unset: vec![] };
    let add = v1::AddPartitionsRequest { tenant: tenant(), name: name(), partitions: 2 };
    let trim = v1::TrimPartitionRequest { name: name(), ..Default::default() };
    let spec = v1::TopicSpec { name: name(), ..Default::default() };
    let create = v1::CreateTopicsRequest { topics: vec![spec], ..Default::default() };
    let delete = v1::DeleteTopicRequest { tenant: tenant(), name: name() };
    vec![
        (Op::Produce, PRODUCE, passes(caller, Op::Produce, &batch).await),
        (Op::ProduceStream, PRODUCE, passes(caller, Op::ProduceStream, &one).await),
        (Op::Produce, PRODUCE, passes(caller, Op::Produce, &stage).await),
        (Op::CommitTransaction, PRODUCE, passes(caller, Op::CommitTransaction, &commit).await),
        (Op::Read, CONSUME, passes(caller, Op::Read, &read).await),
        (Op::ListOffsets, CONSUME, passes(caller, Op::ListOffsets, &offsets).await),
        (Op::GetValues, CONSUME, passes(caller, Op::GetValues, &values).await),
        (Op::ScanTable, CONSUME, passes(caller, Op::ScanTable, &scan).await),
        (Op::WatchTable, CONSUME, passes(caller, Op::WatchTable, &watch).await),
        (Op::VerifyTopic, DESCRIBE, passes(caller, Op::VerifyTopic, &verify).await),
        (Op::CompactTopic, ALTER, passes(caller, Op::CompactTopic, &compact).await),
        (Op::EraseKey, TRIM, passes(caller, Op::EraseKey, &erase).await),
        (Op::GetTopic, DESCRIBE, passes(caller, Op::GetTopic, &get).await),
        (Op::UpdateTopicConfig, ALTER, passes(caller, Op::UpdateTopicConfig, &config).await),
        (Op::AddPartitions, ALTER, passes(caller, Op::AddPartitions, &add).await),
        (Op::TrimPartition, TRIM, passes(caller, Op::TrimPartition, &trim).await),
        (Op::CreateTopics, CREATE, passes(caller, Op::CreateTopics, &create).await),
        (Op::DeleteTopic, DELETE, passes(caller, Op::DeleteTopic, &delete).await),
    ]
}

async fn check_lists(caller: &Caller, reference: &Reference<'_>) {
    let user = reference.user;
    let listed: Result<v1::ListTopicsResponse, _> =
        caller.ask(Op::ListTopics, &v1::ListTopicsRequest::default()).await;
    match listed {
        Ok(listed) => {
            let listed: Vec<_> = listed.topics.into_iter().map(|topic| topic.name).collect();
            let expected: Vec<_> =
                TOPICS.into_iter().filter(|topic| reference.may(LIST, What::Topic(topic))).collect();
            assert_eq!(listed, expected, "ListTopics by {user}");
            assert!(reference.may_any(LIST), "ListTopics by {user}");
        }
        Err(status) => {
            assert_eq!(reason(&status).0, "PERMISSION_DENIED");
            assert!(!reference.may_any(LIST), "ListTopics by {user}");
        }
    }
    let may_begin = passes(caller, Op::InitProducer, &v1::InitProducerRequest::default()).await;
    assert_eq!(may_begin, reference.may_any(PRODUCE), "InitProducer by {user}");
    let abort = v1::AbortTransactionRequest { number: 1, ..Default::default() };
    let may_abort = passes(caller, Op::AbortTransaction, &abort).await;
    assert_eq!(may_abort, reference.may_any(PRODUCE), "AbortTransaction by {user}");
}

/// What the administrator is told of a user, which is apart from its tokens.
async fn check_told(operator: &Caller, tenant: &str, reference: &Reference<'_>, name: &str) {
    let user = reference.user;
    let on_topic = (PRODUCE..=TRIM).map(|operation| (operation, What::Topic(name)));
    let on_group = EVERYTHING_WITH_GROUPS.map(|operation| (operation, What::Group(name)));
    for (operation, what) in on_topic.chain(on_group) {
        let (topic, group) = match what {
            What::Topic(name) => (name.to_owned(), String::new()),
            What::Group(name) => (String::new(), name.to_owned()),
        };
        let (tenant, user_name) = (tenant.to_owned(), user.to_owned());
        let request = v1::TestAclRequest { tenant, user: user_name, operation, topic, group };
        let told: v1::TestAclResponse = operator.must(Op::TestAcl, &request).await;
        let expected = reference.user_may(operation, what);
        assert_eq!(told.allowed, expected, "TestAcl of {user}, {operation} on {what:?}: {told:?}");
    }
}

async fn check(
    broker: &Broker,
    operator: &Caller,
    tenant: &str,
    rules: &[v1::AclRule],
    scopes: &[Vec<v1::TokenScope>],
) {
    operator.make_tenant(tenant).await;
    for topic in TOPICS {
        operator.make_topic(tenant, topic).await;
    }
    let request = v1::CreateAclRulesRequest { tenant: tenant.to_owned(), rules: rules.to_vec() };
    let _: v1::CreateAclRulesResponse = operator.must(Op::CreateAclRules, &request).await;
    let mut callers = Vec::new();
    for ((user, groups, is_admin), scopes) in USERS.into_iter().zip(scopes) {
        operator.make_user(tenant, user, is_admin, groups).await;
        let request = v1::IssueTokenRequest {
            tenant: tenant.to_owned(),
            user: user.to_owned(),
            scopes: scopes.clone(),
            ..Default::default()
        };
        let (_, credential) = operator.make_token(request).await;
        let reference = Reference { rules, user, groups, is_admin, scopes };
        callers.push((Caller::new(broker, credential).await, reference));
    }
    for (caller, reference) in &callers {
        check_lists(caller, reference).await;
        for topic in TOPICS.into_iter().chain([NO_TOPIC]) {
            check_told(operator, tenant, reference, topic).await;
        }
    }
    let mut answers = BTreeMap::new();
    for (caller, reference) in &callers {
        for topic in TOPICS.into_iter().chain([NO_TOPIC]) {
            for (door, operation, passed) in doors(caller, topic).await {
                let expected = reference.may(operation, What::Topic(topic));
                assert_eq!(passed, expected, "{door:?} of {topic} by {}", reference.user);
                *answers.entry(passed).or_insert(0) += 1;
            }
        }
    }
    println!("{tenant}: {} rules, {answers:?}", rules.len());
}

#[test]
fn every_door_to_a_topic_or_a_group_asks_the_same_rules() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (broker, operator) = runtime.block_on(async {
        let (broker, credential) = Broker::start_real().await;
        let operator = Caller::new(&broker, credential).await;
        (broker, operator)
    });
    let config = Config { cases: 12, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let count = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&tenants(), |(rules, scopes)| {
            count.set(count.get() + 1);
            let tenant = format!("case-{}", count.get());
            runtime.block_on(check(&broker, &operator, &tenant, &rules, &scopes));
            Ok(())
        })
        .unwrap();
    drop(operator);
    runtime.block_on(broker.stop());
}
