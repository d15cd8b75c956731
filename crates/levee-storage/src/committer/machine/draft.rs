//! An entry under construction, with what becomes visible by it.

use super::{Effect, Group};
use crate::journal::Entry;
use crate::keys::{KeyRange, Keyspace};
use crate::operation::Operation;
use bytes::Bytes;
use prost::Message;

/// What a command does.
#[derive(Default)]
pub(crate) struct Draft {
    entry: Entry,
    effects: Vec<Effect>,
    /// It may be lost with the last moment before a power loss.
    is_relaxed: bool,
    begins_segment: bool,
}

impl Draft {
    /// Whether it does nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.entry.operations.is_empty()
    }

    /// Sets a row of the state.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.entry.operations.push(Operation::Put { keyspace: Keyspace::State, key, value });
    }

    /// Sets a row of the state.
    pub(super) fn put_row(&mut self, key: Vec<u8>, row: &impl Message) {
        self.put(key, row.encode_to_vec());
    }

    /// Adds an operation with its part of the payload.
    pub(super) fn batch(&mut self, operation: Operation, bytes: Bytes) {
        self.entry.operations.push(operation);
        self.entry.payload.push(bytes);
    }

    /// Adds an operation without a payload.
    pub(super) fn operation(&mut self, operation: Operation) {
        self.entry.operations.push(operation);
    }

    /// Removes a row of the state.
    pub(super) fn delete(&mut self, key: Vec<u8>) {
        self.entry.operations.push(Operation::Delete { keyspace: Keyspace::State, key });
    }

    pub(super) fn delete_range(&mut self, keyspace: Keyspace, (from, to): KeyRange) {
        self.entry.operations.push(Operation::DeleteRange { keyspace, from, to });
    }

    /// Adds what becomes visible.
    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Its group need not wait for a sync.
    pub(crate) fn relax(&mut self) {
        self.is_relaxed = true;
    }

    /// Its entry is to be the first one of a segment.
    pub(super) fn begin_segment(&mut self) {
        self.begins_segment = true;
    }

    /// Changes of what is administered wait for the sync.
    pub(crate) fn finish(self, group: &mut Group) {
        group.add(self.entry, !self.is_relaxed);
        if self.begins_segment {
            group.begin_segment();
        }
        self.effects.into_iter().for_each(|effect| group.add_effect(effect));
    }
}
