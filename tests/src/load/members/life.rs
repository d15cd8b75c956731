//! One member, from its joining to its end.

use super::Shared;
use crate::payload;
use crate::raw::Member;
use crate::recorder::{Commit, Outcome, Tenure};
use crate::seed::Seed;
use levee_proto::v1::consume_request::Kind as Ask;
use levee_proto::v1::consume_response::Kind as Answer;
use levee_proto::{batch, v1};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use tokio::time::Instant;
use tonic::Status;

/// Records that are processed before a commit, at most.
const UNCOMMITTED: u64 = 50;

pub(super) struct Life<'a> {
    shared: &'a Shared,
    process: u32,
    deaths: u32,
    member: Member,
    seed: Seed,
    held: HashMap<u32, Held>,
    /// Commits that are not answered: with their assignments.
    pending: HashMap<u64, Vec<(u32, Commit)>>,
    /// Revoked, and released when this commit is answered.
    leaving: Vec<(u64, Vec<u32>)>,
    commits: u64,
    uncommitted: u64,
    /// What it hears may be old.
    was_silent: bool,
}

/// A partition that the member has, or had.
struct Held {
    tenure: Tenure,
    next: u64,
    committed: u64,
    /// The broker said that it is lost: a commit must be refused.
    is_lost: bool,
}

/// How it ends.
enum End {
    Leaves,
    FallsSilent,
}

impl<'a> Life<'a> {
    pub(super) async fn begin(
        shared: &'a Shared,
        process: u32,
        instance: &str,
        seed: Seed,
    ) -> Result<Self, Status> {
        let world = &shared.group.world;
        let deaths = world.recorder.deaths();
        let member = world.raw().join(shared.group.join(instance, shared.habits.session_timeout)).await?;
        if world.recorder.deaths() != deaths {
            return Err(Status::unavailable("nobody knows which broker this is"));
        }
        Ok(Self {
            shared,
            process,
            deaths,
            member,
            seed,
            held: HashMap::new(),
            pending: HashMap::new(),
            leaving: Vec::new(),
            commits: 0,
            uncommitted: 0,
            was_silent: false,
        })
    }

    pub(super) async fn run(mut self) {
        if self.live().await.is_err() {
            self.unwatch();
        }
        // Whatever was on its way: nobody knows.
        for (_, commit) in self.pending.into_values().flatten() {
            self.shared.group.world.recorder.committed(commit, Outcome::Unknown);
        }
    }

    async fn live(&mut self) -> Result<(), Status> {
        let mut beats = tokio::time::interval(self.shared.habits.session_timeout / 4);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut end = Instant::now() + self.seed.millis(self.shared.habits.lives_ms.clone());
        loop {
            tokio::select! {
                answer = self.member.next() => self.take(answer?),
                _ = beats.tick() => {
                    self.member.beat();
                    self.commit();
                }
                () = tokio::time::sleep_until(end) => {
                    end = Instant::now() + self.seed.millis(self.shared.habits.lives_ms.clone());
                    if self.shared.is_calm.load(Ordering::Relaxed) {
                        continue;
                    }
                    self.shared.ends.fetch_add(1, Ordering::Relaxed);
                    match self.end() {
                        End::Leaves => {
                            self.leave();
                            return Ok(());
                        }
                        End::FallsSilent => self.fall_silent().await,
                    }
                }
            }
        }
    }

    fn end(&mut self) -> End {
        if self.seed.range(0..100) < self.shared.habits.silences { End::FallsSilent } else { End::Leaves }
    }

    /// Some commit before, some do not.
    fn leave(&mut self) {
        if self.seed.range(0..2) == 0 {
            self.commit();
        }
        for held in self.held.values() {
            self.shared.group.world.recorder.released(held.tenure);
        }
    }

    /// Does nothing for longer than it may, and then goes on with what it had: a commit first of all.
    async fn fall_silent(&mut self) {
        self.unwatch();
        self.was_silent = true;
        let extra = self.seed.millis(200..1_500);
        tokio::time::sleep(self.shared.habits.session_timeout + extra).await;
        self.commit();
    }

    fn unwatch(&self) {
        for held in self.held.values() {
            self.shared.group.world.recorder.unwatched(held.tenure);
        }
    }

    fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Joined(_) => panic!("a member joins once"),
            Answer::Assigned(assigned) => self.assigned(assigned),
            Answer::Revoked(revoked) => self.revoked(&revoked),
            Answer::Batches(batches) => self.process(batches),
            Answer::Committed(committed) => self.committed(&committed),
        }
    }

    fn assigned(&mut self, assigned: v1::ConsumeAssigned) {
        let world = &self.shared.group.world;
        for partition in assigned.partitions {
            let tenure = Tenure {
                member: self.process,
                group: self.shared.group.number,
                partition: world.number(partition.partition),
                generation: Some(world.recorder.generation(self.deaths, assigned.generation)),
            };
            let is_sure = self.shared.habits.are_watched && !self.was_silent;
            world.recorder.assigned(tenure, partition.committed_offset, is_sure);
            world.recorder.seek(self.process, tenure.partition, partition.offset);
            let held = Held { tenure, next: partition.offset, committed: partition.offset, is_lost: false };
            self.held.insert(partition.assignment, held);
        }
    }

    fn revoked(&mut self, revoked: &v1::ConsumeRevoked) {
        if revoked.lost {
            for assignment in &revoked.assignments {
                if let Some(held) = self.held.get_mut(assignment) {
                    self.shared.group.world.recorder.unwatched(held.tenure);
                    held.is_lost = true;
                }
            }
            // It tries all the same.
            self.commit();
            self.held.retain(|_, held| !held.is_lost);
            return;
        }
        match self.commit() {
            Some(commit) => self.leaving.push((commit, revoked.assignments.clone())),
            None => self.release(&revoked.assignments),
        }
    }

    fn release(&mut self, assignments: &[u32]) {
        for assignment in assignments {
            if let Some(held) = self.held.remove(assignment) {
                self.shared.group.world.recorder.released(held.tenure);
            }
        }
        self.member.release(assignments.to_vec());
    }

    fn process(&mut self, batches: v1::ReadBatches) {
        let recorder = &self.shared.group.world.recorder;
        let mut bytes = 0;
        for stored in batches.batches {
            bytes += stored.batch.len() as u64;
            let Some(held) = self.held.get_mut(&stored.position) else { continue };
            let records = batch::decode(&stored.batch).expect("a batch");
            for (delta, record) in records {
                let offset = stored.base_offset + u64::from(delta);
                if offset < held.next {
                    continue;
                }
                let value = record.value.as_deref().and_then(payload::parse);
                recorder.read(self.process, held.tenure.partition, value, offset);
                recorder.processed(held.tenure, offset);
                held.next = offset + 1;
                self.uncommitted += 1;
            }
        }
        self.member.ask(Ask::Credit(v1::ReadCredit { bytes }));
        if self.uncommitted >= UNCOMMITTED {
            self.commit();
        }
    }

    /// Commits all that is processed, if there is anything.
    fn commit(&mut self) -> Option<u64> {
        self.uncommitted = 0;
        self.commits += 1;
        let recorder = &self.shared.group.world.recorder;
        let (mut offsets, mut commits) = (Vec::new(), Vec::new());
        for (assignment, held) in self.held.iter_mut().filter(|(_, held)| held.next > held.committed) {
            commits.push((*assignment, recorder.commit(held.tenure, held.next)));
            offsets.push(v1::CommitOffset { assignment: *assignment, offset: held.next });
            held.committed = held.next;
        }
        if offsets.is_empty() {
            return None;
        }
        self.pending.insert(self.commits, commits);
        self.member.commit(self.commits, offsets);
        Some(self.commits)
    }

    fn committed(&mut self, committed: &v1::ConsumeCommitted) {
        let commits = self.pending.remove(&committed.commit_id).expect("an answer to a commit");
        for (assignment, commit) in commits {
            let failure = committed.failures.iter().find(|failure| failure.assignment == assignment);
            let outcome = match failure.and_then(|failure| failure.error.as_ref()) {
                None => Outcome::Acked(0),
                Some(error) => {
                    assert_eq!(error.code(), v1::ErrorCode::MemberFenced, "{error:?}");
                    self.shared.fenced.fetch_add(1, Ordering::Relaxed);
                    Outcome::Failed
                }
            };
            self.shared.group.world.recorder.committed(commit, outcome);
        }
        let (answered, waiting): (Vec<_>, _) =
            std::mem::take(&mut self.leaving).into_iter().partition(|(id, _)| *id == committed.commit_id);
        self.leaving = waiting;
        answered.iter().for_each(|(_, assignments)| self.release(assignments));
    }
}
