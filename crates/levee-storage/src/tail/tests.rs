use super::*;
use crate::log::FETCH_OVERHEAD_BYTES;
use bytes::Bytes;
use levee_types::TopicId;

fn partition(tenant: u32, partition: u32) -> PartitionId {
    PartitionId { tenant: TenantId(tenant), topic: TopicId(1), partition }
}

fn batch(base_offset: u64, size: usize) -> StoredBatch {
    StoredBatch { base_offset, records: 10, append_time_ms: 0, crc: 0, bytes: Bytes::from(vec![0; size]) }
}

fn writer(budget: u64) -> (Arc<Tails>, TailWriter) {
    let tails = Arc::new(Tails::new());
    (Arc::clone(&tails), TailWriter::new(tails, budget))
}

fn bases(cached: &Cached) -> Vec<u64> {
    match cached {
        Cached::Batches(batches, _) => batches.iter().map(|batch| batch.base_offset).collect(),
        Cached::AtEnd(_) => vec![],
        Cached::Miss => panic!("a miss"),
    }
}

#[derive(Default)]
struct Woken(Mutex<Vec<u32>>);

impl Wake for Woken {
    fn wake(&self, token: u32) {
        self.0.lock().unwrap().push(token);
    }
}

#[test]
fn what_is_cached_is_found_from_any_offset_in_it() {
    let (tails, mut writer) = writer(1 << 20);
    let p = partition(1, 0);
    assert!(matches!(tails.fetch(p, 0, 1), Cached::Miss));
    for base in [100, 110, 120] {
        writer.publish(p, batch(base, 1000));
    }
    assert_eq!(bases(&tails.fetch(p, 105, usize::MAX)), [100, 110, 120]);
    assert_eq!(bases(&tails.fetch(p, 110, usize::MAX)), [110, 120]);
    assert_eq!(bases(&tails.fetch(p, 119, 1)), [110], "at least one");
    assert_eq!(bases(&tails.fetch(p, 100, 1000 + FETCH_OVERHEAD_BYTES)), [100]);
    assert_eq!(bases(&tails.fetch(p, 100, 1001 + FETCH_OVERHEAD_BYTES)), [100, 110]);
    assert!(matches!(tails.fetch(p, 130, 1), Cached::AtEnd(130)));
    assert!(matches!(tails.fetch(p, 99, 1), Cached::Miss));
    assert!(matches!(tails.fetch(p, 131, 1), Cached::Miss));
}

#[test]
fn the_tenant_with_the_most_gives_way() {
    let (tails, mut writer) = writer(20 * (1000 + OVERHEAD));
    for base in 0..5 {
        writer.publish(partition(1, 0), batch(base * 10, 1000));
    }
    for base in 0..1000 {
        writer.publish(partition(2, 0), batch(base * 10, 1000));
        assert!(tails.bytes() <= 20 * (1000 + OVERHEAD));
    }
    assert_eq!(bases(&tails.fetch(partition(1, 0), 0, usize::MAX)).len(), 5, "a quiet tenant keeps its tail");
    assert_eq!(bases(&tails.fetch(partition(2, 0), 9850, usize::MAX)).len(), 15);
}

#[test]
fn a_partition_without_batches_and_subscribers_costs_nothing() {
    let (tails, mut writer) = writer(0);
    let p = partition(1, 0);
    let woken = Arc::new(Woken::default());
    let subscription = tails.subscribe(p, Arc::clone(&woken) as Arc<dyn Wake>, 7);
    writer.publish(p, batch(0, 10));
    assert!(woken.0.lock().unwrap().is_empty());
    writer.wake();
    assert_eq!(*woken.0.lock().unwrap(), [7]);
    assert_eq!(tails.bytes(), 0);
    assert!(matches!(tails.fetch(p, 10, 1), Cached::AtEnd(10)), "followers at the end need no index");
    drop(subscription);
    assert!(tails.stripe(p).is_empty());
    writer.publish(p, batch(10, 10));
    assert!(tails.stripe(p).is_empty());
    assert_eq!(*woken.0.lock().unwrap(), [7]);
}

