use super::*;
use levee_types::ErrorCode;
use std::time::Duration;

fn not_found(name: &str) -> Failure {
    Failure { request_id: Some(name.into()), ..Failure::server(ErrorCode::NotFound, "gone") }
}

fn busy() -> Failure {
    Failure { retry_after: Some(Duration::from_secs(1)), ..Failure::server(ErrorCode::Overloaded, "busy") }
}

fn finish(asked: usize, failed: Vec<Failure>) -> Result<View, Failure> {
    let mut failures = Failures::of("topic");
    for (number, failure) in failed.into_iter().enumerate() {
        failures.add(&number, failure);
    }
    failures.finish(asked, View::of("topics", json!([])))
}

#[test]
fn without_a_failure_the_list_is_empty() {
    for asked in [1, 2] {
        assert_eq!(finish(asked, Vec::new()).unwrap().json["failures"], json!([]));
    }
}

#[test]
fn the_only_thing_that_was_asked_for_fails_with_its_own_exit_code() {
    let failure = finish(1, vec![not_found("a")]).unwrap_err();
    assert_eq!((failure.exit, failure.code, failure.message.as_str()), (Exit::NotFound, "NOT_FOUND", "gone"));
    let partial = failure.partial.unwrap();
    assert!(partial.each.is_empty());
    assert_eq!(partial.view.json["failures"][0]["error"]["request_id"], json!("a"));
}

#[test]
fn of_several_every_failure_is_told_and_the_exit_code_is_that_of_a_partial_one() {
    let failure = finish(3, vec![not_found("a"), busy()]).unwrap_err();
    assert_eq!((failure.exit, failure.code, failure.retryable), (Exit::Failed, "NOT_FOUND", false));
    assert_eq!(failure.message, "2 of 3 topics failed, the first one: topic 0: gone");
    assert_eq!(failure.request_id.as_deref(), Some("a"));
    let partial = failure.partial.unwrap();
    let messages: Vec<_> = partial.each.iter().map(|failure| failure.message.as_str()).collect();
    assert_eq!(messages, ["topic 0: gone", "topic 1: busy"]);
    let failures = &partial.view.json["failures"];
    assert_eq!((&failures[0]["name"], &failures[1]["error"]["message"]), (&json!("0"), &json!("busy")));

    // Only if all may succeed later does the command as a whole.
    let failure = finish(2, vec![busy(), busy()]).unwrap_err();
    assert_eq!((failure.retryable, failure.retry_after), (true, Some(Duration::from_secs(1))));
}

#[tokio::test]
async fn what_cannot_be_deleted_stops_nothing() {
    let delete_one = async |name: &&str| match *name {
        "gone" => Err(not_found("a")),
        "busy" => Err(busy()),
        _ => Ok(Deleted::new("topic", name, json!({"name": name}))),
    };
    let failure = delete("topic", &["gone", "a", "busy", "b"], false, delete_one).await.unwrap_err();
    let view = failure.partial.unwrap().view;
    assert_eq!(
        (&view.json["deleted"], &view.json["topics"]),
        (&json!(2), &json!([{"name": "a"}, {"name": "b"}]))
    );
    assert_eq!(view.json["failures"].as_array().unwrap().len(), 2);
    assert_eq!(view.names, ["a", "b"]);

    let view = delete("topic", &["gone", "a"], true, delete_one).await.unwrap();
    assert_eq!((&view.json["deleted"], &view.json["failures"]), (&json!(1), &json!([])));
}
