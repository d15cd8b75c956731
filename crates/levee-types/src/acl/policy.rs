//! The rules of a tenant in a form that decides fast.
//!
//! A decision looks up what is granted to each subject that the user falls under: under the exact name of the
//! topic or group, and under its beginning of each length that a prefix of that subject and that kind has. It allocates
//! nothing.

mod compile;

use super::operation::AclOperation;
use super::pattern::Pattern;
use super::resource::{Resource, ResourceKind};
use super::rule::{AclRule, Member, Subject};
use super::slots::{Hashing, Slot, Slots, TextHash};
use std::ops::Range;

/// What the rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It may be done: a rule allows it, or the user is an administrator, and no rule denies it.
    Allowed,
    /// It may not be done: a rule denies it.
    Denied,
    /// It may not be done: no rule allows it.
    NoRule,
}

/// The rules of a tenant, compiled.
#[derive(Debug)]
pub struct AclPolicy {
    /// In the order of the ids.
    rules: Vec<AclRule>,
    /// Whom the rules are for, each once.
    subjects: Vec<Grantee>,
    by_subject: Slots,
    everyone: Option<u32>,
    /// What is granted to each subject on each pattern.
    grants: Vec<Grant>,
    by_pattern: Slots,
    /// Lengths of the prefixes of each subject and kind, ascending.
    lengths: Vec<u8>,
    hashing: Hashing,
}

/// A subject of rules.
#[derive(Debug)]
struct Grantee {
    /// A rule that names it.
    rule: u32,
    /// By the numbers of the kinds.
    kinds: [OfKind; 2],
}

/// The rules of a subject about topics, or about groups.
#[derive(Debug, Default)]
struct OfKind {
    /// What they allow on any.
    allows: u8,
    /// What they deny on every.
    denies_everywhere: u8,
    /// Their part of the lengths.
    lengths: Range<u32>,
}

/// What is granted to a subject on a pattern.
#[derive(Debug)]
struct Grant {
    /// A rule that has the pattern.
    rule: u32,
    subject: u32,
    effects: Effects,
}

/// Bits of operations.
#[derive(Debug, Clone, Copy, Default)]
struct Effects {
    allows: u8,
    denies: u8,
}

/// A subject as it is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SubjectKey<'a> {
    User(&'a str),
    Group(&'a str),
    Everyone,
}

impl<'a> SubjectKey<'a> {
    fn of(subject: &'a Subject) -> Self {
        match subject {
            Subject::User(user) => Self::User(user.as_str()),
            Subject::Group(group) => Self::Group(group.as_str()),
            Subject::Everyone => Self::Everyone,
        }
    }

    fn hash(self, hashing: &Hashing) -> u64 {
        let (text, what) = match self {
            Self::User(name) => (name, 0),
            Self::Group(name) => (name, 1),
            Self::Everyone => ("", 2),
        };
        hashing.tag(hashing.text(text.as_bytes()), what)
    }
}

/// A pattern as it is looked up. As bytes: the beginning of a name that is no valid one may end within a character.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PatternKey<'a> {
    kind: ResourceKind,
    is_prefix: bool,
    text: &'a [u8],
}

impl<'a> PatternKey<'a> {
    fn of(pattern: &'a Pattern) -> Self {
        Self { kind: pattern.kind(), is_prefix: pattern.is_prefix(), text: pattern.text().as_bytes() }
    }
}

impl AclPolicy {
    /// Whether a user may do something with a topic or a group.
    #[must_use]
    pub fn decide(&self, who: &Member<'_>, operation: AclOperation, what: Resource<'_>) -> Decision {
        let mut effects = Effects::default();
        let name = self.hashing.text(what.name.as_bytes());
        for subject in self.subjects_of(who) {
            effects.add(self.effects(subject, what, name));
        }
        if effects.denies & operation.bit() != 0 {
            Decision::Denied
        } else if who.is_admin || effects.allows & operation.bit() != 0 {
            Decision::Allowed
        } else {
            Decision::NoRule
        }
    }

    /// Whether there can be one of this kind with which the user may do this: some rule allows it, or the user is an
    /// administrator, and no rule denies it on every one.
    #[must_use]
    pub fn may_any(&self, who: &Member<'_>, operation: AclOperation, kind: ResourceKind) -> bool {
        let (mut allows, mut denies) = (who.is_admin, false);
        for subject in self.subjects_of(who) {
            let of_kind = &self.subjects[subject as usize].kinds[kind as usize];
            allows |= of_kind.allows & operation.bit() != 0;
            denies |= of_kind.denies_everywhere & operation.bit() != 0;
        }
        allows && !denies
    }

    /// The rules, in the order of their ids.
    #[must_use]
    pub fn rules(&self) -> &[AclRule] {
        &self.rules
    }

    fn subjects_of(&self, who: &Member<'_>) -> impl Iterator<Item = u32> {
        let user = self.find_subject(SubjectKey::User(who.user.as_str())).ok();
        let groups = who.groups.iter();
        let groups = groups.filter_map(|group| self.find_subject(SubjectKey::Group(group.as_str())).ok());
        user.into_iter().chain(groups).chain(self.everyone)
    }

    /// What is granted to one subject on a topic or a group, of whose name the hash is given.
    fn effects(&self, subject: u32, what: Resource<'_>, name: TextHash) -> Effects {
        let Resource { kind, name: text } = what;
        let text = text.as_bytes();
        let mut effects = Effects::default();
        let mut add = |is_prefix, text, hash| {
            if let Ok(grant) = self.find_grant(subject, PatternKey { kind, is_prefix, text }, hash) {
                effects.add(self.grants[grant as usize].effects);
            }
        };
        add(false, text, name);
        let Range { start, end } = self.subjects[subject as usize].kinds[kind as usize].lengths;
        for length in &self.lengths[start as usize..end as usize] {
            let Some(prefix) = text.get(..usize::from(*length)) else { break };
            add(true, prefix, self.hashing.text(prefix));
        }
        effects
    }

    fn find_subject(&self, key: SubjectKey<'_>) -> Result<u32, Slot> {
        self.by_subject.find(key.hash(&self.hashing), |subject| {
            let rule = self.subjects[subject as usize].rule;
            SubjectKey::of(&self.rules[rule as usize].subject) == key
        })
    }

    fn find_grant(&self, subject: u32, key: PatternKey<'_>, text: TextHash) -> Result<u32, Slot> {
        let what = u64::from(subject) << 2 | (key.kind as u64) << 1 | u64::from(key.is_prefix);
        self.by_pattern.find(self.hashing.tag(text, what), |grant| {
            let grant = &self.grants[grant as usize];
            grant.subject == subject && PatternKey::of(&self.rules[grant.rule as usize].resources) == key
        })
    }
}

impl Effects {
    fn add(&mut self, other: Self) {
        self.allows |= other.allows;
        self.denies |= other.denies;
    }
}
