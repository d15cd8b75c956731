use super::*;
use crate::failure::Exit;
use levee_types::ErrorCode;

fn report(failed: bool) -> Report {
    let mut tally = Tally::new();
    tally.done = 1000;
    (1..=1000).for_each(|ms| tally.note_latency(Duration::from_millis(ms), 1));
    if failed {
        tally.fail(|| Failure::server(ErrorCode::StorageFull, "disk full"));
    }
    Report {
        kind: "produce",
        topic: TopicAddress::resolve("acme/orders", None).unwrap(),
        settings: Map::new(),
        tally,
        not_sent: 0,
        bytes: 5_000_000,
        elapsed: Duration::from_secs(2),
        cpu: Duration::from_millis(10),
    }
}

#[test]
fn figures_for_programs() {
    let view = report(false).finish().unwrap();
    let bench = &view.json["bench"];
    assert_eq!((&bench["mb_per_s"], &bench["records_per_s"]), (&json!(2.5), &json!(500.0)));
    let near = |name: &str, ms: f64| {
        let value = bench["latency_ms"][name].as_f64().unwrap();
        assert!((value - ms).abs() / ms < 0.002, "{name} is {value}");
    };
    near("p50", 500.0);
    near("p99", 990.0);
    near("p99_9", 999.0);
    near("max", 1000.0);
}

#[test]
fn failed_records_fail_the_command_beside_the_figures() {
    let failure = report(true).finish().unwrap_err();
    assert_eq!((failure.exit, failure.code), (Exit::Failed, "STORAGE_FULL"));
    let bench = &failure.partial.unwrap().view.json["bench"];
    assert_eq!((&bench["errors"], &bench["records"]), (&json!(1), &json!(1000)));
}

#[test]
fn without_latencies_there_are_none() {
    assert_eq!(quantiles(&Tally::new().latency), None);
}

#[test]
fn tallies_add_up() {
    let (mut one, two) = (report(false).tally, report(true).tally);
    one.merge(two);
    assert_eq!((one.done, one.failed, one.latency.len()), (2000, 1, 2000));
    assert!(one.first_failure.is_some());
}
