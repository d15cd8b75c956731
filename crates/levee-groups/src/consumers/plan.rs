//! Who shall have which partition.
//!
//! Everybody keeps what it has or was promised; what is free goes to who has least; then those with most give to
//! those with least, one partition at a time and first what they do not have yet, until nobody has two more than
//! somebody who could take one. Who is away keeps what it has, and takes nothing.

use super::members::{Members, SeatId};
use super::partitions::{Holder, Spot, TopicKey, Topics};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How often it is gone over all members. With equal topics once is enough. With different ones what a member gives
/// can make room for another one: chains that are longer than this are left as they are.
const MAX_ROUNDS: usize = 8;

/// Sets the target of each partition.
pub(super) fn balance(topics: &mut Topics, members: &Members) {
    let mut plan = Plan::new(members);
    let free = plan.keep(topics, members);
    plan.rank();
    for spot in free {
        if let Some((_, seat, _)) = plan.least(spot.topic) {
            plan.take(seat, spot);
            topics.aim(spot, seat);
        }
    }
    for _ in 0..MAX_ROUNDS {
        if !plan.level(topics) {
            return;
        }
    }
    plan.level_equals(topics);
}

/// Members that can take partitions, by what they want.
struct Plan<'a> {
    takers: HashMap<SeatId, Taker>,
    /// Those that want the same topics.
    classes: Vec<Class<'a>>,
    /// Of each topic, who has least of each class that wants it.
    least: HashMap<TopicKey, BTreeSet<(usize, SeatId, usize)>>,
}

struct Class<'a> {
    topics: &'a [TopicKey],
    /// By how much they have.
    seats: BTreeSet<(usize, SeatId)>,
}

#[derive(Default)]
struct Taker {
    class: usize,
    load: usize,
    /// What it has: it would have to let go of it.
    has: BTreeMap<TopicKey, Vec<u32>>,
    /// What it shall have.
    promised: BTreeMap<TopicKey, Vec<u32>>,
}

impl<'a> Plan<'a> {
    fn new(members: &'a Members) -> Self {
        let mut classes = Vec::<Class<'a>>::new();
        let mut known = HashMap::<&[TopicKey], usize>::new();
        let mut takers = HashMap::new();
        for (id, seat) in members.iter().filter(|(_, seat)| !seat.is_away) {
            let class = *known.entry(&seat.topics).or_insert_with(|| {
                classes.push(Class { topics: &seat.topics, seats: BTreeSet::new() });
                classes.len() - 1
            });
            takers.insert(id, Taker { class, ..Taker::default() });
        }
        Self { takers, classes, least: HashMap::new() }
    }

    /// Lets everybody keep what it has or was promised. Returns what is free.
    fn keep(&mut self, topics: &mut Topics, members: &Members) -> Vec<Spot> {
        let mut free = Vec::new();
        for (topic, of) in topics.iter_mut() {
            for (partition, slot) in (0..).zip(&mut of.slots) {
                if let Holder::Kept(seat) = slot.holder {
                    slot.target = Some(seat);
                    if members.get(seat).is_none() {
                        slot.holder = Holder::Nobody;
                    } else if members.live(seat).is_none() {
                        continue;
                    }
                }
                let classes = &self.classes;
                let keeper = slot.target.and_then(|seat| self.takers.get_mut(&seat));
                match keeper.filter(|taker| classes[taker.class].topics.binary_search(&topic).is_ok()) {
                    Some(taker) => {
                        taker.load += 1;
                        let has_it = match slot.holder {
                            Holder::Kept(seat) | Holder::Has(seat, _) => slot.target == Some(seat),
                            Holder::Nobody | Holder::LettingGo(..) => false,
                        };
                        let of = if has_it { &mut taker.has } else { &mut taker.promised };
                        of.entry(topic).or_default().push(partition);
                    }
                    None => {
                        slot.target = None;
                        free.push(Spot { topic, partition });
                    }
                }
            }
        }
        free
    }

    /// Puts all in order, once it is known what they keep.
    fn rank(&mut self) {
        for (seat, taker) in &self.takers {
            self.classes[taker.class].seats.insert((taker.load, *seat));
        }
        for (index, class) in self.classes.iter().enumerate() {
            let Some((load, seat)) = class.seats.first() else { continue };
            for topic in class.topics {
                self.least.entry(*topic).or_default().insert((*load, *seat, index));
            }
        }
    }

