//! Of each promise a history that keeps it and one that breaks it.

use super::{Logged, Shown, TableHistory};

const KEY: u32 = 2;

fn record(history: &TableHistory, offset: u64) -> u32 {
    changed(history, KEY, offset, false)
}

fn changed(history: &TableHistory, key: u32, offset: u64, is_tombstone: bool) -> u32 {
    let change = history.begin(key, is_tombstone);
    history.acked(change, offset);
    change
}

fn get(history: &TableHistory, shown: Shown) {
    let asked = history.ask([KEY]);
    history.told(asked[0], shown);
}

fn shown(offset: u64, change: u32) -> Shown {
    Shown::Record { offset, change: Some(change) }
}

fn logged(offset: u64, key: u32, change: u32) -> Logged {
    Logged { offset, key, change: Some(change), is_tombstone: false }
}

#[test]
fn a_read_shows_what_was_newest_or_something_newer() {
    let history = TableHistory::new(2, true);
    let first = record(&history, 0);
    let asked = history.ask([KEY]);
    let second = record(&history, 1);
    history.told(asked[0], shown(0, first));
    get(&history, shown(1, second));
    let open = history.begin(KEY, false);
    get(&history, shown(1, second));
    get(&history, shown(2, open));
    assert_eq!(history.problems(), None);
    get(&history, shown(1, second));
    assert!(history.problems().unwrap().contains("2"), "the open one was seen, and then no more");
}

#[test]
fn a_key_is_gone_only_if_somebody_deleted_it() {
    for (keeps_tombstones, shown, is_fine) in [
        (false, Shown::Nothing, true),
        (true, Shown::Nothing, false),
        (true, Shown::NoRecord, true),
        (true, Shown::Tombstone { offset: 1 }, true),
        (true, Shown::Tombstone { offset: 0 }, false),
    ] {
        let history = TableHistory::new(2, keeps_tombstones);
        get(&history, Shown::Nothing);
        record(&history, 0);
        changed(&history, KEY, 1, true);
        get(&history, shown);
        assert_eq!(history.problems().is_none(), is_fine, "{shown:?} {:?}", history.problems());
    }
    for shown in [Shown::Nothing, Shown::NoRecord] {
        let history = TableHistory::new(2, false);
        changed(&history, KEY, 0, true);
        record(&history, 1);
        get(&history, shown);
        assert!(history.problems().is_some(), "{shown:?}");
        let history = TableHistory::new(2, false);
        record(&history, 1);
        history.begin(KEY, true);
        get(&history, shown);
        assert_eq!(history.problems(), None, "a deletion may have happened");
    }
}

#[test]
fn what_comes_back_is_noticed() {
    let history = TableHistory::new(2, false);
    let first = record(&history, 0);
    changed(&history, KEY, 1, true);
    get(&history, Shown::Nothing);
    get(&history, shown(0, first));
    assert!(history.problems().is_some());
}

#[test]
fn what_failed_is_never_seen() {
    let history = TableHistory::new(2, true);
    let change = history.begin(KEY, false);
    history.failed(change);
    get(&history, shown(0, change));
    assert!(history.problems().is_some());
    let history = TableHistory::new(2, true);
    let change = history.begin(KEY, false);
    get(&history, shown(0, change));
    history.failed(change);
    assert!(history.problems().is_some());
}

#[test]
fn an_offset_is_one_change() {
    let history = TableHistory::new(2, true);
    let (first, second) = (record(&history, 0), record(&history, 1));
    history.saw(0, &[logged(0, KEY, first), logged(1, KEY, second)]);
    assert_eq!(history.problems(), None);
    for wrong in [
        vec![logged(2, KEY, second)],
        vec![logged(1, KEY, first)],
        vec![logged(1, KEY + 2, second)],
        vec![Logged { is_tombstone: true, ..logged(1, KEY, second) }],
        vec![Logged { change: None, ..logged(1, KEY, second) }],
        vec![logged(1, KEY, second), logged(0, KEY, first)],
    ] {
        let history = TableHistory::new(2, true);
        assert_eq!((record(&history, 0), record(&history, 1)), (first, second));
        history.saw(0, &wrong);
        assert!(history.problems().is_some(), "{wrong:?}");
    }
}

#[test]
fn a_reader_meets_what_is_newest_all_the_while() {
    let history = TableHistory::new(2, true);
    let first = record(&history, 5);
    let other = changed(&history, 4, 6, false);
    let mark = history.mark();
    history.read(0, mark, 6..7, &[logged(6, 4, other)]);
    let second = record(&history, 7);
    history.read(0, mark, 5..7, &[logged(6, 4, other)]);
    history.read(0, history.mark(), 5..8, &[logged(6, 4, other), logged(7, KEY, second)]);
    history.is_the_log(0, &[logged(5, KEY, first), logged(6, 4, other), logged(7, KEY, second)], false);
    history.is_the_log(0, &[logged(6, 4, other), logged(7, KEY, second)], true);
    assert_eq!(history.problems(), None);
    history.read(0, history.mark(), 5..8, &[logged(7, KEY, second)]);
    assert!(history.problems().unwrap().contains("key 4 at 6"));
}

#[test]
fn in_the_end_the_log_is_the_table() {
    let check = |records: &[Logged], is_compacted, keeps_tombstones| {
        let history = TableHistory::new(2, keeps_tombstones);
        record(&history, 0);
        record(&history, 1);
        changed(&history, 4, 2, true);
        history.is_the_log(0, records, is_compacted);
        history.problems()
    };
    let (first, second) = (logged(0, KEY, 0), logged(1, KEY, 1));
    let gone = Logged { is_tombstone: true, ..logged(2, 4, 2) };
    assert_eq!(check(&[first, second, gone], false, true), None);
    assert_eq!(check(&[second, gone], true, true), None);
    assert_eq!(check(&[second], true, false), None);
    assert!(check(&[first, second, gone], true, true).is_some(), "it is not compacted");
    assert!(check(&[second], true, true).is_some(), "a tombstone is gone");
    assert!(check(&[first, gone], false, true).is_some(), "an older record is left");
    assert!(check(&[gone], false, true).is_some(), "a key is gone");
}

#[test]
fn a_watcher_is_owed_what_stays() {
    for keeps_tombstones in [false, true] {
        let history = TableHistory::new(2, keeps_tombstones);
        assert!(!history.ask([KEY])[0].is_owed(None), "nothing is there");
        record(&history, 3);
        let asked = history.ask([KEY])[0];
        assert!(asked.is_owed(None) && asked.is_owed(Some(2)) && !asked.is_owed(Some(3)));
        assert_eq!(asked.deleted_at(), None);
        changed(&history, KEY, 4, true);
        let asked = history.ask([KEY])[0];
        assert_eq!((asked.is_owed(Some(3)), asked.deleted_at()), (keeps_tombstones, Some(4)));
    }
}
