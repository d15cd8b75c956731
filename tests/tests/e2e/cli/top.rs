//! `levee top`

use super::Desk;
use levee_tests::wait;
use serde_json::{Value, json};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);
const ROUND: [&str; 4] = ["top", "--once", "--interval", "500ms"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn top_shows_the_rates_of_tenants_and_topics() {
    let desk = Desk::with_orders("2").await;
    desk.ok(&["tenant", "create", "globex"]);
    desk.ok(&["topic", "create", "globex/quiet"]);
    let load = ["bench", "produce", "--topic", "acme/orders", "--rate", "200/s", "--duration", "60s"];
    let mut load = desk.levee(&load).spawn().expect("levee runs");

    let rate = |line: &Value| line["records_in_per_second"].as_u64().unwrap_or(0);
    let busy = |line: &Value| (100..=400).contains(&rate(line));
    let look = |arguments: &[&str], key: &str| {
        let round = desk.json(&[&ROUND[..], arguments].concat());
        busy(&round[key][0]).then(|| round[key].clone())
    };
    let tenants = wait::blocking("acme is busy", DEADLINE, || look(&[], "tenants"));
    assert_eq!((&tenants[0]["name"], &tenants[1]["name"]), (&json!("acme"), &json!("globex")));
    assert_eq!((rate(&tenants[1]), &tenants[1]["stored_bytes"]), (0, &json!(0)), "{tenants}");
    assert!(tenants[0]["bytes_in_per_second"].as_u64() > Some(rate(&tenants[0])), "{tenants}");
    let topics =
        wait::blocking("orders is busy", DEADLINE, || look(&["--by", "topic", "--tenant", "acme"], "topics"));
    assert_eq!((&topics[0]["name"], &topics[1]), (&json!("acme/orders"), &Value::Null), "{topics}");

    let text = desk.ok(&["top", "-n", "2", "--interval", "200ms", "--limit", "1"]);
    assert_eq!((text.matches("TENANT").count(), text.matches("acme").count()), (2, 2), "{text}");
    assert!(!text.contains('\x1b') && !text.contains("globex"), "{text}");
    let rounds = desk.ok(&["top", "-n", "3", "--interval", "200ms", "-o", "json"]);
    let rounds: Vec<Value> =
        serde_json::Deserializer::from_str(&rounds).into_iter().collect::<Result<_, _>>().expect("objects");
    assert_eq!(rounds.len(), 3);
    assert!(rounds.iter().all(|round| round["interval_ms"] == json!(200)), "{rounds:?}");
    load.kill().expect("it runs");
    load.wait().expect("it ends");

    desk.fails(2, &["top", "--sort", "stored"]);
    desk.fails(2, &["top", "--by", "topic", "--sort", "out", "--tenant", "acme"]);
    desk.fails(2, &["top", "--by", "topic"]);
    desk.fails(3, &["top", "--tenant", "nobody"]);
    desk.broker.stop().await;
}
