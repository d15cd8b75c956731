//! The partitions of a group: who has each, and who shall have it.

use super::TopicState;
use super::members::SeatId;
use levee_types::limits::MAX_PARTITIONS_PER_GROUP;
use levee_types::{PartitionId, TenantId, TopicId, TopicName};
use std::collections::{BTreeMap, HashMap};

/// A topic that members want, within the group; it stays the same for another topic of the same name.
pub(super) type TopicKey = u64;

/// A partition within the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) topic: TopicKey,
    pub(super) partition: u32,
}

/// Who has a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Nobody,
    /// It is kept for a member without an open assignment: one that is away.
    Kept(SeatId),
    /// It is assigned.
    Has(SeatId, u32),
    /// It is revoked, and not released yet.
    LettingGo(SeatId, u32),
}

impl Holder {
    pub(super) fn seat(self) -> Option<SeatId> {
        match self {
            Self::Nobody => None,
            Self::Kept(seat) | Self::Has(seat, _) | Self::LettingGo(seat, _) => Some(seat),
        }
    }
}

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) holder: Holder,
    /// Who shall have it.
    pub(super) target: Option<SeatId>,
}

/// One topic.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: TopicName,
    /// None while there is no topic of this name.
    id: Option<TopicId>,
    pub(super) slots: Vec<Slot>,
    /// How many members want it.
    wanted: usize,
}

/// The topics that members want.
#[derive(Debug, Default)]
pub(super) struct Topics {
    by_key: BTreeMap<TopicKey, Topic>,
    by_name: HashMap<TopicName, TopicKey>,
    next_key: TopicKey,
    /// Of all topics.
    partitions: usize,
}

impl Topics {
    /// How many partitions there would be with these topics too.
    pub(super) fn with(&self, topics: &[(TopicName, TopicState)]) -> usize {
        let added = topics.iter().filter(|(name, _)| !self.by_name.contains_key(name));
        self.partitions + added.map(|(_, state)| state.partitions as usize).sum::<usize>()
    }

    /// Makes a topic as it is stated, unknown ones too. Returns who had partitions that are gone, and whether
    /// anything has changed; none if no member wants it and it is gone.
    pub(super) fn change(
        &mut self,
        name: &TopicName,
        state: Option<TopicState>,
    ) -> Option<(Vec<Holder>, bool)> {
        let key = match (self.by_name.get(name), state) {
            (Some(key), _) => *key,
            (None, None) => return None,
            (None, Some(_)) => self.add(name.clone()),
        };
        let topic = self.by_key.get_mut(&key)?;
        let mut dropped = Vec::new();
        let mut is_changed = false;
        if topic.id != state.map(|state| state.id) {
            topic.id = state.map(|state| state.id);
            dropped.extend(topic.slots.drain(..).map(|slot| slot.holder));
            is_changed = true;
        }
        let wanted = state.map_or(0, |state| state.partitions as usize);
        // Partitions are only ever added; beyond the limit of a group they are left alone.
        let others = self.partitions - dropped.len() - topic.slots.len();
        let count = wanted.min(MAX_PARTITIONS_PER_GROUP - others).max(topic.slots.len());
        is_changed |= count > topic.slots.len();
        topic.slots.resize(count, Slot { holder: Holder::Nobody, target: None });
        self.partitions = others + count;
        Some((dropped, is_changed))
    }

    fn add(&mut self, name: TopicName) -> TopicKey {
        let key = self.next_key;
        self.next_key += 1;
        self.by_name.insert(name.clone(), key);
        self.by_key.insert(key, Topic { name, id: None, slots: Vec::new(), wanted: 0 });
        key
    }

    /// One more member wants these, which are known. Returns them in order.
    pub(super) fn subscribe<'a>(&mut self, names: impl Iterator<Item = &'a TopicName>) -> Vec<TopicKey> {
        let mut keys: Vec<_> = names.filter_map(|name| self.by_name.get(name).copied()).collect();
        keys.sort_unstable();
        for key in &keys {
            if let Some(topic) = self.by_key.get_mut(key) {
                topic.wanted += 1;
            }
        }
        keys
    }

    /// One member less wants these. Those that nobody wants are forgotten.
    pub(super) fn unsubscribe(&mut self, keys: &[TopicKey]) {
        for key in keys {
            let Some(topic) = self.by_key.get_mut(key) else { continue };
            topic.wanted -= 1;
            if topic.wanted == 0 {
                self.partitions -= topic.slots.len();
                self.by_name.remove(&topic.name);
                self.by_key.remove(key);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (TopicKey, &Topic)> {
        self.by_key.iter().map(|(key, topic)| (*key, topic))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (TopicKey, &mut Topic)> {
        self.by_key.iter_mut().map(|(key, topic)| (*key, topic))
    }

    /// Every partition, in order.
    pub(super) fn slots(&self) -> impl Iterator<Item = (Spot, &Slot)> {
        self.iter().flat_map(|(topic, of)| {
            (0..).zip(&of.slots).map(move |(partition, slot)| (Spot { topic, partition }, slot))
        })
    }

    /// The same, for those who change them.
    pub(super) fn spots(&self) -> Vec<Spot> {
        self.slots().map(|(spot, _)| spot).collect()
    }

    pub(super) fn get(&self, spot: Spot) -> Option<Slot> {
        self.by_key.get(&spot.topic)?.slots.get(spot.partition as usize).copied()
    }

    pub(super) fn hold(&mut self, spot: Spot, holder: Holder) {
        if let Some(slot) = self.slot(spot) {
            slot.holder = holder;
        }
    }

    pub(super) fn aim(&mut self, spot: Spot, target: SeatId) {
        if let Some(slot) = self.slot(spot) {
            slot.target = Some(target);
        }
    }

    fn slot(&mut self, spot: Spot) -> Option<&mut Slot> {
        self.by_key.get_mut(&spot.topic)?.slots.get_mut(spot.partition as usize)
    }

    pub(super) fn partition_id(&self, tenant: TenantId, spot: Spot) -> Option<PartitionId> {
        let topic = self.by_key.get(&spot.topic)?.id?;
        Some(PartitionId { tenant, topic, partition: spot.partition })
    }
}
