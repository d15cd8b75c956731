//! `levee table …`, `levee topic compact` and `verify`

use super::Desk;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_read_watched_compacted_verified_and_erased() {
    let desk = Desk::with_orders("1").await;
    desk.ok(&["topic", "create", "acme/users", "-c", "cleanup.policy=compact"]);
    for (key, value) in [("b", "1"), ("a", "1"), ("a", "2"), ("c", "1")] {
        assert_eq!(desk.feed(&["produce", "acme/users", "-k", key], value).code, 0);
    }
    let record = desk.json(&["table", "get", "acme/users", "a"])["records"][0].clone();
    assert_eq!((&record["key"], &record["value"], &record["offset"]), (&json!("a"), &json!("2"), &json!(2)));
    assert_eq!(desk.ok(&["table", "get", "acme/users", "c", "a", "-o", "name"]), "c\na\n");
    // One is not there: what is there is shown all the same.
    let (said, object) = desk.fails(3, &["table", "get", "acme/users", "none", "a"]);
    assert!(said.err.contains("table acme/users has no key \"none\""), "{said:?}");
    assert_eq!(
        (object["records"][0]["value"].as_str(), object["error"]["code"].as_str()),
        (Some("2"), Some("NOT_FOUND"))
    );
    assert_eq!(desk.ok(&["table", "scan", "acme/users"]), "a 2\nb 1\nc 1\n");
    assert_eq!(desk.ok(&["table", "scan", "acme/users", "--after", "a", "-n", "1", "-f", "%k@%o"]), "b@0\n");
    assert_eq!(desk.ok(&["table", "watch", "acme/users", "-n", "3"]), "a 2\nb 1\nc 1\n");
    desk.fails(2, &["table", "get", "acme/orders", "a"]);
    let said = desk.run(&["table", "scan", "acme/users", "-o", "json"]);
    assert!(said.code == 2 && said.err.contains("--format"), "{said:?}");

    assert!(desk.ok(&["topic", "compact", "acme/users"]).contains("has begun"));
    let compacted = desk.json(&["topic", "compact", "acme/users", "--wait"])["compacted"].clone();
    assert_eq!((&compacted["partitions"], &compacted["topic"]["name"]), (&json!(1), &json!("users")));
    assert_eq!(desk.ok(&["consume", "acme/users", "--until-end", "-f", "%o %k"]), "0 b\n2 a\n3 c\n");
    let verified = desk.json(&["topic", "verify", "acme/users"])["verified"].clone();
    assert_eq!(
        (&verified["keys"], &verified["records"], &verified["findings"]),
        (&json!(3), &json!(3), &json!([]))
    );
    desk.fails(2, &["topic", "compact", "acme/orders"]);

    desk.fails(2, &["table", "erase", "acme/users", "a"]);
    let erased = desk.json(&["table", "erase", "acme/users", "a", "--yes"])["erased"].clone();
    assert_eq!(erased["removed_records"], json!(1));
    let receipt = erased["receipt"].as_str().expect("a receipt");
    assert!(desk.ok(&["audit", "ls", "--tenant", "acme"]).contains(receipt));
    desk.fails(3, &["table", "get", "acme/users", "a"]);
    assert_eq!(desk.ok(&["consume", "acme/users", "--until-end", "-f", "%o %k"]), "0 b\n3 c\n");
    desk.broker.stop().await;
}
