//! `levee tenant` and `levee topic`

use super::{Desk, assert_is_error};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_are_created_and_deleted_each_for_itself() {
    let desk = Desk::new().await;
    assert_eq!(desk.ok(&["tenant", "create", "acme"]), "tenant acme created\n");
    assert_eq!(desk.ok(&["tenant", "create", "acme", "--if-not-exists"]), "tenant acme exists already\n");
    let (said, object) = desk.fails(1, &["tenant", "create", "acme"]);
    assert!(said.err.contains("\nhint: with --if-not-exists"), "{said:?}");
    assert_eq!(object["failures"][0]["name"], json!("acme"));

    let made = desk.json(&["tenant", "create", "acme", "globex", "initech", "--if-not-exists"]);
    assert_eq!((&made["created"], &made["failures"]), (&json!(2), &json!([])));
    assert_eq!(names(&made["tenants"]), ["acme", "globex", "initech"]);
    assert_eq!(desk.ok(&["tenant", "ls", "-o", "name"]), "acme\nglobex\ninitech\n");
    let tenant = &desk.json(&["tenant", "describe", "globex"])["tenant"];
    assert_eq!((&tenant["name"], &tenant["topics"]), (&json!("globex"), &json!(0)));
    assert!(tenant["created_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{tenant}");
    assert!(desk.ok(&["tenant", "describe", "globex"]).contains("globex"));
    assert_eq!(names(&desk.json(&["tenant", "list"])["tenants"]).len(), 3);

    // One that fails stops none of the others.
    let said = desk.run(&["tenant", "create", "acme", "hooli", "globex"]);
    assert_eq!((said.code, said.out.as_str()), (1, "tenant hooli created\n"), "{said:?}");
    assert_eq!(said.err.matches("error: tenant ").count(), 2, "{said:?}");
    let said =
        desk.run(&["tenant", "delete", "gone", "hooli", "lost", "--grace", "0s", "--yes", "-o", "json"]);
    let object: Value = serde_json::from_str(&said.out).expect("one object");
    assert_eq!((said.code, &object["deleted"]), (1, &json!(1)), "{said:?}");
    assert_eq!(
        (names(&object["tenants"]), names(&object["failures"])),
        (vec!["hooli"], vec!["gone", "lost"])
    );
    assert_is_error(&object["error"]);
    assert_is_error(&object["failures"][1]["error"]);

    assert_eq!(desk.run(&["tenant", "delete", "globex"]).code, 2, "without consent");
    assert_eq!(desk.ok(&["tenant", "delete", "globex", "--grace", "0s", "--yes"]), "tenant globex deleted\n");
    assert_eq!(desk.fails(3, &["tenant", "delete", "globex", "--yes"]).1["deleted"], json!(0));
    assert_eq!(desk.json(&["tenant", "delete", "globex", "-y", "--if-exists"])["deleted"], json!(0));
    desk.fails(3, &["tenant", "describe", "globex"]);
    desk.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_created_and_deleted_each_for_itself() {
    let desk = Desk::with_orders("1").await;
    let made = desk.json(&["topic", "create", "acme/a", "acme/b", "-p", "2", "--durability", "relaxed"]);
    let address = |name: &str| json!({"tenant": "acme", "name": name});
    let expected = json!({"topics": [address("a"), address("b")], "created": 2, "failures": []});
    assert_eq!(made, expected);
    assert_eq!(desk.ok(&["topic", "create", "acme/a", "--if-not-exists"]), "topic acme/a exists already\n");
    let (said, object) = desk.fails(1, &["topic", "create", "acme/a"]);
    assert!(said.err.contains("\nhint: with --if-not-exists"), "{said:?}");
    assert_eq!(object["error"]["code"], json!("ALREADY_EXISTS"));

    let said = desk.run(&["topic", "create", "acme/a", "acme/c", "acme/b", "nobody/d", "-o", "json"]);
    let object: Value = serde_json::from_str(&said.out).expect("one object");
    assert_eq!((said.code, &object["created"]), (1, &json!(1)), "{said:?}");
    assert_eq!(names(&object["failures"]), ["acme/a", "acme/b", "nobody/d"]);
    assert_eq!(object["failures"][2]["error"]["code"], json!("NOT_FOUND"));
    assert_eq!(said.err.matches("error: topic ").count(), 3, "{said:?}");

    assert_eq!(
        desk.ok(&["topic", "ls", "--tenant", "acme", "-o", "name"]),
        "acme/a\nacme/b\nacme/c\nacme/orders\n"
    );
    let listed = desk.json(&["topic", "ls", "--tenant", "acme", "--prefix", "o"]);
    assert_eq!(names(&listed["topics"]), ["orders"]);
    assert!(desk.ok(&["topic", "ls", "--tenant", "acme", "-o", "wide"]).contains("durability=relaxed"));
    let raised = desk.json(&["topic", "add-partitions", "acme/orders", "--to", "3"]);
    assert_eq!(raised["topic"]["partitions"], json!(3));
    let described = desk.json(&["topic", "describe", "acme/orders"]);
    assert_eq!(described["partitions"].as_array().map(Vec::len), Some(3));
    assert!(desk.ok(&["topic", "describe", "acme/orders"]).contains("PARTITION"));

    let gone = desk.json(&["topic", "delete", "acme/a", "--yes"]);
    assert_eq!(gone, json!({"topics": [address("a")], "deleted": 1, "failures": []}));
    let said = desk.run(&["topic", "delete", "acme/a", "acme/b", "--yes"]);
    assert_eq!((said.code, said.out.as_str()), (1, "topic acme/b deleted\n"), "{said:?}");
    assert_eq!(desk.fails(3, &["topic", "delete", "acme/a", "-y"]).1["failures"][0]["name"], json!("acme/a"));
    assert_eq!(desk.ok(&["topic", "delete", "acme/a", "-y", "--if-exists"]), "topic acme/a does not exist\n");
    desk.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn properties_and_trimming() {
    let desk = Desk::with_orders("2").await;
    let value = |key: &str| {
        let shown = desk.json(&["topic", "config", "get", "acme/orders", key]);
        (shown["config"][0]["value"].clone(), shown["config"][0]["source"].clone())
    };
    desk.ok(&["topic", "config", "set", "acme/orders", "max.message.bytes=512KiB", "durability=relaxed"]);
    assert_eq!(value("max.message.bytes"), (json!("524288"), json!("topic")));
    desk.ok(&["topic", "config", "unset", "acme/orders", "durability"]);
    assert_eq!(value("durability"), (json!("durable"), json!("default")));
    desk.ok(&["topic", "create", "acme/small", "-c", "max.message.bytes=1KiB"]);
    assert!(desk.ok(&["topic", "config", "get", "acme/small"]).contains("1024"));
    // What does not exist is the same mistake to every verb.
    for arguments in [
        &["get", "acme/orders", "nope"][..],
        &["set", "acme/orders", "nope=1"],
        &["unset", "acme/orders", "nope"],
    ] {
        let (said, object) = desk.fails(2, &[&["topic", "config"], arguments].concat());
        assert_eq!(object["error"]["message"], json!("unknown topic property \"nope\""));
        assert!(said.err.contains("hint: known properties: cleanup.policy, delete.retention.ms"), "{said:?}");
    }
    desk.fails(2, &["topic", "config", "set", "acme/orders", "max.message.bytes=2MiB"]);

    for batch in ["a", "b", "c"] {
        desk.feed(&["produce", "acme/orders", "-p", "1"], batch);
    }
    let trimmed = desk.json(&["topic", "trim", "acme/orders", "--before", "2", "-p", "1", "--yes"]);
    assert_eq!(trimmed["partitions"], json!([{"partition": 1, "start_offset": 2}]));
    assert_eq!(desk.ok(&["consume", "acme/orders", "--until-end"]), "c\n");
    assert_eq!(desk.run(&["topic", "trim", "acme/orders", "--before", "end"]).code, 2, "without consent");
    let trimmed = desk.json(&["topic", "trim", "acme/orders", "--before", "end", "--yes"]);
    assert_eq!(trimmed["partitions"].as_array().map(Vec::len), Some(2));
    assert_eq!(desk.ok(&["consume", "acme/orders", "--until-end"]), "");
    desk.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_is_said_in_units_and_shown_with_its_source() {
    let desk = Desk::with_orders("1").await;
    let value = |topic: &str, key: &str| {
        let shown = desk.json(&["topic", "config", "get", topic, key]);
        (shown["config"][0]["value"].clone(), shown["config"][0]["source"].clone())
    };
    desk.ok(&["topic", "create", "acme/t", "--compact", "--retention", "7d", "--retention-bytes", "1GiB"]);
    assert_eq!(value("acme/t", "cleanup.policy"), (json!("compact,delete"), json!("topic")));
    assert_eq!(value("acme/t", "retention.ms"), (json!("604800000"), json!("topic")));
    let shown = desk.ok(&["topic", "describe", "acme/t"]);
    assert!(shown.contains("604800000 (7days)") && shown.contains("1073741824 (1GiB)"), "{shown}");
    desk.ok(&["topic", "create", "acme/u", "--compact"]);
    assert_eq!(value("acme/u", "cleanup.policy"), (json!("compact"), json!("topic")));

    let said = desk.ok(&["tenant", "update", "acme", "--retention", "1d", "--retention-bytes", "unlimited"]);
    assert_eq!(said, "tenant acme has retention.ms 86400000 (1day), retention.bytes -1\n");
    assert_eq!(value("acme/orders", "retention.ms"), (json!("86400000"), json!("tenant")));
    assert!(desk.ok(&["tenant", "describe", "acme"]).contains("86400000 (1day)"));
    let described = desk.json(&["tenant", "describe", "acme"]);
    let defaults = json!({"retention.ms": "86400000", "retention.bytes": "-1"});
    assert_eq!(described["tenant"]["topic_defaults"], defaults);
    desk.ok(&["tenant", "update", "acme", "--retention", "none", "--retention-bytes", "none"]);
    assert_eq!(value("acme/orders", "retention.ms"), (json!("-1"), json!("default")));
    desk.ok(&["topic", "config", "set", "acme/orders", "retention.ms=36h"]);
    assert_eq!(value("acme/orders", "retention.ms"), (json!("129600000"), json!("topic")));
    assert_eq!(desk.run(&["tenant", "update", "acme"]).code, 2, "nothing to change");
    assert_eq!(desk.run(&["tenant", "update", "acme", "--retention", "0s"]).code, 2);
    desk.fails(2, &["topic", "config", "set", "acme/orders", "retention.bytes=0"]);

    for value in ["a", "b"] {
        desk.feed(&["produce", "acme/orders"], value);
    }
    let trimmed = desk.json(&["topic", "trim", "acme/orders", "--before", "-1h", "--yes"]);
    assert_eq!(trimmed["partitions"], json!([{"partition": 0, "start_offset": 0}]));
    let trimmed = desk.json(&["topic", "trim", "acme/orders", "--before", "2100-01-01T00:00:00Z", "--yes"]);
    assert_eq!(trimmed["partitions"], json!([{"partition": 0, "start_offset": 2}]));

    desk.ok(&["quota", "set", "acme", "storage=10GiB,action=trim-oldest"]);
    assert!(desk.ok(&["quota", "get", "acme"]).contains("trim-oldest"));
    desk.broker.stop().await;
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|item| item["name"].as_str().expect("a name")).collect()
}
