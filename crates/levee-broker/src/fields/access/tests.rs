use super::*;

const CONSUME: i32 = AclOperation::Consume as i32;
const PRODUCE: i32 = AclOperation::Produce as i32;

fn topics(name: &str) -> v1::TopicPattern {
    v1::TopicPattern { kind: Some(topic_pattern::Kind::Name(name.to_owned())) }
}

fn groups(name: &str) -> v1::GroupPattern {
    v1::GroupPattern { kind: Some(group_pattern::Kind::Name(name.to_owned())) }
}

fn given(
    operations: &[i32],
    topics: Option<&v1::TopicPattern>,
    groups: Option<&v1::GroupPattern>,
) -> Result<Pattern, String> {
    operations_on(ToString::to_string, operations, topics, groups)
        .map(|(_, resources)| resources)
        .map_err(|error| error.message)
}

#[test]
fn one_of_topics_and_groups_is_given_and_comes_back() {
    for kind in ResourceKind::ALL {
        for pattern in [Pattern::name(kind, "a"), Pattern::prefix(kind, "a."), Pattern::prefix(kind, "")] {
            let pattern = pattern.unwrap();
            let (topics, groups) = resources_to_proto(&pattern);
            assert_eq!(given(&[CONSUME], topics.as_ref(), groups.as_ref()), Ok(pattern));
        }
    }
    let (both, none) =
        (given(&[CONSUME], Some(&topics("a")), Some(&groups("a"))), given(&[CONSUME], None, None));
    assert_eq!(both.unwrap_err(), "groups: there are topics too");
    assert_eq!(none.unwrap_err(), "topics: it is missing");
    let empty = given(&[CONSUME], None, Some(&v1::GroupPattern { kind: None }));
    assert_eq!(empty.unwrap_err(), "groups: it is missing");
}

#[test]
fn what_cannot_be_done_with_a_group_is_refused() {
    for operation in AclOperation::ALL {
        let number = operation as i32;
        assert!(given(&[number], Some(&topics("a")), None).is_ok(), "{operation}");
        let is_possible = !["produce", "create", "trim"].contains(&operation.name());
        let of_group = given(&[CONSUME, number], None, Some(&groups("a")));
        assert_eq!(of_group.is_ok(), is_possible, "{operation}");
        assert_eq!(operation_on(number, "", "a").is_ok(), is_possible, "{operation}");
        if let Err(message) = of_group {
            assert_eq!(message, format!("operations: there is no such operation on a group: {operation}"));
        }
    }
}

#[test]
fn a_question_is_about_a_topic_or_a_group() {
    let asked = |topic, group| operation_on(CONSUME, topic, group).map(|(_, what)| what);
    assert_eq!(asked("a", ""), Ok(Resource::topic("a")));
    assert_eq!(asked("", "a"), Ok(Resource::group("a")));
    for (topic, group, field) in
        [("", "", "topic"), ("a", "b", "group"), ("a/", "", "topic"), ("", "a/", "group")]
    {
        let message = asked(topic, group).unwrap_err().message;
        assert!(message.starts_with(&format!("{field}: ")), "{message}");
    }
    assert!(operation_on(PRODUCE, "a", "").is_ok());
}
