//! X6: of a deleted tenant nothing is left.

use super::*;
use crate::catalog::audit::AuditLine;
use crate::journal::tenants_of;
use levee_types::{TenantId, TenantName};
use std::sync::atomic::Ordering;

/// Two tenants whose batches lie beside each other, of which one is deleted.
fn deleted() -> (Harness, TenantId, PartitionId, Vec<String>) {
    let harness = Harness::with(settings());
    let (acme, other) = (harness.tenant("acme"), harness.tenant("other"));
    let (gone, kept) = (harness.topic(acme, "orders", &[]), harness.topic(other, "orders", &[]));
    let mut texts = Vec::new();
    for number in 0..20 {
        harness.append(gone, &format!("SECRET{}", text(number, 100)), None).unwrap();
        texts.extend(fill(&harness, kept, number..number + 1));
    }
    let name = TenantName::new("acme").unwrap();
    harness.wait(harness.shard.delete_tenant(name, 0, purge())).unwrap();
    (harness, acme, kept, texts)
}

fn purge() -> crate::catalog::audit::AuditEvent {
    crate::catalog::audit::AuditEvent { action: "PurgeTenant".to_owned(), ..audit() }
}

fn receipts(harness: &Harness) -> Vec<AuditLine> {
    let (lines, _) = harness.shard.audit_log(TenantId::SYSTEM, 0, 1000).unwrap();
    lines.into_iter().filter(|line| line.event.note.contains("its bytes are gone")).collect()
}

/// Moves the clock on by as long as an erasure waits for others.
fn be_patient(harness: &Harness) {
    harness.clock.0.fetch_add(60_000, Ordering::Relaxed);
}

fn is_gone(harness: &Harness, tenant: TenantId) -> bool {
    let last = *segments(harness).last().unwrap();
    let sealed: Vec<_> = segments(harness).into_iter().filter(|id| *id < last).collect();
    let has = |id: &u64| {
        tenants_of(&*harness.segments, super::super::ID, *id, |_| true).unwrap().unwrap().contains(&tenant)
    };
    let batches = holds(&all_bytes(harness), b"SECRET");
    assert_eq!(sealed.iter().any(has), batches);
    !batches
}

#[test]
fn x6_no_file_of_the_index_has_anything_of_a_deleted_tenant() {
    let harness = Harness::with(settings());
    let name = |name| TenantName::new(name).unwrap();
    let tenants = ["acme", "beta", "other"].map(|name| harness.tenant(name));
    let topics = ["quince", "mulberry", "dogwood"];
    let partitions: Vec<_> =
        tenants.into_iter().zip(topics).map(|(tenant, topic)| harness.topic(tenant, topic, &[])).collect();
    harness.append(partitions[2], "abc", None).unwrap();
    let harness = harness.reopen();
    let holds_in = |harness: &Harness, extension: &str| {
        let mut bytes = Vec::new();
        for file in std::fs::read_dir(harness.directory.path().join("index")).unwrap() {
            let path = file.unwrap().path();
            if path.to_string_lossy().ends_with(extension) {
                bytes.extend(std::fs::read(path).unwrap());
            }
        }
        topics.map(|topic| holds(&bytes, topic.as_bytes()))
    };
    let holds = |harness: &Harness| holds_in(harness, ".sst");
    harness.wait(harness.shard.delete_tenant(name("acme"), 0, purge())).unwrap();
    let harness = harness.reopen();
    assert_eq!(holds(&harness), [true, true, true], "deleting is a row like any other");
    assert!(harness.wait(harness.shard.erase_rows(tenants[0])).unwrap());
    assert!(!holds(&harness)[0]);
    // And it is asked for.
    harness.wait(harness.shard.delete_tenant(name("beta"), 0, purge())).unwrap();
    be_patient(&harness);
    give_back(&harness);
    assert_eq!(holds_in(&harness, "")[..2], [false, false], "in any file");
    assert_eq!(receipts(&harness).len(), 2);
    assert_eq!(harness.read(partitions[2]), ["abc"]);
}

