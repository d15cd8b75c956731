use super::{Event, Member};
use crate::error::Error;
use crate::position::PartitionOffset;
use crate::stored::samples::{stored, with_gaps};
use levee_proto::v1;
use levee_types::ErrorCode;

/// A member that got these assignments, of the partitions of the same numbers of topic t, from offset 10 on.
fn member(assignments: &[u32]) -> Member {
    let mut member = Member::new(true);
    member.joined(7);
    assign(&mut member, assignments, Some(10));
    assert!(matches!(member.next_event(), Some(Event::Assigned(_))));
    member
}

fn assign(member: &mut Member, assignments: &[u32], committed_offset: Option<u64>) {
    let partition = |assignment: &u32| v1::AssignedPartition {
        assignment: *assignment,
        topic: "t".to_owned(),
        partition: *assignment % 10,
        offset: 10,
        committed_offset,
        end_offset: 99,
    };
    let partitions = assignments.iter().map(partition).collect();
    member.assigned(v1::ConsumeAssigned { generation: 1, partitions }).unwrap();
}

fn arrive(member: &mut Member, batches: &[(u32, u64, u32)]) {
    let batches = batches.iter().map(|(assignment, base, records)| stored(*assignment, *base, *records));
    member.arrived(v1::ReadBatches { batches: batches.collect() });
}

fn revoke(member: &mut Member, assignments: &[u32], lost: bool) {
    member.revoked(&v1::ConsumeRevoked { generation: 2, assignments: assignments.to_vec(), lost });
}

/// Asks for more, and gets this offset of this partition.
fn next(member: &mut Member) -> Option<(u32, u64)> {
    member.asked_for_more();
    member.next_record().unwrap().map(|record| (record.partition, record.offset))
}

fn offsets(commit: Option<&v1::ConsumeCommit>) -> Vec<(u32, u64)> {
    let offsets = commit.into_iter().flat_map(|commit| &commit.offsets);
    offsets.map(|offset| (offset.assignment, offset.offset)).collect()
}

/// Commits what was handed out, and returns what that was and what became of it.
fn commit(member: &mut Member, refused: Option<u32>) -> (Vec<(u32, u64)>, Result<(), Error>) {
    let Some((message, mut outcome)) = member.commit_handed_out() else { return (Vec::new(), Ok(())) };
    let failure = |assignment| v1::CommitFailure {
        assignment,
        error: Some(v1::ErrorDetail {
            code: ErrorCode::MemberFenced as i32,
            message: "not yours".to_owned(),
            ..v1::ErrorDetail::default()
        }),
    };
    let failures = refused.map(failure).into_iter().collect();
    member.committed(v1::ConsumeCommitted { commit_id: message.commit_id, failures }).unwrap();
    (offsets(Some(&message)), outcome.try_recv().unwrap())
}

fn at(partition: u32, offset: u64) -> PartitionOffset {
    PartitionOffset { topic: "t".into(), partition, offset }
}

#[test]
fn records_are_handed_out_once_and_from_the_offset_of_the_assignment_on() {
    let mut member = member(&[1, 2]);
    arrive(&mut member, &[(1, 8, 4), (2, 10, 1), (1, 8, 4), (1, 12, 1)]);
    let handed: Vec<_> = std::iter::from_fn(|| next(&mut member)).collect();
    assert_eq!(handed, [(1, 10), (1, 11), (2, 10), (1, 12)]);
}

#[test]
fn c5_gaps_are_passed_over_and_committed() {
    let mut member = member(&[1]);
    let batches =
        vec![with_gaps(1, 8, 6, &[0, 1]), with_gaps(1, 14, 6, &[1, 4]), with_gaps(1, 30, 5, &[0, 3])];
    member.arrived(v1::ReadBatches { batches });
    let handed: Vec<_> = (0..3).map_while(|_| next(&mut member)).collect();
    assert_eq!(handed, [(1, 15), (1, 18), (1, 30)]);
    let batch = member.next_batch().unwrap().unwrap();
    assert_eq!((batch.base_offset, batch.offsets, batch.next_offset), (33, vec![33], 35));
    assert_eq!(member.assignment(), [at(1, 35)]);
}

