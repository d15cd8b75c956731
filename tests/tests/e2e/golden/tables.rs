//! What is in golden data since format 4: a table that was compacted, with tombstones, whose older segments are
//! deleted, and a log whose records have expired.

use crate::MIB;
use bytes::Bytes;
use levee_client::{Position, StartAt};
use levee_tests::files;
use levee_tests::load::World;
use levee_tests::raw::{self, Raw};
use levee_tests::tenancy::topic;
use levee_tests::wait;
use std::path::Path;
use std::time::Duration;

const TABLE: &str = "table";
const EXPIRED: &str = "expired";
const KEYS: u32 = 10;
/// The keys from this one on are deleted in the end.
const DELETED: u32 = 7;
const EXPIRED_RECORDS: u64 = 5;
const SOON: Duration = Duration::from_secs(120);

fn key(number: u32) -> String {
    format!("key-{number}")
}

/// The value of a key in the end.
fn last(number: u32) -> Option<Bytes> {
    (number < DELETED).then(|| format!("the last of {number}").into())
}

async fn send(raw: &Raw, topic: &str, number: u32, value: Option<Bytes>) {
    let request = raw::change(topic, 0, &key(number), value);
    raw.produce().produce(request).await.expect("it can be produced");
}

/// Writes it. The values that are superseded fill segments, and compress well.
pub(super) async fn write(world: &World, data: &Path) {
    let raw = world.raw();
    let specs =
        vec![topic(TABLE, 1, &[("cleanup.policy", "compact")]), topic(EXPIRED, 1, &[("retention.ms", "1")])];
    Raw::operator(&world.endpoint).create(&world.tenant, specs).await.expect("topics");
    for number in 0..u32::try_from(EXPIRED_RECORDS).unwrap_or(0) {
        send(&raw, EXPIRED, number, Some("soon gone".into())).await;
    }
    let first = files::segments(data).remove(0);
    let mut written = 0;
    while written < 48 * MIB {
        for number in 0..KEYS {
            let value = vec![b'x'; 200_000];
            written += value.len() as u64;
            send(&raw, TABLE, number, Some(value.into())).await;
        }
    }
    for number in 0..KEYS {
        send(&raw, TABLE, number, last(number)).await;
    }
    raw.compact(TABLE).await.expect("it can be compacted");
    wait::until("the first segment is deleted", SOON, || (!first.exists()).then_some(())).await;
    wait::poll("the records expire", SOON, async || (expired(world).await == EXPIRED_RECORDS).then_some(()))
        .await;
}

/// It is there as it was written.
pub(super) async fn check(world: &World, what: &str) {
    let raw = world.raw();
    for round in ["as it was", "after another compaction"] {
        let values = raw.scan(TABLE).await.expect("a scan");
        let found: Vec<_> = values
            .iter()
            .map(|value| (value.key.clone(), value.record.as_ref().and_then(|record| record.value.clone())))
            .collect();
        let expected: Vec<_> = (0..DELETED).map(|number| (Bytes::from(key(number)), last(number))).collect();
        assert_eq!(found, expected, "{what}, {round}");
        let verified = raw.verify(TABLE).await.expect("a proof");
        assert!(verified.is_done && verified.findings.is_empty(), "{what}, {round}: {verified:?}");
        raw.compact(TABLE).await.expect("it can be compacted");
    }
    assert_eq!(expired(world).await, EXPIRED_RECORDS, "{what}: what has expired");
}

/// The start of the log whose records expire.
async fn expired(world: &World) -> u64 {
    let position = Position { topic: EXPIRED.to_owned(), partition: 0, from: StartAt::Start };
    world.client().offsets(vec![position]).await.expect("offsets")[0].start
}
