use super::*;

#[test]
fn what_was_read_before_a_change_is_not_cached_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let index = Arc::new(Index::open(directory.path(), 1 << 20).unwrap());
    let catalog = Catalog::new(index, 10);
    let name = TopicName::new("orders").unwrap();
    let key = (TenantId(1), name.clone());
    let row = TopicRow { name: "orders".to_owned(), partitions: 1, ..TopicRow::default() };
    let topic = Arc::new(Topic::from_row(TopicId(1), row).unwrap());

    // A reader is held up between reading and caching; meanwhile the topic is deleted.
    let read_at = *catalog.version();
    catalog.forget(TenantId(1), &name);
    catalog.remember(key.clone(), &topic, read_at);
    assert_eq!(catalog.topic(TenantId(1), &name).unwrap(), None);

    let read_at = *catalog.version();
    catalog.remember(key, &topic, read_at);
    assert_eq!(catalog.topic(TenantId(1), &name).unwrap(), Some(topic));
}
