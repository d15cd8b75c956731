use super::bounded;
use super::busiest::top;
use levee_storage::{Page, Topic};
use levee_types::limits::MAX_PARTITIONS_PER_TOPIC;
use levee_types::{TenantId, TopicConfig, TopicId, TopicName};
use std::collections::BTreeMap;
use std::sync::Arc;

#[test]
fn the_largest_come_first_and_the_limit_holds() {
    let measured = |amounts: &[u64]| -> Vec<_> {
        (1..).zip(amounts).map(|(id, amount)| (*amount, TenantId(id), ())).collect()
    };
    let ids = |amounts: &[u64], limit| -> Vec<u32> {
        top(measured(amounts), limit).into_iter().map(|(_, id, ())| id.0).collect()
    };
    assert_eq!(ids(&[5, 9, 5, 0, 7], 3), [2, 5, 1]);
    assert_eq!(ids(&[5, 9, 5, 0, 7], 4), [2, 5, 1, 3]);
    assert_eq!(ids(&[5, 9, 5, 0, 7], 5), [2, 5, 1, 3, 4]);
    assert_eq!(ids(&[5, 9, 5, 0, 7], 1_000), [2, 5, 1, 3, 4]);
    assert_eq!(ids(&[0, 0, 0], 2), [1, 2], "the same ones each time");
    assert_eq!(ids(&[], 2), Vec::<u32>::new());
}

fn page(partitions: &[u32], next: Option<&str>) -> Page<Arc<Topic>> {
    let topic = |(id, partitions): (u64, &u32)| {
        Arc::new(Topic {
            id: TopicId(id),
            name: TopicName::new(&format!("t{id}")).unwrap(),
            partitions: *partitions,
            created_ms: 0,
            set: BTreeMap::new(),
            config: TopicConfig::evaluate(&BTreeMap::new()).unwrap(),
        })
    };
    Page { items: (0..).zip(partitions).map(topic).collect(), next: next.map(str::to_owned) }
}

#[test]
fn a_page_has_no_more_partitions_than_a_topic_may_have() {
    let cut = |partitions: &[u32], next| {
        let Page { items, next } = bounded(page(partitions, next));
        (items.len(), next)
    };
    let max = MAX_PARTITIONS_PER_TOPIC;
    assert_eq!(cut(&[max - 1, 1], Some("t9")), (2, Some("t9".to_owned())));
    assert_eq!(cut(&[max - 1, 2], Some("t9")), (1, Some("t0".to_owned())));
    assert_eq!(cut(&[1, max, 1], None), (1, Some("t0".to_owned())), "it is not the last one any more");
    assert_eq!(cut(&[max], None), (1, None));
    assert_eq!(cut(&[], None), (0, None));
}
