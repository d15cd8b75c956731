//! `levee produce` and `levee consume`

use super::{Desk, Said};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn produce_takes_lines_and_json_from_a_pipe_or_a_file() {
    let desk = Desk::with_orders("2").await;
    let said = desk.feed(&["produce", "acme/orders", "-k", "k1", "-H", "source:test"], "one\n\nthree");
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "3 records acknowledged\n", ""));

    let file = desk.home.path().join("flights.ndjson");
    std::fs::write(&file, "{\"tail\":\"N1\"}\n\n{\"tail\":2}\n{}\n").expect("a file");
    let file = file.display().to_string();
    let from_file =
        ["produce", "acme/orders", "--file", &file, "--key-field", "tail", "--compression", "zstd"];
    let produced =
        json!({"topic": {"tenant": "acme", "name": "orders"}, "acked": 3, "failed": 0, "unknown": 0});
    assert_eq!(desk.json(&from_file), json!({"produced": produced}));
    let said = desk.feed(&["produce", "acme/orders", "--file", "-", "-p", "1"], "{\"p\":1}\n");
    assert_eq!(said.out, "1 records acknowledged\n", "{said:?}");

    let printed = desk.ok(&["consume", "acme/orders", "--until-end", "-f", "%k=%v %h"]);
    let mut lines: Vec<_> = printed.lines().collect();
    lines.sort_unstable();
    let expected = [
        "2={\"tail\":2} ",
        "={\"p\":1} ",
        "={} ",
        "N1={\"tail\":\"N1\"} ",
        "k1= source=test",
        "k1=one source=test",
        "k1=three source=test",
    ];
    assert_eq!(lines, expected);
    assert!(desk.ok(&["consume", "acme/orders", "-p", "1", "--until-end"]).contains("{\"p\":1}\n"));

    // What is no JSON ends it, and says what was done before.
    std::fs::write(&file, "{\"n\":1}\nnope\n{\"n\":3}\n").expect("a file");
    let said = desk.run(&["produce", "acme/orders", "--file", &file]);
    assert!(said.code == 1 && said.out.starts_with("1 records acknowledged, "), "{said:?}");
    assert!(said.err.contains("flights.ndjson, line 2: not JSON"), "{said:?}");
    desk.fails(3, &["produce", "acme/orders", "-p", "2"]);
    desk.fails(1, &["produce", "acme/orders", "--file", "/no/such/file"]);
    desk.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consume_begins_stops_and_prints_as_it_is_told() {
    let desk = Desk::with_orders("1").await;
    for value in ["a", "b", "c"] {
        // A batch each, so that a time finds it.
        assert_eq!(desk.feed(&["produce", "acme/orders", "-k", "k"], value).code, 0);
    }
    let consume = |arguments: &[&str]| desk.ok(&[&["consume", "acme/orders"], arguments].concat());
    for (from, expected) in [
        ("start", "a\nb\nc\n"),
        ("1", "b\nc\n"),
        ("3", ""),
        ("end", ""),
        ("-1h", "a\nb\nc\n"),
        ("2013-01-01T00:00:00Z", "a\nb\nc\n"),
        ("2113-01-01T00:00:00Z", ""),
    ] {
        assert_eq!(consume(&["--from", from, "--until-end"]), expected, "{from}");
    }
    assert_eq!(consume(&["-n", "2"]), "a\nb\n");
    assert_eq!(consume(&["-n", "1", "--from", "2", "-f", "raw"]), "c\n");
    assert_eq!(consume(&["-n", "1", "-f", "%t %p %o %k %v"]), "orders 0 0 k a\n");
    assert_eq!(consume(&["-n", "2", "-f", r"%v\0"]), "a\0b\0");
    let printed = consume(&["-n", "2", "-f", "json"]);
    let records: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    assert_eq!((&records[1]["offset"], &records[1]["value"]), (&json!(1), &json!("b")));
    assert_eq!((&records[1]["topic"], &records[1]["headers"]), (&json!("orders"), &json!([])));

    // Following the log, it waits; the records that came stay the only thing on standard output.
    for (arguments, code) in [
        (&["consume", "acme/orders", "--timeout", "300ms"][..], 6),
        (&["consume", "acme/orders", "--until-end"], 0),
    ] {
        let output = desk.levee(arguments).env("LEVEE_OUTPUT", "json").output().expect("levee runs");
        let said = Said::from(output);
        assert_eq!((said.code, said.out.as_str()), (code, "a\nb\nc\n"), "{said:?}");
        assert_eq!(said.err.contains("error: no record arrived within 300ms"), code == 6, "{said:?}");
    }
    for (wrong, code) in
        [(&["--from", "9"][..], 2), (&["-p", "1"], 3), (&["-f", "%x"], 2), (&["-o", "json"], 2)]
    {
        let said = desk.run(&[&["consume", "acme/orders", "--until-end"], wrong].concat());
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{wrong:?}: {said:?}");
    }
    desk.broker.stop().await;
}