    /// Who has least of those that can take a partition of a topic.
    fn least(&self, topic: TopicKey) -> Option<(usize, SeatId, usize)> {
        self.least.get(&topic)?.first().copied()
    }

    fn take(&mut self, seat: SeatId, spot: Spot) {
        let Some(taker) = self.takers.get_mut(&seat) else { return };
        taker.promised.entry(spot.topic).or_default().push(spot.partition);
        let load = taker.load;
        self.weigh(seat, load + 1);
    }

    /// Gives a partition of a topic away: one that it does not have yet, if there is one.
    fn give(&mut self, seat: SeatId, topic: TopicKey, is_promised: bool) -> Option<Spot> {
        let taker = self.takers.get_mut(&seat)?;
        let of = if is_promised { &mut taker.promised } else { &mut taker.has };
        let partitions = of.get_mut(&topic)?;
        let partition = partitions.pop()?;
        if partitions.is_empty() {
            of.remove(&topic);
        }
        let load = taker.load;
        self.weigh(seat, load - 1);
        Some(Spot { topic, partition })
    }

    /// Notes how much a member has.
    fn weigh(&mut self, seat: SeatId, load: usize) {
        let Some(taker) = self.takers.get_mut(&seat) else { return };
        let before = std::mem::replace(&mut taker.load, load);
        let index = taker.class;
        let class = &mut self.classes[index];
        let least_before = class.seats.first().copied();
        class.seats.remove(&(before, seat));
        class.seats.insert((load, seat));
        let least = class.seats.first().copied();
        if least == least_before {
            return;
        }
        for topic in class.topics {
            let of_topic = self.least.entry(*topic).or_default();
            if let Some((load, seat)) = least_before {
                of_topic.remove(&(load, seat, index));
            }
            if let Some((load, seat)) = least {
                of_topic.insert((load, seat, index));
            }
        }
    }

    /// Lets those with most give to those with least. Whether anything moved.
    fn level(&mut self, topics: &mut Topics) -> bool {
        let mut has_moved = false;
        let mut ranks: BTreeSet<_> = self.takers.iter().map(|(seat, taker)| (taker.load, *seat)).collect();
        while let Some((load, giver)) = ranks.last().copied() {
            let Some((topic, is_promised, taker)) = self.exchange(giver, load) else {
                ranks.pop_last();
                continue;
            };
            ranks.pop_last();
            ranks.remove(&(self.takers.get(&taker).map_or(0, |taker| taker.load), taker));
            if let Some(spot) = self.give(giver, topic, is_promised) {
                self.take(taker, spot);
                topics.aim(spot, taker);
                has_moved = true;
            }
            for seat in [giver, taker] {
                ranks.extend(self.takers.get(&seat).map(|taker| (taker.load, seat)));
            }
        }
        has_moved
    }

    /// What a member should give away, and to whom: what it does not have yet goes first.
    fn exchange(&self, giver: SeatId, load: usize) -> Option<(TopicKey, bool, SeatId)> {
        let taker = self.takers.get(&giver)?;
        let best = |of: &BTreeMap<TopicKey, Vec<u32>>| {
            let offers = of.keys().filter_map(|topic| {
                let (least, seat, _) = self.least(*topic)?;
                Some((least, *topic, seat))
            });
            offers.min().filter(|(least, ..)| least + 2 <= load)
        };
        if let Some((_, topic, seat)) = best(&taker.promised) {
            return Some((topic, true, seat));
        }
        best(&taker.has).map(|(_, topic, seat)| (topic, false, seat))
    }

    /// The same among those that want the same topics.
    fn level_equals(&mut self, topics: &mut Topics) {
        for index in 0..self.classes.len() {
            loop {
                let seats = &self.classes[index].seats;
                let (Some((least, taker)), Some((most, giver))) =
                    (seats.first().copied(), seats.last().copied())
                else {
                    break;
                };
                if most < least + 2 {
                    break;
                }
                let Some(of) = self.takers.get(&giver) else { break };
                let promised = of.promised.keys().next().map(|topic| (*topic, true));
                let Some((topic, is_promised)) =
                    promised.or_else(|| of.has.keys().next().map(|topic| (*topic, false)))
                else {
                    break;
                };
                let Some(spot) = self.give(giver, topic, is_promised) else { break };
                self.take(taker, spot);
                topics.aim(spot, taker);
            }
        }
    }
}
