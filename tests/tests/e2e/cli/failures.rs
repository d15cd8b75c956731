//! What failed, why, what to do, and how to find it in the broker's log.

use super::{Desk, Said};
use serde_json::json;
use std::net::TcpListener;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_say_what_to_do() {
    let desk = Desk::new().await;
    // Hints are followed to the letter, by somebody whose context is bound to no tenant.
    let (said, object) = desk.fails(3, &["topic", "create", "acme/orders"]);
    assert_eq!(object["error"]["code"], json!("NOT_FOUND"));
    desk.ok(&said.hinted_command());
    desk.ok(&["topic", "create", "acme/orders"]);
    let (said, _) = desk.fails(3, &["topic", "describe", "acme/sales"]);
    desk.ok(&said.hinted_command());
    desk.ok(&["topic", "describe", "acme/sales"]);

    // The request can be found in the broker's log.
    let (said, object) = desk.fails(3, &["topic", "describe", "acme/none"]);
    let id = said.err.lines().find_map(|line| line.strip_prefix("request id: ")).expect("an id");
    let other = object["error"]["request_id"].as_str().expect("an id");
    assert!(
        id != other && id.split_once('-').map(|at| at.0) == other.split_once('-').map(|at| at.0),
        "{id} {other}"
    );
    assert_eq!(object["error"]["retry_after_ms"], json!(null));
    // Also of a part of a request, and of one that never left.
    let many = desk.run(&["topic", "create", "acme/sales", "acme/orders", "-o", "json"]);
    assert_eq!(many.err.matches("\nrequest id: ").count(), 2, "{many:?}");
    let (said, object) = desk.fails(2, &["topic", "create", "acme/_reserved"]);
    assert_eq!(object["error"]["request_id"], json!(null), "{said:?}");

    // Nobody answers, or nobody is there.
    let deaf = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = deaf.local_addr().expect("an address").to_string();
    let (said, object) = desk.fails(6, &["status", "--timeout", "300ms", "--endpoint", &endpoint]);
    assert_eq!(
        (&object["error"]["code"], &object["error"]["retryable"]),
        (&json!("TIMEOUT"), &json!(true)),
        "{said:?}"
    );
    let (home, endpoint) = (desk.home, desk.broker.endpoint());
    desk.broker.stop().await;
    let mut command = std::process::Command::new(levee_tests::broker::levee());
    command.env_clear().env("HOME", home.path()).args([
        "topic",
        "describe",
        "acme/sales",
        "--endpoint",
        &endpoint,
    ]);
    let said = Said::from(command.output().expect("levee runs"));
    assert!(said.code == 1 && said.err.contains("\nhint: is the server running"), "{said:?}");
}
