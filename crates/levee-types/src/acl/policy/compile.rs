//! From rules to a policy.

use super::{AclPolicy, Effects, Grant, Grantee, OfKind, PatternKey, SubjectKey};
use crate::acl::rule::{AclRule, Effect, Subject};
use crate::acl::slots::{Hashing, Slots};

impl AclPolicy {
    /// Compiles rules, in whatever order.
    #[must_use]
    pub fn compile(rules: impl IntoIterator<Item = AclRule>) -> Self {
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort_unstable_by_key(|rule| rule.id);
        rules.shrink_to_fit();
        let mut policy = Self {
            by_subject: Slots::for_items(rules.len()),
            by_pattern: Slots::for_items(rules.len()),
            rules,
            subjects: Vec::new(),
            everyone: None,
            grants: Vec::new(),
            lengths: Vec::new(),
            hashing: Hashing::new(),
        };
        for rule in 0..number(policy.rules.len()) {
            policy.add(rule);
        }
        policy.add_lengths();
        policy.subjects.shrink_to_fit();
        policy.grants.shrink_to_fit();
        policy
    }

    fn add(&mut self, rule: u32) {
        let AclRule { effect, operations, ref resources, .. } = self.rules[rule as usize];
        let (kind, is_everything) = (resources.kind(), resources.is_everything());
        let subject = self.subject_of(rule);
        let grant = self.grant_of(rule, subject);
        let of_kind = &mut self.subjects[subject as usize].kinds[kind as usize];
        let grant = &mut self.grants[grant as usize];
        match effect {
            Effect::Allow => {
                let allowed = operations.with_implied().bits();
                grant.effects.allows |= allowed;
                of_kind.allows |= allowed;
            }
            Effect::Deny => {
                grant.effects.denies |= operations.bits();
                if is_everything {
                    of_kind.denies_everywhere |= operations.bits();
                }
            }
        }
    }

    /// The subject of a rule, which is new if no rule before has it.
    fn subject_of(&mut self, rule: u32) -> u32 {
        let subject = &self.rules[rule as usize].subject;
        let is_everyone = *subject == Subject::Everyone;
        self.find_subject(SubjectKey::of(subject)).unwrap_or_else(|slot| {
            let new = number(self.subjects.len());
            self.subjects.push(Grantee { rule, kinds: <[OfKind; 2]>::default() });
            self.by_subject.fill(slot, new);
            if is_everyone {
                self.everyone = Some(new);
            }
            new
        })
    }

    /// What is granted to the subject on the pattern of a rule.
    fn grant_of(&mut self, rule: u32, subject: u32) -> u32 {
        let pattern = PatternKey::of(&self.rules[rule as usize].resources);
        let text = self.hashing.text(pattern.text);
        self.find_grant(subject, pattern, text).unwrap_or_else(|slot| {
            let new = number(self.grants.len());
            self.grants.push(Grant { rule, subject, effects: Effects::default() });
            self.by_pattern.fill(slot, new);
            new
        })
    }

    /// Gives each subject the lengths of its prefixes, of topics and of groups.
    fn add_lengths(&mut self) {
        let prefixes = self.grants.iter().filter_map(|grant| {
            let pattern = &self.rules[grant.rule as usize].resources;
            pattern.is_prefix().then(|| (grant.subject, pattern.kind(), pattern.length()))
        });
        let mut lengths: Vec<_> = prefixes.collect();
        lengths.sort_unstable();
        lengths.dedup();
        self.lengths = lengths.iter().map(|(.., length)| *length).collect();
        let mut begin = 0;
        for alike in lengths.chunk_by(|(one, of, _), (other, of_other, _)| (one, of) == (other, of_other)) {
            let (subject, kind, _) = alike[0];
            let end = begin + number(alike.len());
            self.subjects[subject as usize].kinds[kind as usize].lengths = begin..end;
            begin = end;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "so many rules do not fit into memory")]
fn number(count: usize) -> u32 {
    count as u32
}
