//! The members of a group, and when each has to be heard of.

use super::partitions::{Spot, TopicKey};
use super::{Expelled, Joining};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// The place of a member; a static member that comes back has the same one. In the order of arrival.
pub(super) type SeatId = u64;

/// One member.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) member: u64,
    pub(super) instance: Option<String>,
    pub(super) user: String,
    pub(super) joined_ms: i64,
    /// In order.
    pub(super) topics: Vec<TopicKey>,
    timeout: Duration,
    /// When it was heard of last; of one that is away, when it went.
    pub(super) seen: Duration,
    pub(super) is_away: bool,
    /// Those that have not ended.
    pub(super) assignments: BTreeMap<u32, Spot>,
    /// Those of them that it is to let go of, and since when.
    pub(super) revoked: BTreeMap<u32, Duration>,
    next_assignment: u32,
    /// When it is looked at again: never later than it can be overdue.
    look: Duration,
}

impl Seat {
    pub(super) fn new(joining: Joining, topics: Vec<TopicKey>, now: Duration) -> Self {
        let Joining { member, instance, session_timeout: timeout, user, joined_ms, .. } = joining;
        Self {
            member,
            instance,
            user,
            joined_ms,
            topics,
            timeout,
            seen: now,
            is_away: false,
            assignments: BTreeMap::new(),
            revoked: BTreeMap::new(),
            next_assignment: 0,
            look: now + timeout,
        }
    }

    /// Makes an assignment of a partition.
    pub(super) fn assign(&mut self, spot: Spot) -> u32 {
        let assignment = self.next_assignment;
        self.next_assignment += 1;
        self.assignments.insert(assignment, spot);
        assignment
    }

    /// When it is overdue if nothing more comes from it, and why then.
    fn due(&self) -> (Duration, Option<Expelled>) {
        let silent = self.seen + self.timeout;
        if self.is_away {
            return (silent, None);
        }
        match self.revoked.values().min() {
            Some(since) if *since + self.timeout < silent => {
                (*since + self.timeout, Some(Expelled::KeptRevoked))
            }
            _ => (silent, Some(Expelled::Silent)),
        }
    }
}

/// All members, with static ones that are away.
#[derive(Debug, Default)]
pub(super) struct Members {
    seats: BTreeMap<SeatId, Seat>,
    by_member: HashMap<u64, SeatId>,
    by_instance: HashMap<String, SeatId>,
    next_seat: SeatId,
    /// By when they are looked at. A sign of life changes nothing here: who is looked at and not overdue gets a new
    /// time.
    looks: BTreeSet<(Duration, SeatId)>,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn get(&self, id: SeatId) -> Option<&Seat> {
        self.seats.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: SeatId) -> Option<&mut Seat> {
        self.seats.get_mut(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SeatId, &Seat)> {
        self.seats.iter().map(|(id, seat)| (*id, seat))
    }

    /// The seat of a member whose stream is open.
    pub(super) fn of_member(&self, member: u64) -> Option<SeatId> {
        self.by_member.get(&member).copied()
    }

    pub(super) fn of_instance(&self, instance: &str) -> Option<SeatId> {
        self.by_instance.get(instance).copied()
    }

    pub(super) fn is_static(&self, id: SeatId) -> bool {
        self.get(id).is_some_and(|seat| seat.instance.is_some())
    }

    /// The member on a seat, if its stream is open.
    pub(super) fn live(&self, id: SeatId) -> Option<u64> {
        self.get(id).filter(|seat| !seat.is_away).map(|seat| seat.member)
    }

    /// Gives somebody a seat, or this one. Returns who sat there.
    pub(super) fn sit(&mut self, at: Option<SeatId>, seat: Seat) -> Option<Seat> {
        let id = at.unwrap_or_else(|| {
            self.next_seat += 1;
            self.next_seat
        });
        let before = self.remove(id);
        self.by_member.insert(seat.member, id);
        if let Some(instance) = &seat.instance {
            self.by_instance.insert(instance.clone(), id);
        }
        self.looks.insert((seat.look, id));
        self.seats.insert(id, seat);
        before
    }

    pub(super) fn remove(&mut self, id: SeatId) -> Option<Seat> {
        let seat = self.seats.remove(&id)?;
        self.looks.remove(&(seat.look, id));
        self.by_member.remove(&seat.member);
        if let Some(instance) = &seat.instance {
            self.by_instance.remove(instance);
        }
        Some(seat)
    }

    /// The stream of a static member has ended.
    pub(super) fn go_away(&mut self, id: SeatId, now: Duration) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.is_away = true;
            seat.seen = now;
            self.by_member.remove(&seat.member);
        }
    }

    /// The next one that is overdue, and why, if its stream is open.
    pub(super) fn pop_overdue(&mut self, now: Duration) -> Option<(SeatId, Option<Expelled>)> {
        loop {
            let (look, id) = *self.looks.first()?;
            if look > now {
                return None;
            }
            self.looks.pop_first();
            let Some(seat) = self.seats.get_mut(&id) else { continue };
            let (due, reason) = seat.due();
            if due <= now {
                return Some((id, reason));
            }
            seat.look = due;
            self.looks.insert((due, id));
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.looks.first().map(|(look, _)| *look)
    }

    /// The same with members instead of seats.
    pub(super) fn named<T>(&self, by_seat: BTreeMap<SeatId, T>) -> Vec<(u64, T)> {
        by_seat.into_iter().filter_map(|(id, item)| Some((self.live(id)?, item))).collect()
    }
}
