use super::{LISTED_AT_ONCE, gathered};
use levee_storage::AuditEvent;

fn event(principal: &str, request_id: usize) -> AuditEvent {
    AuditEvent {
        principal: principal.to_owned(),
        action: "TopicService/GetTopic".to_owned(),
        refusal: Some("no".to_owned()),
        request_id: request_id.to_string(),
        count: 1,
        ..AuditEvent::default()
    }
}

#[test]
fn refusals_are_listed_one_by_one_until_they_are_a_flood() {
    let few: Vec<_> = (0..LISTED_AT_ONCE).map(|id| event("a", id)).collect();
    assert_eq!(gathered(few.clone()), few);

    let mut many = few.clone();
    many.extend((0..1_000).map(|id| event(["a", "b"][id % 2], id)));
    let gathered = gathered(many);
    assert_eq!(gathered[..LISTED_AT_ONCE], few);
    let mut floods: Vec<_> =
        gathered[LISTED_AT_ONCE..].iter().map(|event| (event.principal.as_str(), event.count)).collect();
    floods.sort_unstable();
    assert_eq!(floods, [("a", 500), ("b", 500)]);
}
