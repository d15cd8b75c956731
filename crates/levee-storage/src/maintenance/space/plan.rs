//! Which segments go, and which are worth moving what they have.

use crate::shard::{SegmentUse, Survey};
use std::collections::BTreeSet;

/// Deleted segments behind one that is not, at most: their row grows with each. Then the oldest one goes.
const MAX_HOLES: usize = 1000;

/// What to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Nothing of them is needed.
    pub(super) dead: Vec<u64>,
    /// What is needed of them is to be moved: first what must vanish, then where least is needed.
    pub(super) victims: Vec<u64>,
    /// There are others of both, which recovery needs until the index is flushed.
    pub(super) wants_flush: bool,
    /// There are more than were to be moved at once.
    pub(super) is_more: bool,
}

/// What limits the plan.
pub(super) struct Bounds<'a> {
    /// The first segment that recovery needs.
    pub(super) needed_from: u64,
    /// Segments that must go whatever they have.
    pub(super) to_vanish: &'a BTreeSet<u64>,
    /// Segments of which something cannot be read.
    pub(super) damaged: &'a BTreeSet<u64>,
    /// What may be moved at once, in bytes; one segment in any case.
    pub(super) bytes: u64,
}

impl SegmentUse {
    fn is_dead(&self) -> bool {
        self.live == 0 && !self.has_staged
    }

    fn dead_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.live)
    }

    /// In parts of 1024: as fine as it needs to be, to compare.
    fn live_share(&self) -> u64 {
        self.live.saturating_mul(1024) / self.bytes.max(1)
    }
}

/// Decides. A segment with little in it is worth a move when less than half is needed; when more than a fifth of the
/// journal is not needed, so are others, as many as it takes, if a quarter of each is won.
pub(super) fn plan(survey: &Survey, bounds: &Bounds<'_>) -> Plan {
    let segments = &survey.segments;
    let (dead, others): (Vec<&SegmentUse>, Vec<&SegmentUse>) =
        segments.iter().partition(|segment| segment.is_dead());
    let mut movable: Vec<_> = others
        .into_iter()
        .filter(|segment| !segment.has_staged && !bounds.damaged.contains(&segment.id))
        .collect();
    let must_vanish = |segment: &SegmentUse| bounds.to_vanish.contains(&segment.id);
    movable.sort_by_key(|segment| (!must_vanish(segment), segment.live_share()));
    let oldest = segments.first().filter(|_| survey.holes > MAX_HOLES).map(|segment| segment.id);
    let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let mut dead_bytes: u64 = segments.iter().map(SegmentUse::dead_bytes).sum();
    dead_bytes -= dead.iter().map(|segment| segment.bytes).sum::<u64>();
    let mut victims = Vec::new();
    for segment in movable {
        let is_thin = segment.live_share() < 512;
        let helps = dead_bytes > bytes / 5 && segment.live_share() <= 768;
        if must_vanish(segment) || is_thin || helps || oldest == Some(segment.id) {
            dead_bytes -= segment.dead_bytes();
            victims.push(segment);
        }
    }
    let is_free = |segment: &SegmentUse| segment.id < bounds.needed_from;
    let mut plan = Plan {
        dead: dead.iter().filter(|segment| is_free(segment)).map(|segment| segment.id).collect(),
        wants_flush: dead.iter().chain(&victims).any(|segment| !is_free(segment)),
        ..Plan::default()
    };
    let mut room = bounds.bytes;
    for segment in victims.into_iter().filter(|segment| is_free(segment)) {
        if segment.live > room && !plan.victims.is_empty() {
            plan.is_more = true;
            break;
        }
        room = room.saturating_sub(segment.live);
        plan.victims.push(segment.id);
    }
    plan
}

#[cfg(test)]
mod tests;
