use super::{Consumers, Decisions, Expelled, JoinError, Joining, TopicState};
use levee_types::limits::{MAX_MEMBERS_PER_GROUP, MAX_PARTITIONS_PER_GROUP};
use levee_types::{PartitionId, TenantId, TopicId, TopicName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
const START: Duration = Duration::ZERO;

/// A group whose members do at once what they are told.
struct Obedient {
    group: Consumers,
    now: Duration,
    topics: Vec<(TopicName, TopicState)>,
    /// What each member has.
    has: BTreeMap<u64, BTreeMap<u32, u32>>,
    /// Assignments that were revoked so far.
    revoked: usize,
    /// Whether members let go of what is revoked.
    is_obeying: bool,
}

impl Obedient {
    fn new(partitions: u32) -> Self {
        Self {
            group: Consumers::new(TenantId(1), 0),
            now: START,
            topics: vec![topic("t", 1, partitions)],
            has: BTreeMap::new(),
            revoked: 0,
            is_obeying: true,
        }
    }

    fn join(&mut self, member: u64, instance: Option<&str>) -> Decisions {
        let decisions = self.group.join(self.now, joining(member, instance, self.topics.clone())).unwrap();
        self.obey(decisions.clone());
        decisions
    }

    fn leave(&mut self, member: u64) {
        let decisions = self.group.left(self.now, member);
        self.obey(decisions);
    }

    fn obey(&mut self, decisions: Decisions) {
        for (member, assignment) in decisions.ended {
            self.has.get_mut(&member).unwrap().remove(&assignment).unwrap();
        }
        for (member, assigned) in decisions.assigned {
            let assigned = assigned.into_iter().map(|(assignment, id)| (assignment, id.partition));
            self.has.entry(member).or_default().extend(assigned);
        }
        for (member, assignments) in decisions.revoked {
            self.revoked += assignments.len();
            if self.is_obeying {
                let decisions = self.group.released(member, &assignments);
                self.obey(decisions);
            }
        }
    }

    fn partitions(&self, member: u64) -> BTreeSet<u32> {
        self.has.get(&member).map(|has| has.values().copied().collect()).unwrap_or_default()
    }

    fn loads(&self) -> Vec<usize> {
        self.has.values().map(BTreeMap::len).filter(|load| *load > 0).collect()
    }
}

fn topic(name: &str, id: u64, partitions: u32) -> (TopicName, TopicState) {
    (TopicName::new(name).unwrap(), TopicState { id: TopicId(id), partitions })
}

fn joining(member: u64, instance: Option<&str>, topics: Vec<(TopicName, TopicState)>) -> Joining {
    Joining {
        member,
        instance: instance.map(str::to_owned),
        topics,
        session_timeout: TIMEOUT,
        user: format!("user {member}"),
        joined_ms: 7,
    }
}

fn id(topic: u64, partition: u32) -> PartitionId {
    PartitionId { tenant: TenantId(1), topic: TopicId(topic), partition }
}

#[test]
fn the_first_member_has_all_and_the_second_takes_half() {
    let mut group = Obedient::new(10);
    let first = group.join(1, None);
    assert_eq!((first.generation, first.assigned[0].1.len()), (1, 10));
    let second = group.join(2, None);
    // Nothing is given before it is let go of.
    assert_eq!((second.generation, second.revoked.len(), second.assigned.len()), (1, 1, 0));
    assert_eq!((group.loads(), group.revoked), (vec![5, 5], 5));
    assert!(group.partitions(1).is_disjoint(&group.partitions(2)));
    assert_eq!(group.group.generation(), 2);
}

#[test]
fn only_what_must_move_is_revoked() {
    let mut group = Obedient::new(12);
    for member in 1..=3 {
        group.join(member, None);
    }
    assert_eq!((group.loads(), group.revoked), (vec![4, 4, 4], 6 + 4));
    let kept = group.partitions(2);
    group.leave(1);
    assert_eq!((group.loads(), group.revoked), (vec![6, 6], 10));
    assert!(kept.is_subset(&group.partitions(2)));
}

#[test]
fn what_a_late_member_was_promised_can_be_promised_to_another() {
    let mut group = Obedient::new(12);
    group.join(1, None);
    group.is_obeying = false;
    group.join(2, None);
    // Of the six that are being let go of, two become the third one's; nobody lets go of more than it has to.
    group.join(3, None);
    assert_eq!(group.revoked, 8);
}

#[test]
fn what_somebody_does_not_have_yet_is_given_away_first() {
    let mut group = Obedient::new(12);
    group.join(1, None);
    group.join(2, None);
    group.is_obeying = false;
    // Both are to let go of two. The one leaves; the other still has what the third one was promised.
    group.join(3, None);
    group.leave(1);
    assert_eq!((group.partitions(2).len(), group.partitions(3).len(), group.revoked), (8, 4, 10));
    // The third one gives two that it does not have yet, the second two that it has.
    group.join(4, None);
    assert_eq!(group.revoked, 12);
}

#[test]
fn partitions_wait_for_the_one_that_has_them() {
    let mut group = Obedient::new(2);
    group.is_obeying = false;
    group.join(1, None);
    group.join(2, None);
    group.now = TIMEOUT - Duration::from_millis(1);
    group.group.alive(group.now, 1);
    group.group.alive(group.now, 2);
    assert_eq!(group.group.tick(group.now), Decisions { generation: 1, ..Decisions::default() });
    // It is alive, but kept what was revoked for too long.
    group.now = TIMEOUT;
    let decisions = group.group.tick(group.now);
    assert_eq!(decisions.expelled, [(1, Expelled::KeptRevoked)]);
    assert_eq!((decisions.ended.len(), decisions.assigned[0].1.len()), (2, 2));
}

#[test]
fn a_silent_member_loses_what_it_has() {
    let mut group = Obedient::new(4);
    group.join(1, None);
    group.join(2, None);
    group.now = TIMEOUT / 2;
    group.group.alive(group.now, 2);
    assert_eq!(group.group.deadline(), Some(TIMEOUT));
    group.now = TIMEOUT;
    let decisions = group.group.tick(group.now);
    assert_eq!(decisions.expelled, [(1, Expelled::Silent)]);
    group.obey(decisions);
    assert_eq!((group.partitions(1).len(), group.partitions(2).len()), (0, 4));
    assert_eq!(group.group.deadline(), Some(TIMEOUT / 2 + TIMEOUT));
    assert_eq!(group.group.partition_of(1, 0), None);
}

#[test]
fn a_static_member_finds_what_it_left_and_disturbs_nobody() {
    let mut group = Obedient::new(10);
    group.join(1, Some("one"));
    group.join(2, None);
    let (kept, others, revoked) = (group.partitions(1), group.partitions(2), group.revoked);
    group.leave(1);
    assert_eq!((group.partitions(1).len(), group.partitions(2)), (0, others.clone()));
    assert!(group.group.members()[0].is_away && group.group.members()[0].assigned == 5);
    group.now = TIMEOUT - Duration::from_millis(1);
    group.group.alive(group.now, 2);
    let back = group.join(3, Some("one"));
    assert_eq!((back.assigned.len(), back.revoked.len()), (1, 0));
    assert_eq!((group.partitions(3), group.partitions(2), group.revoked), (kept, others, revoked));
}

#[test]
fn a_static_member_that_stays_away_is_missed_for_its_session_timeout() {
    let mut group = Obedient::new(10);
    group.join(1, Some("one"));
    group.join(2, None);
    group.leave(1);
    group.now = TIMEOUT;
    group.group.alive(group.now, 2);
    let decisions = group.group.tick(group.now);
    // There is nobody to expel.
    assert_eq!(decisions.expelled, []);
    group.obey(decisions);
    assert_eq!((group.partitions(2).len(), group.group.len()), (10, 1));
}

#[test]
fn a_second_one_of_the_same_instance_replaces_the_first() {
    let mut group = Obedient::new(4);
    group.join(1, Some("one"));
    group.join(2, None);
    let kept = group.partitions(1);
    let decisions = group.join(3, Some("one"));
    assert_eq!(decisions.expelled, [(1, Expelled::Replaced)]);
    assert_eq!(decisions.ended.len(), 2);
    assert_eq!((group.partitions(3), group.group.len()), (kept, 2));
    // The end of the stream that was replaced changes nothing.
    assert_eq!(group.group.left(group.now, 1).ended, []);
}

#[test]
fn partitions_that_are_added_are_assigned_and_those_that_are_gone_are_lost() {
    let mut group = Obedient::new(2);
    group.join(1, None);
    group.join(2, None);
    let grown = [topic("t", 1, 4)].map(|(name, state)| (name, Some(state)));
    let decisions = group.group.topics_changed(group.now, &grown);
    group.obey(decisions);
    assert_eq!(group.loads(), [2, 2]);
    let again = group.group.topics_changed(group.now, &grown);
    assert_eq!(again, Decisions { generation: group.group.generation(), ..Decisions::default() });

    // Deleted, and created again under the same name.
    let other = [topic("t", 9, 3)].map(|(name, state)| (name, Some(state)));
    let decisions = group.group.topics_changed(group.now, &other);
    assert_eq!((decisions.ended.len(), decisions.lost.len()), (4, 2));
    let assigned: Vec<_> = decisions.assigned.iter().flat_map(|(_, assigned)| assigned).collect();
    assert!(assigned.iter().all(|(_, id)| id.topic == TopicId(9)) && assigned.len() == 3);
    let gone = [(TopicName::new("t").unwrap(), None)];
    assert_eq!(group.group.topics_changed(group.now, &gone).ended.len(), 3);
    assert_eq!(group.group.partitions(), []);
}

#[test]
fn nobody_gets_what_it_does_not_want() {
    let mut group = Consumers::new(TenantId(1), 0);
    let (a, b) = (topic("a", 1, 3), topic("b", 2, 3));
    let all = group.join(START, joining(1, None, vec![a, b.clone()])).unwrap();
    assert_eq!(all.assigned[0].1.len(), 6);
    let decisions = group.join(START, joining(2, None, vec![b])).unwrap();
    let (_, revoked) = &decisions.revoked[0];
    assert_eq!(revoked.len(), 3);
    let decisions = group.released(1, revoked);
    let (member, assigned) = &decisions.assigned[0];
    assert_eq!(
        (*member, assigned.iter().map(|(_, id)| *id).collect::<Vec<_>>()),
        (2, (0..3).map(|p| id(2, p)).collect())
    );
    // A topic that nobody wants any more is forgotten.
    assert_eq!(group.left(START, 1).ended.len(), 3);
    assert_eq!(group.topics().map(TopicName::as_str).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn what_was_not_revoked_is_not_released() {
    let mut group = Obedient::new(4);
    group.join(1, None);
    assert_eq!(group.group.released(1, &[0, 77]).ended, []);
    assert_eq!(group.group.released(5, &[0]).ended, []);
    assert_eq!(group.group.partition_of(1, 0), Some(id(1, 0)));
}

#[test]
fn limits() {
    let mut group = Consumers::new(TenantId(1), 0);
    let too_many = vec![topic("a", 1, 10_000), topic("b", 2, 1)];
    let refused = group.join(START, joining(1, None, too_many));
    assert_eq!(refused, Err(JoinError::TooManyPartitions(10_001)));
    assert!(group.is_empty() && group.topics().next().is_none());
    for member in 0..u64::try_from(MAX_MEMBERS_PER_GROUP).unwrap() {
        group.join(START, joining(member, Some(&member.to_string()), vec![topic("a", 1, 1)])).unwrap();
    }
    assert_eq!(
        group.join(START, joining(9_999, None, vec![topic("a", 1, 1)])),
        Err(JoinError::TooManyMembers)
    );
    group.join(START, joining(10_000, Some("7"), vec![topic("a", 1, 1)])).unwrap();
    // One that grows beyond the limit is served up to there.
    let grown = [topic("a", 1, 10_001)].map(|(name, state)| (name, Some(state)));
    assert_eq!(
        group
            .topics_changed(START, &grown)
            .assigned
            .iter()
            .map(|(_, assigned)| assigned.len())
            .sum::<usize>(),
        MAX_PARTITIONS_PER_GROUP - 1
    );
}

/// The figure of rebalancing: of 1,000 partitions over 100 members, those of the 99 that live never pause.
#[test]
fn when_one_of_a_hundred_dies_the_others_go_on() {
    let mut group = Obedient::new(1_000);
    for member in 0..100 {
        group.join(member, None);
    }
    assert_eq!(group.loads(), [10; 100]);
    let revoked = group.revoked;
    group.leave(50);
    let share = 1.0 - f64::from(10 + u32::try_from(group.revoked - revoked).unwrap()) / 1_000.0;
    assert!(share > 0.98, "{share}");
    assert_eq!((group.loads().iter().sum::<usize>(), group.loads().iter().max()), (1_000, Some(&11)));
}
