//! One event of a history, as it is written and read.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What happened to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It began.
    Invoke,
    /// It succeeded.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Nobody knows whether it happened.
    Info,
}

/// Which operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `value` is sent to `partition`; `ok` carries its `offset`. With `expected`: only to this offset; then a `fail`
    /// may carry the offset that the broker said the next record gets.
    Send,
    /// A reader received `value` at `offset`. Without `value`: bytes that no writer made.
    Read,
    /// A reader goes to `offset`: it asked for exactly this one next.
    Seek,
    /// A transaction begins. `process` is its number: the values that this writer sends are what it holds.
    Begin,
    /// `invoke`: the transaction `process` is asked to be committed; before, nobody may read of it. Its outcome is that
    /// of its sends.
    End,
    /// The copy of `value` was found, in the partition of copies `partition` at `offset`.
    Copy,
    /// A member got `partition`, of which its group has committed `offset`, if anything; `generation` orders who has it
    /// after whom. `info`: it may have lost it again before it heard of it.
    Assign,
    /// `ok`: a member lets go of `partition`, before anybody else may get it. `info`: from now on somebody else may have
    /// it without the member knowing. Without `group`: so it is for all partitions and members.
    Release,
    /// A member has processed the record at `offset`.
    Process,
    /// A member commits `offset` in `partition`, under its assignment of `generation`.
    Commit,
    /// `ok`: somebody was told that `group` has committed `offset` in `partition`, if anything.
    Fetch,
    /// A worker of the queue `group` got `value`.
    Deliver,
    /// A worker acknowledges `value` to the queue `group`.
    Acknowledge,
    /// `value` was found among the dead letters of the queue `group`, at `offset`.
    Dead,
    /// The queue `group` says that in `partition` everything is done.
    Emptied,
    /// `invoke`: a reader starts to read the whole partition, whose first offset is `offset`, after all
    /// sends that count. `ok`: it has reached the end, `offset`.
    Drain,
    /// What was acked in `partition` at `offset` microseconds of the run or later may be gone from the end of
    /// the log: its topic is relaxed, and the power went.
    Forgive,
}

/// A unique value: the number of the writer and its count of values, written `<writer>-<counter>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value {
    /// Who made it.
    pub writer: u32,
    /// Goes up by one with each value that the writer makes.
    pub counter: u32,
}

/// A text that is not `<writer>-<counter>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a value of the form <writer>-<counter>")]
pub struct ParseValueError;

/// A line of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Microseconds since the start of the run.
    #[serde(rename = "time")]
    pub time_us: u64,
    /// Who acts. Readers and writers have different numbers.
    pub process: u32,
    /// Joins the beginning of an operation with its outcome.
    pub op: u64,
    /// What happened.
    #[serde(rename = "type")]
    pub phase: Phase,
    /// To which operation.
    pub kind: Kind,
    /// A number that the run gives to each partition of each topic; a topic that is created again gets
    /// new ones.
    pub partition: u32,
    /// See [`Kind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// See [`Kind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Of a send, the only offset that will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// A number that the run gives to a group or queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// Goes up with each change of who has what, also over restarts of the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

impl Event {
    /// An event of this process, with nothing in the other columns.
    #[must_use]
    pub fn of(process: u32, kind: Kind, phase: Phase) -> Self {
        Self {
            time_us: 0,
            process,
            op: 0,
            phase,
            kind,
            partition: 0,
            value: None,
            offset: None,
            expected: None,
            group: None,
            generation: None,
        }
    }

    /// The same of this partition.
    #[must_use]
    pub fn at(self, partition: u32, offset: impl Into<Option<u64>>) -> Self {
        Self { partition, offset: offset.into(), ..self }
    }

    /// The same of this value.
    #[must_use]
    pub fn with(self, value: impl Into<Option<Value>>) -> Self {
        Self { value: value.into(), ..self }
    }

    /// The same of this group.
    #[must_use]
    pub fn of_group(self, group: u32) -> Self {
        Self { group: Some(group), ..self }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.writer, self.counter)
    }
}

impl FromStr for Value {
    type Err = ParseValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (writer, counter) = text.split_once('-').ok_or(ParseValueError)?;
        let value = Self {
            writer: writer.parse().map_err(|_| ParseValueError)?,
            counter: counter.parse().map_err(|_| ParseValueError)?,
        };
        // One spelling only: "+1-01" is somebody else's.
        if value.to_string() == text { Ok(value) } else { Err(ParseValueError) }
    }
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
