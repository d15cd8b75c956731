use super::*;

fn segment(id: u64, bytes: u64, live: u64) -> SegmentUse {
    SegmentUse { id, bytes, live, has_staged: false }
}

fn survey(segments: &[SegmentUse]) -> Survey {
    Survey { segments: segments.to_vec(), current: 100, ..Survey::default() }
}

fn bounds<'a>(to_vanish: &'a BTreeSet<u64>, damaged: &'a BTreeSet<u64>) -> Bounds<'a> {
    Bounds { needed_from: 50, to_vanish, damaged, bytes: 1000 }
}

fn decide(segments: &[SegmentUse], to_vanish: &[u64]) -> Plan {
    plan(&survey(segments), &bounds(&to_vanish.iter().copied().collect(), &BTreeSet::new()))
}

#[test]
fn what_is_empty_goes_and_what_has_little_is_moved_the_least_first() {
    let full = [segment(1, 1000, 0), segment(2, 1000, 499), segment(3, 1000, 100), segment(4, 1000, 950)];
    assert_eq!(decide(&full, &[]), Plan { dead: vec![1], victims: vec![3, 2], ..Plan::default() });
}

#[test]
fn a_journal_with_little_waste_is_left_alone() {
    assert_eq!(decide(&[segment(1, 1000, 760), segment(2, 1000, 760)], &[]), Plan::default());
    assert_eq!(decide(&[segment(1, 1000, 1300), segment(2, 1000, 600)], &[]), Plan::default());
}

#[test]
fn while_too_much_of_the_journal_is_waste_the_emptiest_are_moved() {
    let segments = [segment(1, 1000, 700), segment(2, 1000, 600), segment(3, 1000, 800)];
    assert_eq!(decide(&segments, &[]).victims, [2], "then a fifth of it is waste");
    let segments = [segment(1, 1000, 700), segment(2, 1000, 690), segment(3, 1000, 700)];
    assert_eq!(decide(&segments, &[]).victims, [2], "no more than it takes");
    // Where less than a quarter is won, nothing is moved for it.
    let waits = SegmentUse { has_staged: true, ..segment(2, 4000, 100) };
    assert_eq!(decide(&[segment(1, 1000, 740), waits], &[]).victims, [1]);
    assert_eq!(decide(&[segment(1, 1000, 770), waits], &[]).victims, [0; 0]);
}

#[test]
fn what_must_vanish_comes_first_however_full_it_is() {
    let segments = [segment(1, 1000, 200), segment(2, 1000, 990), segment(3, 1000, 0)];
    let all = decide(&segments, &[2, 3]);
    assert_eq!((all.dead, all.victims, all.is_more), (vec![3], vec![2], true));
}

#[test]
fn what_recovery_needs_stays_and_is_worth_a_flush() {
    let segments = [segment(1, 1000, 950), segment(50, 1000, 0)];
    assert_eq!(decide(&segments, &[]), Plan { wants_flush: true, ..Plan::default() });
    let segments = [segment(1, 1000, 950), segment(51, 1000, 100)];
    assert_eq!(decide(&segments, &[]), Plan { wants_flush: true, ..Plan::default() });
    assert!(!decide(&[segment(51, 1000, 950)], &[]).wants_flush);
}

#[test]
fn segments_with_staged_or_damaged_batches_wait() {
    let staged = SegmentUse { has_staged: true, ..segment(1, 1000, 0) };
    assert_eq!(decide(&[staged, segment(2, 1000, 950)], &[1]), Plan::default());
    let little = survey(&[segment(1, 1000, 10), segment(2, 1000, 950)]);
    let damaged = BTreeSet::from([1]);
    assert_eq!(plan(&little, &bounds(&BTreeSet::new(), &damaged)), Plan::default());
}

#[test]
fn the_oldest_goes_when_there_are_too_many_holes_behind_it() {
    let mut survey = survey(&[segment(1, 1000, 990), segment(20, 1000, 990)]);
    for (holes, victims) in [(MAX_HOLES, &[][..]), (MAX_HOLES + 1, &[1])] {
        survey.holes = holes;
        assert_eq!(plan(&survey, &bounds(&BTreeSet::new(), &BTreeSet::new())).victims, victims);
    }
}
