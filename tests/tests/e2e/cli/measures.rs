//! `levee status`, `levee bench` and `levee completion`

use super::Desk;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_bench_and_completion() {
    let desk = Desk::with_orders("2").await;
    let status = &desk.json(&["status"])["status"];
    assert_eq!(
        (&status["state"], &status["tenants"], &status["topics"]),
        (&json!("serving"), &json!(1), &json!(1))
    );
    assert_eq!(desk.ok(&["status", "-o", "name"]), "serving\n");
    assert!(desk.ok(&["status", "-o", "yaml"]).contains("state: serving"));

    // Without a terminal nothing is said but the result: `json` looks at that.
    let load = ["bench", "produce", "--topic", "acme/load", "--partitions", "2", "--durability", "relaxed"];
    let fast = &desk.json(&[&load[..], &["--records", "5000", "--record-bytes", "100"]].concat())["bench"];
    assert_eq!(
        (&fast["records"], &fast["errors"], &fast["bytes"]),
        (&json!(5000), &json!(0), &json!(500_000))
    );
    assert_eq!(fast["topic"], json!({"tenant": "acme", "name": "load"}));
    let read = &desk.json(&["bench", "consume", "--topic", "acme/load", "--readers", "2"])["bench"];
    assert_eq!((&read["records"], &read["bytes"]), (&json!(5000), &json!(500_000)));
    let paced = ["bench", "produce", "--topic", "acme/load", "--rate", "500/s", "--duration", "200ms"];
    let paced = &desk.json(&paced)["bench"];
    assert_eq!(paced["records"], json!(100));
    assert!(paced["latency_ms"]["p99"].as_f64().is_some_and(|ms| ms > 0.0), "{paced}");
    let timed = desk.ok(&["bench", "consume", "--topic", "acme/load", "--duration", "200ms"]);
    assert!(timed.contains("5100 in "), "{timed}");
    desk.fails(2, &["bench", "produce", "--topic", "acme/load", "--partitions", "3", "--records", "1"]);
    desk.fails(3, &["bench", "consume", "--topic", "acme/nope"]);

    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.ok(&["completion", shell]);
        assert!(script.contains("add-partitions"), "{shell}");
    }
    desk.broker.stop().await;
}
