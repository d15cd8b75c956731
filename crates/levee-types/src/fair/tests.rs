use super::*;
use proptest::prelude::*;

type Scheduler = DeficitRoundRobin<usize, u64>;

/// Weight, cost and value of each item.
type Items = VecDeque<(u32, u64, u64)>;

/// As in the paper, turn after turn.
#[derive(Default)]
struct Plain {
    queues: Vec<(usize, u64, Items)>,
    is_granted: bool,
}

impl Plain {
    fn push(&mut self, key: usize, weight: u32, cost: u64, value: u64) {
        match self.queues.iter_mut().find(|(of, ..)| *of == key) {
            Some((.., items)) => items.push_back((weight, cost, value)),
            None => self.queues.push((key, 0, VecDeque::from([(weight, cost, value)]))),
        }
    }

    fn pop(&mut self, quantum: u64) -> Option<u64> {
        loop {
            let (_, credit, items) = self.queues.first_mut()?;
            let (weight, cost, value) = items[0];
            if !self.is_granted {
                *credit += quantum * u64::from(weight);
            }
            self.is_granted = true;
            if cost > *credit {
                self.queues.rotate_left(1);
                self.is_granted = false;
                continue;
            }
            *credit -= cost;
            items.pop_front();
            if items.is_empty() {
                self.queues.remove(0);
                self.is_granted = false;
            }
            return Some(value);
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Push { key: usize, weight: u32, cost: u64 },
    Pop,
    DropOdd,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (0_usize..5, 1_u32..=100, prop_oneof![0_u64..50, 0_u64..100_000]);
    let push = push.prop_map(|(key, weight, cost)| Step::Push { key, weight, cost });
    let step = prop_oneof![20 => push, 18 => Just(Step::Pop), 1 => Just(Step::DropOdd)];
    proptest::collection::vec(step, 0..300)
}

proptest! {
    #[test]
    fn it_does_what_the_paper_says(steps in steps(), quantum in 1_u64..2_000) {
        let mut scheduler = Scheduler::new(quantum);
        let mut plain = Plain::default();
        for (value, step) in (0..).zip(steps) {
            match step {
                Step::Push { key, weight, cost } => {
                    scheduler.push(key, weight, cost, value);
                    plain.push(key, weight, cost, value);
                }
                Step::Pop => prop_assert_eq!(scheduler.pop(), plain.pop(quantum)),
                Step::DropOdd => {
                    scheduler.retain(|value| value % 2 == 0);
                    let first = plain.queues.first().map(|(key, ..)| *key);
                    for (.., items) in &mut plain.queues {
                        items.retain(|(.., value)| value % 2 == 0);
                    }
                    plain.queues.retain(|(.., items)| !items.is_empty());
                    plain.is_granted &= plain.queues.first().map(|(key, ..)| *key) == first;
                }
            }
            let waiting: usize = plain.queues.iter().map(|(.., items)| items.len()).sum();
            prop_assert_eq!((scheduler.len(), scheduler.is_empty()), (waiting, waiting == 0));
        }
        while let Some(value) = scheduler.pop() {
            prop_assert_eq!(Some(value), plain.pop(quantum));
        }
        prop_assert_eq!(plain.pop(quantum), None);
        prop_assert!(scheduler.queues.is_empty() && scheduler.turns.is_empty(), "idle keys take memory");
    }

    #[test]
    fn busy_keys_share_by_weight_and_others_get_no_more(
        weights in proptest::collection::vec(1_u32..=100, 2..6),
        costs in proptest::collection::vec(1_u64..5_000, 64),
        arrivals in proptest::collection::vec(any::<bool>(), 97),
        quantum in 1_u64..1_000,
        max in 1_u64..5_000,
    ) {
        // The first two keys are always busy, the others come and go.
        let mut scheduler = DeficitRoundRobin::new(quantum);
        let mut costs = costs.iter().map(|cost| cost % max + 1).cycle();
        let mut arrivals = arrivals.iter().cycle();
        let mut waiting = vec![0; weights.len()];
        let mut served = vec![0_u64; weights.len()];
        for _ in 0..2_000 {
            for (key, weight) in weights.iter().enumerate() {
                let is_busy = key < 2;
                while waiting[key] < if is_busy { 2 } else { usize::from(*arrivals.next().unwrap()) } {
                    let cost = costs.next().unwrap();
                    scheduler.push(key, *weight, cost, (key, cost));
                    waiting[key] += 1;
                }
            }
            let (key, cost) = scheduler.pop().unwrap();
            waiting[key] -= 1;
            served[key] += cost;
            // In turns: within one, and one item each.
            let turns = |key: usize| served[key] as f64 / f64::from(weights[key]) / quantum as f64;
            let item = |key: usize| max as f64 / f64::from(weights[key]) / quantum as f64;
            for busy in 0..2 {
                for other in 0..weights.len() {
                    let most = turns(busy) + 1.0 + item(busy) + item(other) + 1e-6;
                    prop_assert!(turns(other) <= most, "{other} of {served:?}");
                }
            }
        }
    }
}

#[test]
fn who_was_idle_has_saved_nothing() {
    let mut scheduler = DeficitRoundRobin::new(100);
    for _ in 0..1_000 {
        scheduler.push('b', 1, 1, 'b');
        assert_eq!(scheduler.pop(), Some('b'));
    }
    for _ in 0..10 {
        scheduler.push('a', 1, 100, 'a');
        scheduler.push('b', 1, 100, 'b');
    }
    let order: String = std::iter::from_fn(|| scheduler.pop()).collect();
    assert_eq!(order, "ab".repeat(10));
}

#[test]
fn nobody_starves() {
    let mut scheduler = DeficitRoundRobin::new(1);
    scheduler.push('a', 1, 1_000_000, 'a');
    for _ in 0..2_000 {
        scheduler.push('b', 100, 100_000, 'b');
    }
    let before = std::iter::from_fn(|| scheduler.pop()).take_while(|key| *key == 'b').count();
    // It takes a million turns. In those before, b got 99,999,900.
    assert_eq!(before, 999);
}

#[test]
fn costs_at_the_end_of_their_range_are_paid_at_once() {
    let mut scheduler = DeficitRoundRobin::new(1);
    for key in 0..100 {
        scheduler.push(key, 1, u64::MAX, key);
    }
    let order: Vec<_> = std::iter::from_fn(|| scheduler.pop()).collect();
    assert_eq!(order, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_weight_and_a_quantum_of_nothing_count_as_one() {
    let mut scheduler = DeficitRoundRobin::new(0);
    scheduler.push('a', 0, 5, 'a');
    assert_eq!(scheduler.pop(), Some('a'));
    assert_eq!(scheduler.pop(), None);
}