#[test]
fn a_batch_is_the_rest_of_the_one_that_was_begun() {
    let mut member = member(&[1]);
    arrive(&mut member, &[(1, 10, 3), (1, 10, 3), (1, 13, 2)]);
    assert_eq!(next(&mut member), Some((1, 10)));
    for (base, records) in [(11, 2), (13, 2)] {
        let batch = member.next_batch().unwrap().unwrap();
        assert_eq!((batch.base_offset, batch.records.len()), (base, records));
    }
    assert_eq!(member.assignment(), [at(1, 15)]);
}

#[test]
fn commits_are_of_what_was_handed_out() {
    let mut member = member(&[1, 2]);
    arrive(&mut member, &[(1, 10, 3)]);
    next(&mut member);
    next(&mut member);
    assert_eq!(commit(&mut member, None), (vec![(1, 12)], Ok(())));
    assert_eq!(commit(&mut member, None), (vec![], Ok(())));
    assert!(member.positions(&"g".into()).is_empty());
}

#[test]
fn g7_what_is_committed_unasked_was_handed_out_before_more_was_asked_for() {
    let mut member = member(&[1]);
    arrive(&mut member, &[(1, 10, 3)]);
    next(&mut member);
    assert!(member.commit_done().is_none());
    next(&mut member);
    let (message, _) = member.commit_done().unwrap();
    assert_eq!(offsets(Some(&message)), [(1, 11)]);
    // One at a time.
    next(&mut member);
    assert!(member.commit_done().is_none());
    member.committed(v1::ConsumeCommitted { commit_id: message.commit_id, failures: vec![] }).unwrap();
    assert_eq!(offsets(member.commit_done().map(|(message, _)| message).as_ref()), [(1, 12)]);
}

#[test]
fn where_a_new_group_begins_is_committed() {
    let mut member = Member::new(true);
    assign(&mut member, &[1, 2], None);
    assert_eq!(commit(&mut member, None), (vec![(1, 10), (2, 10)], Ok(())));
}

#[test]
fn nothing_is_handed_out_of_what_is_revoked() {
    let mut member = member(&[1, 2]);
    arrive(&mut member, &[(1, 10, 3), (2, 10, 2), (1, 13, 1)]);
    assert_eq!(next(&mut member), Some((1, 10)));
    revoke(&mut member, &[1], false);
    arrive(&mut member, &[(1, 13, 1)]);
    assert_eq!(next(&mut member), Some((2, 10)));
    assert_eq!(member.take_revoked(), (vec![1], vec![at(1, 11)]));
    assert_eq!(member.take_revoked(), (vec![], vec![]));
    member.release(&[1]);
    // What was under way.
    arrive(&mut member, &[(1, 14, 1)]);
    assert_eq!([next(&mut member), next(&mut member)], [Some((2, 11)), None]);
    assert_eq!(member.assignment(), [at(2, 12)]);
    // Every byte may be sent again, also those that nobody wanted.
    let bytes: usize = [(1, 10, 3), (2, 10, 2), (1, 13, 1), (1, 13, 1), (1, 14, 1)]
        .map(|(assignment, base, records)| stored(assignment, base, records).batch.len())
        .iter()
        .sum();
    assert_eq!(member.take_credit(1), Some(bytes as u64));
    assert_eq!(member.take_credit(1), None);
}

