use super::*;
use std::cell::Cell;

#[test]
fn similar_texts_are_found_in_few_steps_and_others_are_not() {
    let hashing = Hashing::new();
    let kinds: [fn(usize) -> String; 4] = [
        |number| format!("{number}"),
        |number| format!("orders.region-{number}"),
        |number| format!("{number}.orders-of-the-year"),
        |number| "a".repeat(number % 250) + &"b".repeat(number / 250),
    ];
    for kind in kinds {
        let texts: Vec<_> = (0..10_000).map(kind).collect();
        let mut slots = Slots::for_items(texts.len());
        let steps = Cell::new(0);
        let mut most = 0;
        for (item, text) in (0_u32..).zip(&texts) {
            let hash = hashing.tag(hashing.text(text.as_bytes()), 7);
            let is_it = |item: u32| {
                steps.set(steps.get() + 1);
                texts[item as usize] == *text
            };
            steps.set(0);
            let slot = slots.find(hash, is_it).unwrap_err();
            slots.fill(slot, item);
            most = most.max(steps.get());
            assert_eq!(slots.find(hash, is_it).unwrap(), item);
        }
        assert!(most < 200, "{most} steps for texts like {}", texts[9_999]);
    }
}

#[test]
fn a_table_for_nothing_has_nothing() {
    assert!(Slots::for_items(0).find(u64::MAX, |_| true).is_err());
}
