//! A tenant with something of everything, and what is seen of it from outside.

use futures::StreamExt as _;
use levee_client::{Admin, Client, ConsumerSettings, Position, ReadBatch, ReaderSettings, StartAt, v1};
use levee_proto::batch;
use levee_tests::raw::Raw;
use levee_tests::tenancy::{member, name, operator, plan, quota, target, topic};
use levee_types::limits::MAX_PAGE_SIZE;

/// The plan of the tenant.
pub(super) async fn make_plan(admin: &Admin) {
    let plan = v1::Plan { name: "team".to_owned(), weight: 20, ..Default::default() };
    admin.create_plan(plan, true).await.expect("it can be created");
}

/// Appends a batch of these values, with keys, headers and times; gives its first offset.
pub(super) async fn produce(
    endpoint: &str,
    tenant: &str,
    topic: &str,
    partition: u32,
    values: &[&str],
) -> u64 {
    let header =
        |value: &str| v1::RecordHeader { key: "trace".to_owned(), value: Some(format!("h-{value}").into()) };
    let record = |(index, value): (usize, &&str)| v1::Record {
        key: (index % 2 == 0).then(|| format!("k-{value}").into()),
        value: (index % 5 != 4).then(|| (*value).to_owned().into()),
        headers: vec![header(value), v1::RecordHeader { key: "flag".to_owned(), value: None }],
        timestamp_ms: (index % 3 != 2).then(|| 1_500_000_000_000 + i64::try_from(index).expect("few")),
        deliver_at_ms: None,
    };
    let records: Vec<_> = values.iter().enumerate().map(record).collect();
    let compression = if values.len() > 2 { v1::Compression::Zstd } else { v1::Compression::Unspecified };
    let request = v1::ProduceRequest {
        topic: topic.to_owned(),
        partition,
        batch: batch::encode(&records, compression),
        ..Default::default()
    };
    let response = Raw::tenant(endpoint, tenant).produce().produce(request).await;
    response.expect("it is appended").into_inner().base_offset
}

/// Makes a tenant. The plan must be there.
pub(super) async fn fill(endpoint: &str, tenant: &str) {
    let admin = operator(endpoint);
    let named = name(tenant);
    admin.create_tenant(&named, Some(&plan("team")), false).await.expect("it can be created");
    for (user, is_admin, certificates) in [
        ("ada", true, vec![format!("URI:spiffe://{tenant}/ada"), format!("DNS:{tenant}.example.org")]),
        ("bob", false, vec![]),
        ("gone", false, vec![]),
        ("zoe", false, vec![]),
    ] {
        let request = v1::CreateUserRequest {
            tenant: tenant.to_owned(),
            name: user.to_owned(),
            admin: is_admin,
            groups: vec!["eu".to_owned(), format!("{user}s")],
            certificates,
            if_not_exists: false,
        };
        admin.create_user(request).await.expect("it can be created");
    }
    admin.delete_user(tenant, "gone").await.expect("it can be deleted");
    let disable = v1::UpdateUserRequest {
        tenant: tenant.to_owned(),
        name: "bob".to_owned(),
        disabled: Some(true),
        ..Default::default()
    };
    admin.update_user(disable).await.expect("it can be disabled");
    let token =
        v1::IssueTokenRequest { tenant: tenant.to_owned(), user: "ada".to_owned(), ..Default::default() };
    admin.issue_token(token).await.expect("it can be issued");
    let rule = |effect: v1::AclEffect, kind, topics| v1::AclRule {
        effect: effect.into(),
        subject: Some(v1::AclSubject { kind: Some(kind) }),
        operations: vec![1, 2],
        topics: Some(v1::TopicPattern { kind: Some(topics) }),
        ..Default::default()
    };
    use v1::acl_subject::Kind as Subject;
    use v1::topic_pattern::Kind as Topics;
    let rules = vec![
        rule(v1::AclEffect::Allow, Subject::User("bob".to_owned()), Topics::Name("orders".to_owned())),
        rule(v1::AclEffect::Deny, Subject::Everyone(true), Topics::Prefix("secret".to_owned())),
        rule(v1::AclEffect::Allow, Subject::UserGroup("eu".to_owned()), Topics::Prefix(String::new())),
        v1::AclRule {
            effect: v1::AclEffect::Allow.into(),
            subject: Some(v1::AclSubject { kind: Some(Subject::User("bob".to_owned())) }),
            operations: vec![v1::AclOperation::Consume.into()],
            groups: Some(v1::GroupPattern {
                kind: Some(v1::group_pattern::Kind::Prefix("billing.".to_owned())),
            }),
            ..Default::default()
        },
    ];
    let made = admin.create_acl_rules(tenant, rules).await.expect("they can be created");
    admin.delete_acl_rules(tenant, vec![made[1].id]).await.expect("it can be deleted");
    let topics = vec![
        topic("orders", 3, &[("durability", "relaxed"), ("max.message.bytes", "100000")]),
        topic("gone", 1, &[]),
        topic("deleted", 1, &[]),
        topic("empty", 1, &[]),
    ];
    let made = admin.create_topics(tenant, topics, false).await.expect("they can be created");
    assert_eq!(made.created, 4, "{:?}", made.failures);
    admin.delete_topic(tenant, "deleted").await.expect("it can be deleted");
    let parts = [
        None,
        Some(v1::quota_target::Part::User("zoe".to_owned())),
        Some(v1::quota_target::Part::Topic("orders".to_owned())),
    ];
    for (count, part) in (1..).zip(parts) {
        let set = vec![quota(v1::QuotaDimension::Ingress, count * 10_000_000)];
        admin
            .set_quotas(v1::QuotaTarget { part, ..target(tenant) }, set, vec![])
            .await
            .expect("they are set");
    }
    for batch in 0..40 {
        let values: Vec<_> = (0..=batch % 7).map(|index| format!("{tenant}-{batch}-{index}")).collect();
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        produce(endpoint, tenant, "orders", 0, &values).await;
    }
    for _ in 0..3 {
        produce(endpoint, tenant, "orders", 1, &["a", "b", "c", "d"]).await;
    }
    admin.trim_partition(tenant, "orders", 1, 5).await.expect("it can be trimmed");
    produce(endpoint, tenant, "gone", 0, &["a", "b", "c", "d"]).await;
    admin.trim_partition(tenant, "gone", 0, 4).await.expect("it can be trimmed");
    let mut consumer = member(endpoint, tenant)
        .consumer(ConsumerSettings::new("billing", ["orders"]))
        .await
        .expect("it can join");
    for _ in 0..5 {
        consumer.next().await.expect("a record");
    }
    consumer.commit().await.expect("it is committed");
    consumer.close().await.expect("it leaves");
}

