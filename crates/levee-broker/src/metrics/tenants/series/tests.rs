use super::{Line, OTHER, Series, Used, render};
use crate::tenants::Counters;
use levee_types::{TenantId, TenantName};

fn used(id: u32, name: &str, bytes_in: u64) -> Used {
    let counters = Counters { bytes_in, ..Counters::default() };
    Used { id: TenantId(id), name: TenantName::new(name).unwrap(), counters, stored_bytes: bytes_in }
}

/// Names with their bytes in and what they store.
fn shown(lines: &[Line]) -> Vec<(&str, u64, u64)> {
    lines.iter().map(|line| (line.tenant.as_str(), line.counters.bytes_in, line.stored_bytes)).collect()
}

#[test]
fn up_to_the_limit_each_has_its_own_and_the_rest_is_one() {
    let mut series = Series::new(2);
    let two = [used(1, "aaa", 1), used(2, "bbb", 2)];
    assert_eq!(shown(&series.update(&two)), [("aaa", 1, 1), ("bbb", 2, 2), (OTHER, 0, 0)]);
    let three = [used(1, "aaa", 1), used(2, "bbb", 2), used(3, "ccc", 4)];
    assert_eq!(shown(&series.update(&three)), [("aaa", 1, 1), ("bbb", 2, 2), (OTHER, 4, 4)]);
    // However many there are, and whatever they are called.
    let many: Vec<_> = (1..=10_000).map(|id| used(id, &format!("tenant-{:05}", 20_000 - id), 1)).collect();
    assert_eq!(series.update(&many).len(), 3);
    assert_eq!(render(&series.update(&many)).matches("{tenant=").count(), 3 * 8);
}

#[test]
fn a_name_that_comes_before_takes_nobodys_place() {
    let mut series = Series::new(1);
    series.update(&[used(5, "mmm", 1)]);
    assert_eq!(
        shown(&series.update(&[used(9, "aaa", 7), used(5, "mmm", 1)])),
        [("mmm", 1, 1), (OTHER, 7, 7)]
    );
}

#[test]
fn one_that_is_gone_leaves_its_place_and_nothing_goes_back() {
    let mut series = Series::new(1);
    series.update(&[used(1, "aaa", 1), used(2, "bbb", 20), used(3, "ccc", 300)]);
    let next = series.update(&[used(2, "bbb", 25), used(3, "ccc", 310)]);
    assert_eq!(shown(&next), [("bbb", 25, 25), (OTHER, 330, 310)], "what it used as another stays there");
    let next = series.update(&[used(2, "bbb", 25)]);
    assert_eq!(shown(&next), [("bbb", 25, 25), (OTHER, 330, 0)]);
}

#[test]
fn one_with_another_name_keeps_its_place_under_it() {
    let mut series = Series::new(1);
    series.update(&[used(1, "aaa", 1), used(2, "bbb", 2)]);
    let next = series.update(&[used(2, "bbb", 2), used(1, "zzz", 5)]);
    assert_eq!(shown(&next), [("zzz", 5, 5), (OTHER, 2, 2)]);
}

#[test]
fn each_metric_is_described_once() {
    let counters = Counters { throttled_us: 1_500_000, soft_marks: 3, ..Counters::default() };
    let text = render(&[Line { tenant: "acme".to_owned(), counters, stored_bytes: 9 }]);
    assert_eq!((text.matches("# HELP ").count(), text.matches("# TYPE ").count()), (8, 8));
    for line in [
        "levee_tenant_throttled_seconds_total{tenant=\"acme\"} 1.5\n",
        "levee_tenant_quota_soft_total{tenant=\"acme\"} 3\n",
        "levee_tenant_stored_bytes{tenant=\"acme\"} 9\n",
        "# TYPE levee_tenant_stored_bytes gauge\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}