#[test]
fn what_is_forgotten_is_not_served_and_its_account_is_settled() {
    let (tails, mut writer) = writer(10 * (1000 + OVERHEAD));
    let p = partition(1, 0);
    let woken = Arc::new(Woken::default());
    let _subscription = tails.subscribe(p, Arc::clone(&woken) as Arc<dyn Wake>, 1);
    writer.publish(p, batch(0, 1000));
    writer.wake();
    writer.forget(p);
    assert!(matches!(tails.fetch(p, 0, 1), Cached::Miss));
    assert!(matches!(tails.fetch(p, 10, 1), Cached::Miss));
    assert_eq!(woken.0.lock().unwrap().len(), 2);
    for base in 1..=12 {
        writer.publish(p, batch(base * 10, 1000));
    }
    assert_eq!(bases(&tails.fetch(p, 30, usize::MAX)).len(), 10);
    writer.forget_tenant(TenantId(1));
    assert!(matches!(tails.fetch(p, 30, 1), Cached::Miss));
}

#[test]
fn a_tail_gives_back_the_memory_of_many_small_batches() {
    let (tails, mut writer) = writer(2000 * (1 + OVERHEAD));
    let p = partition(1, 0);
    for base in 0..2000 {
        writer.publish(p, batch(base * 10, 1));
    }
    // Another partition of the tenant takes the place of most of them.
    for base in 0..1990 {
        writer.publish(partition(1, 1), batch(base * 10, 1));
    }
    let stripe = tails.stripe(p);
    let tail = &stripe[&p];
    assert_eq!(tail.batches.len(), 10);
    assert!(tail.batches.capacity() <= 4 * 10 + SPARE_PLACES, "{}", tail.batches.capacity());
}

#[test]
fn a_deleted_tenant_has_no_share() {
    let (tails, mut writer) = writer(10 * (1000 + OVERHEAD));
    for tenant in 0..100 {
        for base in 0..10 {
            writer.publish(partition(tenant, 0), batch(base * 10, 1000));
        }
        writer.forget_tenant(TenantId(tenant));
        assert_eq!(tails.bytes(), 0);
    }
    for base in 0..10 {
        writer.publish(partition(100, 0), batch(base * 10, 1000));
    }
    assert_eq!(bases(&tails.fetch(partition(100, 0), 0, usize::MAX)).len(), 10);
}

#[test]
fn a_tail_goes_on_behind_what_is_in_the_log_only() {
    let (tails, mut writer) = writer(10 * (1000 + OVERHEAD));
    let (followed, alone) = (partition(1, 0), partition(1, 1));
    let woken = Arc::new(Woken::default());
    let _subscription = tails.subscribe(followed, Arc::clone(&woken) as Arc<dyn Wake>, 1);
    for p in [followed, alone] {
        writer.publish(p, batch(0, 1000));
    }
    writer.wake();
    for p in [followed, alone] {
        writer.skip_to(p, 30);
        assert!(matches!(tails.fetch(p, 0, 1), Cached::Miss));
        assert!(matches!(tails.fetch(p, 10, 1), Cached::Miss), "there is more, in the log");
    }
    writer.wake();
    assert_eq!(woken.0.lock().unwrap().len(), 2);
    assert!(matches!(tails.fetch(followed, 30, 1), Cached::AtEnd(30)));
    assert!(!tails.stripe(alone).contains_key(&alone));
    for p in [followed, alone] {
        writer.publish(p, batch(30, 1000));
        assert_eq!(bases(&tails.fetch(p, 30, usize::MAX)), [30]);
        assert!(matches!(tails.fetch(p, 20, 1), Cached::Miss));
    }
    // The account of the forgotten batches is settled when their turn comes.
    for base in 4..=20 {
        writer.publish(alone, batch(base * 10, 1000));
    }
    assert_eq!(bases(&tails.fetch(alone, 110, usize::MAX)).len(), 10);
}
