use super::*;
use crate::operation::Operation;
use crate::rows::TenantRow;
use levee_types::TenantName;

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

/// Tenants by name and topics of one of them, of which those in `gone` have a name but no row: as a list
/// sees what is deleted after it looked at the names.
fn catalog(dir: &std::path::Path, names: &[&str], gone: &[&str]) -> Catalog {
    let index = Index::open(dir, 8 << 20).unwrap();
    let put = |key, value| Operation::Put { keyspace: Keyspace::State, key, value };
    let mut operations = Vec::new();
    for (id, name) in (1_u32..).zip(names) {
        let (tenant, topic) = (TenantName::new(name).unwrap(), TopicName::new(name).unwrap());
        operations.push(put(keys::tenant_by_name(&tenant), u64::from(id).to_le_bytes().to_vec()));
        operations.push(put(keys::topic_by_name(TenantId(1), &topic), u64::from(id).to_le_bytes().to_vec()));
        if !gone.contains(name) {
            let row = TenantRow { name: (*name).to_owned(), ..TenantRow::default() };
            operations.push(put(keys::tenant(TenantId(id)), row.encode_to_vec()));
            let row = TopicRow { name: (*name).to_owned(), partitions: 1, ..TopicRow::default() };
            operations.push(put(keys::topic(TenantId(1), TopicId(id.into())), row.encode_to_vec()));
        }
    }
    let mut changes = index.changes();
    changes.add(&operations, [], 0, 0);
    index.apply(changes).unwrap();
    Catalog::new(Arc::new(index), 10)
}

#[test]
fn a_list_beside_a_deletion_goes_on_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(dir.path(), &["aaa", "bbb", "ccc", "ddd", "eee"], &["bbb", "ccc", "ddd"]);
    let (mut tenants, mut topics) = (Vec::new(), Vec::new());
    let (mut after_tenant, mut after_topic) = (None::<String>, None::<String>);
    // Two names a page: the second page has none that is still there.
    for is_last in [false, false, true] {
        let page = catalog.list_tenants(after_tenant.as_deref(), 2).unwrap();
        tenants.extend(page.items.into_iter().map(|tenant| tenant.name.to_string()));
        after_tenant = page.next;
        let page = catalog.list_topics(TenantId(1), "", after_topic.as_deref(), 2).unwrap();
        topics.extend(page.items.iter().map(|topic| topic.name.to_string()));
        after_topic = page.next;
        assert_eq!((after_tenant.is_none(), after_topic.is_none()), (is_last, is_last));
    }
    assert_eq!(tenants, ["aaa", "eee"]);
    assert_eq!(topics, tenants);
}

#[test]
fn a_full_page_is_the_last_when_nothing_follows() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(dir.path(), &["aaa", "bbb"], &[]);
    assert_eq!(catalog.list_tenants(None, 2).unwrap().next, None);
    assert_eq!(catalog.list_tenants(None, 1).unwrap().next.as_deref(), Some("aaa"));
    assert_eq!(catalog.list_topics(TenantId(1), "b", None, 1).unwrap().next, None);
}