#[test]
fn x6_rows_that_somebody_still_reads_wait_for_them() {
    let harness = Harness::with(settings());
    let acme = harness.tenant("acme");
    harness.topic(acme, "orders", &[]);
    harness.wait(harness.shard.delete_tenant(TenantName::new("acme").unwrap(), 0, purge())).unwrap();
    let view = harness.shard.inner.index.view();
    be_patient(&harness);
    give_back(&harness);
    assert_eq!(receipts(&harness), []);
    drop(view);
    give_back(&harness);
    assert_eq!(receipts(&harness).len(), 1);
}

#[test]
fn x6_no_segment_has_anything_of_a_deleted_tenant() {
    let (harness, acme, kept, texts) = deleted();
    give_back(&harness);
    assert!(!is_gone(&harness, acme), "most of each segment is of another tenant, and nobody was in a hurry");
    assert_eq!(receipts(&harness), []);
    be_patient(&harness);
    give_back(&harness);
    assert!(is_gone(&harness, acme));
    assert_eq!(harness.read(kept), texts);
    let receipts = receipts(&harness);
    assert_eq!(receipts.len(), 1);
    assert_eq!(
        (&receipts[0].event.action[..], &receipts[0].event.resource[..]),
        ("PurgeTenant", "tenant:acme")
    );
    assert_eq!(harness.shard.erasures().unwrap(), []);
    let again = harness.tenant("acme");
    assert!(again > acme, "the id is never used again");
    let harness = harness.crash(|| false);
    assert_eq!(harness.read(kept), texts);
}

/// A power loss after each command of it, and then the rest.
#[test]
fn x6_an_erasure_is_finished_after_a_restart() {
    for commands in 0..40 {
        let (harness, acme, kept, texts) = deleted();
        be_patient(&harness);
        let is_over = give_back_for(&harness, commands).unwrap();
        let harness = harness.crash(|| commands % 2 == 0);
        assert_eq!(harness.read(kept), texts, "{commands}");
        give_back(&harness);
        assert!(is_gone(&harness, acme), "{commands}");
        assert_eq!(receipts(&harness).len(), 1, "{commands}");
        assert_eq!(harness.read(kept), texts, "{commands}");
        if is_over {
            assert!(commands > 5);
            return;
        }
    }
    panic!("it takes too many commands");
}

#[test]
fn stated_segments_are_erased_and_the_tenant_is_told() {
    let harness = Harness::with(settings());
    let tenant = harness.tenant("acme");
    let p = harness.topic(tenant, "orders", &[]);
    let texts = fill(&harness, p, 0..30);
    let row = crate::rows::ErasureRow {
        tenant: tenant.0,
        segments: vec![2],
        action: "EraseKey".to_owned(),
        ..Default::default()
    };
    harness
        .wait(harness.shard.change(0, None, move |machine, draft, _| machine.add_erasure(draft, row)))
        .unwrap();
    be_patient(&harness);
    give_back(&harness);
    let there = segments(&harness);
    assert!(there.contains(&1) && !there.contains(&2), "{there:?}");
    assert_eq!(harness.read(p), texts);
    let (lines, _) = harness.shard.audit_log(tenant, 0, 1000).unwrap();
    assert_eq!(lines.last().unwrap().event.action, "EraseKey");
    assert_eq!(harness.shard.erasures().unwrap(), []);
}

#[test]
fn an_erasure_waits_for_the_batches_of_open_transactions() {
    let (harness, acme, kept, _) = deleted();
    let other = kept.tenant;
    let session = harness.wait(harness.shard.init_producer(other, None)).unwrap();
    let sequence =
        crate::transaction::TransactionSequence { session, number: 1, index: 0, timeout_ms: 600_000 };
    harness.wait(async { harness.shard.stage(append(kept, "abc", None), sequence).await?.await }).unwrap();
    be_patient(&harness);
    give_back(&harness);
    assert_eq!(receipts(&harness), []);
    harness.wait(harness.shard.abort_transaction(other, session, 1)).unwrap();
    give_back(&harness);
    assert!(is_gone(&harness, acme));
    assert_eq!(receipts(&harness).len(), 1);
}
