use super::refusals::Refusals;
use super::{Asked, LISTED_AT_ONCE, channel};
use crate::ambient::{SystemClock, SystemRandom};
use crate::operation::Operation;
use crate::running_shard::RunningShard;
use levee_storage::{AuditEvent, ShardSettings};
use levee_types::TenantId;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

fn event(principal: &str, request_id: usize) -> AuditEvent {
    AuditEvent {
        principal: principal.to_owned(),
        action: "TopicService/GetTopic".to_owned(),
        refusal: Some("no".to_owned()),
        request_id: request_id.to_string(),
        count: 1,
        ..AuditEvent::default()
    }
}

fn events(refusals: Refusals, of: TenantId) -> Vec<AuditEvent> {
    refusals.into_logs().find(|(tenant, _)| *tenant == of).unwrap().1
}

const ACME: TenantId = TenantId(7);
const OTHER: TenantId = TenantId(8);

#[test]
fn refusals_are_listed_one_by_one_until_they_are_a_flood() {
    let few: Vec<_> = (0..LISTED_AT_ONCE).map(|id| event("a", id)).collect();
    let many: Vec<_> = (0..1_000).map(|id| event(["a", "b"][id % 2], id)).collect();
    let mut refusals = Refusals::default();
    for event in few.iter().chain(&many) {
        refusals.add(ACME, event.clone());
    }
    let events = events(refusals, ACME);
    assert_eq!(events[..LISTED_AT_ONCE], few);
    let mut floods: Vec<_> =
        events[LISTED_AT_ONCE..].iter().map(|event| (event.principal.as_str(), event.count)).collect();
    floods.sort_unstable();
    assert_eq!(floods, [("a", 500), ("b", 500)]);
}

#[test]
fn a_flood_is_counted_to_the_last_and_leaves_others_their_room() {
    let mut refusals = Refusals::default();
    for id in 0..100_000 {
        refusals.add(ACME, event(&format!("user {}", id % 5_000), id));
    }
    refusals.add(OTHER, event("b", 1));
    let flood: std::collections::HashMap<_, _> = refusals.into_logs().collect();
    assert_eq!(flood[&OTHER], [event("b", 1)]);
    assert_eq!(flood[&ACME].iter().map(|event| event.count).sum::<u64>(), 100_000);
    assert!(flood[&ACME].len() < 1_200, "{}", flood[&ACME].len());
}

#[tokio::test]
async fn what_was_refused_before_the_end_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let settings = ShardSettings { segment_bytes: 16 << 20, ..ShardSettings::default() };
    let storage =
        RunningShard::start(dir.path(), settings, Arc::new(SystemClock::new()), &SystemRandom).unwrap();
    let (sink, writer) = channel(storage.shard.clone());
    let asked = Asked::by_nobody(&http::Extensions::new(), Operation::GetTopic);
    sink.denied(TenantId::SYSTEM, &asked, "", "nobody knows the caller");
    let closing = CancellationToken::new();
    closing.cancel();
    writer.run(closing).await;
    let (lines, _) = storage.shard.audit_log(TenantId::SYSTEM, 0, 10).unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(storage.stop().await);
}
