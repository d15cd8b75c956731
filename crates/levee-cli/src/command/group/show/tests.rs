use super::*;
use levee_client::v1::SoughtPartition;
use levee_types::GroupName;

fn address() -> GroupAddress {
    GroupAddress { tenant: Some(TenantName::new("acme").unwrap()), group: GroupName::new("billing").unwrap() }
}

fn group(kind: GroupKind) -> GetGroupResponse {
    let group = Group { name: "billing".to_owned(), kind: kind.into(), created_ms: 0, members: 1 };
    let member = GroupMember { member_id: u64::MAX, user: "svc".to_owned(), ..GroupMember::default() };
    let partition = |partition, committed_offset| GroupPartition {
        topic: "orders".to_owned(),
        partition,
        committed_offset,
        end_offset: 10,
        lag: 10 - committed_offset.unwrap_or(0),
        member_id: Some(u64::MAX),
        leased: 3,
        ..GroupPartition::default()
    };
    GetGroupResponse {
        group: Some(group),
        generation: 7,
        members: vec![member],
        partitions: vec![partition(0, Some(4)), partition(1, None)],
    }
}

fn cells(section: &Section) -> (Vec<&'static str>, &[Vec<String>]) {
    let Section::Rows { columns, rows } = section else { panic!("no rows") };
    (columns.iter().map(|column| column.title).collect(), rows)
}

#[test]
fn a_group_is_told_with_its_lag_and_who_has_what() {
    let view = describe(&address(), &group(GroupKind::Consumers));
    assert_eq!(view.json["lag"], 16);
    assert_eq!(view.json["group"]["kind"], "consumers");
    // Larger than the numbers that every program can read.
    assert_eq!(view.json["members"][0]["member_id"], "ffffffffffffffff");
    assert_eq!(view.json["members"][0]["instance"], Value::Null);
    assert_eq!(view.json["partitions"][0]["committed_offset"], 4);
    assert_eq!(view.json["partitions"][1]["committed_offset"], Value::Null);
    assert_eq!(view.json["partitions"][1]["committed_at"], Value::Null);
    let (titles, rows) = cells(&view.sections[2]);
    assert_eq!(titles[5], "MEMBER");
    assert_eq!(rows[0][..6], ["orders", "0", "4", "10", "6", "ffffffffffffffff"]);
    assert_eq!(rows[1][..5], ["orders", "1", "-", "10", "10"]);
}

#[test]
fn a_queue_tells_of_leases_and_not_of_owners() {
    let view = describe(&address(), &group(GroupKind::Queue));
    let (titles, rows) = cells(&view.sections[2]);
    assert_eq!((titles[5], rows[0][5].as_str()), ("LEASED", "3"));
}

#[test]
fn a_seek_tells_where_the_group_was() {
    let view = sought(&[
        SoughtPartition { partition: 0, from_offset: Some(4), to_offset: 0 },
        SoughtPartition { partition: 1, from_offset: None, to_offset: 9 },
    ]);
    assert_eq!(view.json["partitions"][1], json!({"partition": 1, "from_offset": null, "to_offset": 9}));
    let (_, rows) = cells(&view.sections[0]);
    assert_eq!(rows, [["0", "4", "0"], ["1", "-", "9"]]);
}
