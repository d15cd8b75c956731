use super::{Action, Dimension};
use crate::ErrorCode;

/// The numbers are stored and sent, the names are what people type: neither may change.
#[test]
fn numbers_and_names_are_pinned() {
    let dimensions = Dimension::ALL.map(|dimension| (dimension as i32, dimension.name()));
    assert_eq!(
        dimensions,
        [
            (1, "ingress"),
            (2, "egress"),
            (3, "requests"),
            (4, "admin"),
            (5, "connections"),
            (6, "storage"),
            (7, "topics"),
            (8, "partitions"),
            (9, "producers"),
            (10, "groups"),
        ]
    );
    let actions = Action::ALL.map(|action| (action as i32, action.name()));
    assert_eq!(actions, [(1, "throttle"), (2, "reject"), (3, "observe"), (4, "trim-oldest")]);
}

#[test]
fn numbers_and_names_lead_back() {
    for dimension in Dimension::ALL {
        assert_eq!(Dimension::from_number(dimension as i32), Some(dimension));
        assert_eq!(dimension.name().parse(), Ok(dimension));
    }
    for action in Action::ALL {
        assert_eq!(Action::from_number(action as i32), Some(action));
        assert_eq!(action.name().parse(), Ok(action));
    }
    for beyond in [-1, 0, 11] {
        assert_eq!(Dimension::from_number(beyond), None);
    }
    assert_eq!((Action::from_number(0), Action::from_number(5)), (None, None));
}

#[test]
fn an_unknown_name_is_refused_with_the_known_ones() {
    let error = "Topics".parse::<Dimension>().unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.hint.contains("topics") && error.hint.contains("ingress"), "{}", error.hint);
    let error = "x".repeat(10_000).parse::<Action>().unwrap_err();
    assert!(error.message.len() < 100 && error.hint.contains("observe"), "{error:?}");
}

#[test]
fn four_are_rates_and_three_are_of_parts() {
    let rates: Vec<_> = Dimension::ALL.into_iter().filter(|one| one.is_rate()).collect();
    assert_eq!(rates, [Dimension::Ingress, Dimension::Egress, Dimension::Requests, Dimension::Admin]);
    let parts: Vec<_> = Dimension::ALL.into_iter().filter(|one| one.of_part()).collect();
    assert_eq!(parts, [Dimension::Ingress, Dimension::Egress, Dimension::Requests]);
}

#[test]
fn an_amount_reads_well() {
    assert_eq!(Dimension::Ingress.amount(5), "5 bytes of ingress a second");
    assert_eq!(Dimension::Storage.amount(5), "5 bytes of storage");
    assert_eq!(Dimension::Requests.amount(100), "100 requests a second");
    assert_eq!(Dimension::Topics.amount(100), "100 topics");
}
