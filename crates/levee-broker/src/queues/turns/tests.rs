use super::{Place, Turn, Turns};
use futures::FutureExt as _;
use levee_storage::Wake as _;

fn turns(partitions: u32) -> Turns {
    let turns = Turns::default();
    (0..partitions).for_each(|partition| assert_eq!(turns.add_partition(), partition));
    turns
}

fn is_called(place: &Place) -> bool {
    place.called().now_or_never().is_some()
}

#[test]
fn partitions_take_turns_and_growth_is_not_missed() {
    let turns = turns(3);
    turns.push(1);
    turns.push(0);
    turns.wake(1);
    turns.wake(9);
    let first = turns.pop().unwrap();
    assert_eq!(first, Turn { partition: 1, has_grown: true });
    turns.push(1);
    turns.wake(1);
    assert_eq!(turns.pop(), Some(Turn { partition: 0, has_grown: false }));
    turns.push_front(Turn { partition: 2, has_grown: true });
    assert_eq!(turns.front(), Some(2));
    assert_eq!(turns.pop(), Some(Turn { partition: 2, has_grown: true }));
    assert_eq!(turns.pop(), Some(Turn { partition: 1, has_grown: true }));
    assert_eq!(turns.pop(), None);
}

#[test]
fn who_waits_longest_is_called_and_keeps_its_place() {
    let turns = turns(1);
    let (mut ann, mut bob) = (Place::default(), Place::default());
    assert!(turns.stand(&mut ann) && turns.stand(&mut bob));
    assert_eq!((turns.others(&ann), turns.others(&Place::default())), (1, 2));
    turns.push(0);
    assert!(is_called(&ann) && !is_called(&bob));
    // Somebody else was faster.
    turns.pop().unwrap();
    assert!(turns.stand(&mut ann));
    assert_eq!(turns.others(&bob), 1);
    turns.push(0);
    assert!(is_called(&ann) && !is_called(&bob));
    turns.pop().unwrap();
    turns.served(&mut ann);
    assert_eq!((turns.others(&ann), turns.others(&bob)), (1, 0));
    assert!(turns.stand(&mut ann) && turns.stand(&mut bob));
    turns.push(0);
    assert!(!is_called(&ann) && is_called(&bob));
    // He goes, after he was called.
    turns.leave(&mut bob);
    assert!(is_called(&ann));
    assert!(!turns.stand(&mut ann), "there is something");
    assert_eq!(turns.others(&bob), 1);
}
