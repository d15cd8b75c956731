use super::*;
use levee_types::ErrorCode;
use serde_json::json;
use std::time::Duration;

fn view() -> View {
    const COLUMNS: &[Column] = &[Column::text("NAME"), Column::number("TOPICS"), Column::text("ID").wide()];
    View::of("tenants", json!([{"name": "acme", "topics": 12}])).named(["acme".to_owned()]).section(
        Section::Rows {
            columns: COLUMNS,
            rows: vec![vec!["acme".to_owned(), "12".to_owned(), "7".to_owned()]],
        },
    )
}

fn shown(format: Format, failure: Option<&Failure>) -> String {
    render(format, &view(), failure).unwrap()
}

#[test]
fn the_forms_of_one_result() {
    assert_eq!(shown(Format::Table, None), "NAME  TOPICS\nacme      12\n");
    assert_eq!(shown(Format::Wide, None), "NAME  TOPICS  ID\nacme      12  7\n");
    assert_eq!(shown(Format::Name, None), "acme\n");
    assert_eq!(shown(Format::Yaml, None), "tenants:\n- name: acme\n  topics: 12\n");
    let json: Value = serde_json::from_str(&shown(Format::Json, None)).unwrap();
    assert_eq!(json, json!({"tenants": [{"name": "acme", "topics": 12}]}));
}

#[test]
fn a_failure_is_in_the_same_object_as_what_was_done() {
    let failure = Failure {
        retry_after: Some(Duration::from_millis(100)),
        request_id: Some("7f-1".into()),
        ..Failure::server(ErrorCode::Overloaded, "busy").with_hint("wait")
    };
    let json: Value = serde_json::from_str(&shown(Format::Json, Some(&failure))).unwrap();
    let error = json!({
        "code": "OVERLOADED",
        "message": "busy",
        "hint": "wait",
        "retryable": true,
        "retry_after_ms": 100,
        "request_id": "7f-1",
    });
    assert_eq!(json, json!({"tenants": [{"name": "acme", "topics": 12}], "error": error}));
}

#[test]
fn what_is_not_known_of_a_failure_is_null() {
    let json = Failure::usage("no").json();
    assert_eq!((&json["retry_after_ms"], &json["request_id"]), (&Value::Null, &Value::Null));
    assert_eq!(json.as_object().map(Map::len), Some(6));
}

#[test]
fn sentences_stand_together_and_tables_apart() {
    let fields = || Section::Fields(vec![("A", "1".to_owned())]);
    let view = View::default().line("one").line("two").section(fields()).section(fields()).line("three");
    assert_eq!(render(Format::Table, &view, None).unwrap(), "one\ntwo\n\nA  1\n\nA  1\n\nthree\n");
}

#[test]
fn fields_are_aligned() {
    let view = View::default()
        .section(Section::Fields(vec![("State", "serving".to_owned()), ("Up", "1s".to_owned())]));
    assert_eq!(render(Format::Table, &view, None).unwrap(), "State  serving\nUp     1s\n");
}

#[test]
fn the_format_is_known_even_if_the_command_line_is_wrong() {
    let guess = |arguments: &[&str], variable| {
        Format::guess(&arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), variable)
    };
    for arguments in [&["topic", "-o", "json"][..], &["-ojson"], &["--output=json"], &["--output", "JSON"]] {
        assert_eq!(guess(arguments, None), Format::Json, "{arguments:?}");
    }
    assert_eq!(guess(&["topic", "-o"], None), Format::Table);
    assert_eq!(guess(&["topic"], Some("json")), Format::Json);
}

#[test]
fn the_exit_code_tells_the_kind_of_failure() {
    for (code, exit) in [
        (ErrorCode::InvalidArgument, Exit::Usage),
        (ErrorCode::NotFound, Exit::NotFound),
        (ErrorCode::PermissionDenied, Exit::Denied),
        (ErrorCode::LimitExceeded, Exit::Quota),
        (ErrorCode::StorageFull, Exit::Failed),
    ] {
        assert_eq!(Failure::server(code, "").exit, exit, "{code}");
    }
}
