use super::*;

#[test]
fn work_takes_as_long_as_it_must() {
    let s = Duration::from_secs;
    let mut pace = Pace::new(s(100), 1000);
    assert_eq!(pace.wait(s(100), 0), s(0));
    assert_eq!(pace.wait(s(100), 5000), s(5));
    assert_eq!(pace.wait(s(103), 5000), s(2), "what it took itself counts");
    assert_eq!(pace.wait(s(105), 6000), s(1));
    assert_eq!(pace.wait(s(200), 6500), Duration::from_millis(400), "it does not catch up");
    for (wasted, rate) in [(0, 100), (200, 100), (400, 400), (1000, 2500), (9999, 2500)] {
        assert_eq!(Pace::hurry(100, wasted, 1000), rate, "{wasted}");
        assert_eq!(Pace::hurry(0, wasted, 1000), 0, "no limit");
    }
    assert_eq!(Pace::hurry(100, 0, 0), 100);
    assert_eq!(Pace::new(s(100), 0).wait(s(100), 5000), s(0), "no limit");
}
