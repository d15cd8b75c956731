use super::super::rates::{Amounts, Counted, Time};
use super::{Line, Reading, Sort, TopArgs, round, share};
use crate::cli::Cli;
use crate::cli::Command;
use clap::Parser as _;
use levee_client::v1::TenantCounters;
use serde_json::json;

fn args(arguments: &[&str]) -> TopArgs {
    let cli = Cli::try_parse_from([&["levee", "top"], arguments].concat()).unwrap();
    let Command::Top(args) = cli.command else { panic!("another command") };
    args
}

fn line(name: &str, connections: u64) -> Line {
    let limits = TenantCounters { ingress_limit: Some(1_000), storage_limit: Some(40), ..Default::default() };
    Line {
        name: name.to_owned(),
        counted: Counted { time: Time::default(), amounts: Amounts::default() },
        stored_bytes: 10,
        tenant: Some(TenantCounters { connections, ..limits }),
        partitions: None,
    }
}

fn rate(bytes_in: u64) -> Option<Amounts> {
    Some(Amounts { bytes_in, throttled_ms: 250, ..Amounts::default() })
}

#[test]
fn the_largest_come_first_and_those_without_a_rate_last() {
    let lines = vec![line("a", 1), line("b", 9), line("c", 3), line("d", 3)];
    let reading = Reading { lines, has_more: false };
    let rates = [None, rate(5), rate(500), rate(5)];
    let names = |arguments: &[&str]| round(&args(arguments), &reading, &rates).names;
    assert_eq!(names(&[]), ["c", "b", "d", "a"]);
    assert_eq!(names(&["--sort", "connections"]), ["b", "c", "d", "a"]);
    assert_eq!(names(&["--sort", "name"]), ["a", "b", "c", "d"]);
    assert_eq!(names(&["--limit", "2"]), ["c", "b"]);
    assert_eq!(round(&args(&["--limit", "2"]), &reading, &rates).json["has_more"], json!(true));
    assert_eq!(round(&args(&[]), &reading, &rates).json["has_more"], json!(false));
    assert_eq!(args(&[]).sort, Sort::In);
}

#[test]
fn a_line_says_how_much_of_each_quota_is_used() {
    let reading = Reading { lines: vec![line("a", 1)], has_more: false };
    let view = round(&args(&[]), &reading, &[rate(333)]);
    let tenant = &view.json["tenants"][0];
    assert_eq!(
        (&tenant["bytes_in_per_second"], &tenant["throttled_ms_per_second"]),
        (&json!(333), &json!(250))
    );
    let share = json!(
        {"ingress": 0.333, "egress": null, "requests": null, "connections": null, "storage": 0.25}
    );
    assert_eq!(tenant["quota_share"], share);
    let text = crate::output::text(crate::output::Format::Table, &view).unwrap();
    assert!(text.contains("333 B") && text.contains("33%") && text.contains("250ms"), "{text}");
    assert!(!text.contains("more than these") && !text.contains("STREAMS"), "{text}");
    let lines = Reading { lines: vec![line("a", 1), line("b", 1)], has_more: false };
    let view = round(&args(&["--limit", "1"]), &lines, &[None, None]);
    let text = crate::output::text(crate::output::Format::Wide, &view).unwrap();
    assert!(text.ends_with("see --limit\n") && text.contains("STREAMS"), "{text}");

    // Seen only once, it has no rate yet, and that is not 0.
    let view = round(&args(&[]), &reading, &[None]);
    assert_eq!(view.json["tenants"][0]["bytes_in_per_second"], json!(null));
    assert_eq!(view.json["tenants"][0]["quota_share"]["ingress"], json!(null));
}

#[test]
fn shares_are_of_a_limit() {
    assert_eq!(share(150, Some(100)), Some(1.5));
    assert_eq!(share(150, None), None);
    assert_eq!(share(150, Some(0)), None);
}
