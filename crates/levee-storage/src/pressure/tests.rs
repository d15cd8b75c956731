use super::{Pressure, excess, is_near};
use levee_types::TenantId;

#[test]
fn so_much_goes_that_the_append_fits() {
    assert!(!is_near(1_000, 975));
    assert!(is_near(1_000, 976));
    for (stored, more, goes) in [
        (950, 0, 0),
        (951, 50, 1),
        (1_000, 50, 50),
        (1_000, 51, 51),
        (500, 500, 0),
        (500, 501, 1),
        (500, 1_001, 500),
    ] {
        assert_eq!(excess(1_000, stored, more), goes, "{stored} stored and {more} more");
    }
    assert_eq!(excess(u64::MAX, u64::MAX, 0), u64::MAX / 20 + 1);
    assert_eq!(excess(0, 7, 1), 7);
}

#[test]
fn tenants_take_turns_and_the_largest_need_counts() {
    let pressure = Pressure::default();
    let (one, two) = (TenantId(1), TenantId(2));
    pressure.note(two, 5);
    pressure.note(one, 1);
    pressure.note(two, 9);
    pressure.note(two, 7);
    assert_eq!(pressure.take(), Some((two, 9)));
    pressure.note(two, 3);
    assert_eq!(pressure.wait(), Some((one, 1)));
    assert_eq!(pressure.wait(), Some((two, 3)));
    assert_eq!(pressure.take(), None);
    pressure.note(one, 1);
    pressure.close();
    assert_eq!(pressure.wait(), None);
}
