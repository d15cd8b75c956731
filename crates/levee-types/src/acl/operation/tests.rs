use super::*;

/// Sent and stored: what is here stays.
#[test]
fn numbers_and_names_stay() {
    let golden = [
        (1, "produce"),
        (2, "consume"),
        (3, "list"),
        (4, "describe"),
        (5, "create"),
        (6, "delete"),
        (7, "alter"),
        (8, "trim"),
    ];
    let current = AclOperation::ALL.map(|operation| (operation as i32, operation.name()));
    assert_eq!(current, golden);
    for operation in AclOperation::ALL {
        assert_eq!(AclOperation::from_number(operation as i32), Some(operation));
        assert_eq!(operation.name().parse(), Ok(operation));
    }
    for number in [i32::MIN, -1, 0, 9, 257, i32::MAX] {
        assert_eq!(AclOperation::from_number(number), None, "{number}");
    }
}

#[test]
fn what_is_no_operation_is_refused_with_those_that_there_are() {
    for text in ["", "Produce", "PRODUCE", "write", "all", "*", " produce", "produce,consume"] {
        let error = text.parse::<AclOperation>().unwrap_err().to_string();
        assert!(AclOperation::ALL.iter().all(|operation| error.contains(operation.name())), "{error}");
    }
    assert!("x".repeat(10_000).parse::<AclOperation>().unwrap_err().to_string().len() < 200);
}

#[test]
fn a_set_has_what_was_put_in_and_is_never_empty() {
    assert_eq!(AclOperations::new([]), None);
    for bits in 1..=u8::MAX {
        let within = |operation: &AclOperation| bits >> (*operation as i32 - 1) & 1 == 1;
        let wanted: Vec<_> = AclOperation::ALL.into_iter().filter(within).collect();
        let set = AclOperations::new(wanted.iter().rev().chain(&wanted).copied()).unwrap();
        assert_eq!(set.iter().collect::<Vec<_>>(), wanted);
        assert!(AclOperation::ALL.into_iter().all(|op| set.contains(op) == wanted.contains(&op)));
        let names: Vec<_> = wanted.iter().map(|operation| operation.name()).collect();
        assert_eq!(set.to_string(), names.join(", "));
    }
}

#[test]
fn what_cannot_be_done_with_a_group_is_told_from_what_can() {
    use crate::acl::ResourceKind;
    assert_eq!(ResourceKind::Topic.operations().iter().collect::<Vec<_>>(), AclOperation::ALL);
    let of_groups = ResourceKind::Group.operations();
    assert_eq!(of_groups.to_string(), "consume, list, describe, delete, alter");
    let everything = AclOperations::new(AclOperation::ALL).unwrap();
    assert_eq!(everything.without(of_groups).unwrap().to_string(), "produce, create, trim");
    assert_eq!(of_groups.without(everything), None);
}