/// Everything that is administered of a tenant, but for what is another one's by its nature: ids of topics, plan
/// and name.
pub(super) async fn catalog(admin: &Admin, tenant: &str) -> String {
    let users = admin.list_users(tenant, MAX_PAGE_SIZE, "").await.expect("they are listed").users;
    let rules = admin.list_acl_rules(tenant, MAX_PAGE_SIZE, "").await.expect("they are listed").rules;
    let topics = admin.list_topics(tenant, "", MAX_PAGE_SIZE, "").await.expect("they are listed").topics;
    let topics: Vec<_> = topics.into_iter().map(|topic| v1::Topic { id: 0, ..topic }).collect();
    let mut seen = format!("{users:#?}\n{rules:#?}\n{topics:#?}");
    let mut group = admin.get_group(tenant, "billing").await.expect("it is there");
    for partition in &mut group.partitions {
        // The logs are looked at beside this, and grow.
        (partition.end_offset, partition.lag) = (0, 0);
    }
    assert!(group.partitions.iter().any(|partition| partition.committed_offset.is_some()), "{group:?}");
    seen += &format!("\n{group:#?}");
    let parts = [
        None,
        Some(v1::quota_target::Part::User("zoe".to_owned())),
        Some(v1::quota_target::Part::User("ada".to_owned())),
        Some(v1::quota_target::Part::Topic("orders".to_owned())),
    ];
    for part in parts {
        let target = v1::QuotaTarget { part, ..target(tenant) };
        let quotas = admin.get_quotas(target).await.expect("they are told").quotas;
        // What is used of them differs.
        let quotas: Vec<_> = quotas.into_iter().map(|set| v1::EffectiveQuota { used: 0, ..set }).collect();
        seen += &format!("\n{quotas:#?}");
    }
    seen
}

/// Start and end of a log, and its batches as they are read.
pub(super) async fn log(client: &Client, topic: &str, partition: u32) -> ((u64, u64), Vec<ReadBatch>) {
    let position = Position { topic: topic.to_owned(), partition, from: StartAt::Start };
    let offsets = client.offsets(vec![position.clone()]).await.expect("it has offsets").remove(0);
    let settings = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
    let mut reader = client.reader(vec![position], settings).await.expect("it can be read");
    let read = futures::stream::unfold(&mut reader, async |reader| {
        let batch = reader.next_batch().await?.expect("it is read");
        Some((batch, reader))
    });
    ((offsets.start, offsets.end), read.collect().await)
}