#[test]
fn a_partition_can_be_committed_until_it_is_let_go_of() {
    let mut member = member(&[1]);
    arrive(&mut member, &[(1, 10, 3)]);
    next(&mut member);
    revoke(&mut member, &[1], false);
    assert!(member.assignment().is_empty());
    let (_, partitions) = member.take_revoked();
    let (message, _) = member.commit(&partitions).unwrap().unwrap();
    assert_eq!(offsets(Some(&message)), [(1, 11)]);
    member.committed(v1::ConsumeCommitted { commit_id: message.commit_id, failures: vec![] }).unwrap();
    member.release(&[1]);
    assert_eq!(member.take_gone(), None);
    assert_eq!(member.commit(&[at(1, 12)]).unwrap_err().code(), Some(ErrorCode::MemberFenced));
}

#[test]
fn what_is_lost_uncommitted_is_told_once() {
    let let_go = |member: &mut Member| {
        revoke(member, &[1], false);
        let (revoked, _) = member.take_revoked();
        member.release(&revoked);
    };
    let ways: [fn(&mut Member); 3] = [|member| revoke(member, &[1], true), Member::disconnected, let_go];
    for lose in ways {
        let mut member = member(&[1, 2]);
        arrive(&mut member, &[(1, 10, 3), (2, 10, 1)]);
        next(&mut member);
        lose(&mut member);
        let positions = member.positions(&"g".into());
        let messages: Vec<_> = positions.to_messages().collect();
        assert_eq!((messages.len(), messages[0].member_id, messages[0].offset), (1, 7, 11));
        let error = member.take_gone().unwrap();
        assert_eq!(error.code(), Some(ErrorCode::MemberFenced));
        assert!(error.message().starts_with("t/1 "), "{error}");
        assert_eq!(member.take_gone(), None);
        assert!(member.positions(&"g".into()).offsets().all(|at| at.partition != 1));
    }
}

#[test]
fn what_is_assigned_again_does_not_hide_what_was_lost() {
    let mut member = member(&[1]);
    arrive(&mut member, &[(1, 10, 1)]);
    next(&mut member);
    member.disconnected();
    member.joined(8);
    assign(&mut member, &[11], Some(10));
    arrive(&mut member, &[(11, 10, 2)]);
    next(&mut member);
    next(&mut member);
    let messages: Vec<_> = member.positions(&"g".into()).to_messages().collect();
    let messages: Vec<_> =
        messages.iter().map(|offset| (offset.member_id, offset.assignment, offset.offset)).collect();
    assert_eq!(messages, [(7, 1, 11), (8, 11, 12)]);
}

#[test]
fn what_was_committed_elsewhere_counts() {
    let mut member = member(&[1]);
    arrive(&mut member, &[(1, 10, 1)]);
    next(&mut member);
    let positions = member.positions(&"g".into());
    member.disconnected();
    // The transaction was committed before the connection was lost.
    positions.committed();
    assert_eq!(member.take_gone(), None);
}

#[test]
fn a_member_that_commits_by_itself_keeps_nothing_of_what_is_lost() {
    let mut member = Member::new(false);
    assign(&mut member, &[1], Some(10));
    arrive(&mut member, &[(1, 10, 1)]);
    next(&mut member);
    member.disconnected();
    assert_eq!(member.take_gone(), None);
}

#[test]
fn a_refused_commit_names_its_partition_and_the_others_are_committed() {
    let mut member = member(&[1, 2]);
    arrive(&mut member, &[(1, 10, 1), (2, 10, 1)]);
    next(&mut member);
    next(&mut member);
    let (all, outcome) = commit(&mut member, Some(1));
    assert_eq!(all, [(1, 11), (2, 11)]);
    let error = outcome.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Some(ErrorCode::MemberFenced), "commit of t/1 up to 11: not yours")
    );
    assert_eq!(commit(&mut member, None).0, [(1, 11)]);
}

#[test]
fn answers_that_make_no_sense_are_refused() {
    let mut member = member(&[1]);
    assert!(member.committed(v1::ConsumeCommitted::default()).is_err());
    let again = v1::AssignedPartition { assignment: 1, ..v1::AssignedPartition::default() };
    let again = v1::ConsumeAssigned { generation: 1, partitions: vec![again] };
    assert!(member.assigned(again).is_err());
}
