//! Commands on several things: each succeeds or fails on its own, and a failure stops none of the others.

use crate::failure::{Exit, Failure};
use crate::output::View;
use serde_json::{Value, json};
use std::fmt::Display;

/// What failed of the things that a command was asked for.
#[derive(Debug)]
pub(super) struct Failures {
    noun: &'static str,
    failed: Vec<(String, Failure)>,
}

impl Failures {
    /// None yet, of things that are called `noun`.
    pub(super) fn of(noun: &'static str) -> Self {
        Self { noun, failed: Vec::new() }
    }

    /// One thing failed.
    pub(super) fn add(&mut self, name: &impl Display, failure: Failure) {
        self.failed.push((name.to_string(), failure));
    }

    /// How many things failed.
    pub(super) fn count(&self) -> usize {
        self.failed.len()
    }

    /// The result of a command that was asked for so many things, with the failures in it for programs.
    ///
    /// # Errors
    /// Something failed. The exit code is that of a partial failure, unless only one thing was asked for.
    pub(super) fn finish(self, asked: usize, view: View) -> Result<View, Failure> {
        let Self { noun, mut failed } = self;
        let json = |(name, failure): &(String, Failure)| json!({"name": name, "error": failure.json()});
        let view = view.with("failures", failed.iter().map(json).collect());
        if asked == 1 {
            return match failed.pop() {
                None => Ok(view),
                Some((_, failure)) => Err(failure.showing(view)),
            };
        }
        let each: Vec<_> =
            failed.into_iter().map(|(name, failure)| failure.at(format!("{noun} {name}"))).collect();
        match Failure::of_several(&format!("{} of {asked} {noun}s", each.len()), each) {
            None => Ok(view),
            Some(failure) => Err(failure.showing(view)),
        }
    }
}

/// Creates every one of `things`; `create_one` tells what is there then, and whether it is new.
///
/// # Errors
/// As [`Failures::finish`].
pub(super) async fn create<T: Display>(
    noun: &'static str,
    things: &[T],
    create_one: impl AsyncFn(&T) -> Result<(Option<Value>, bool), Failure>,
) -> Result<View, Failure> {
    let mut view = View::default();
    let (mut existing, mut created) = (Vec::new(), 0_u64);
    let mut failures = Failures::of(noun);
    for thing in things {
        match create_one(thing).await {
            Ok((json, is_new)) => {
                created += u64::from(is_new);
                let state = if is_new { "created" } else { "exists already" };
                view = view.line(format!("{noun} {thing} {state}")).named([thing.to_string()]);
                existing.extend(json);
            }
            Err(failure) => failures.add(thing, failure.or_if_not_exists()),
        }
    }
    let view = view.with(&format!("{noun}s"), existing.into()).with("created", json!(created));
    failures.finish(things.len(), view)
}

/// One thing that was deleted.
#[derive(Debug)]
pub(super) struct Deleted {
    /// The thing for programs.
    pub(super) json: Value,
    /// What became of it, for people.
    pub(super) line: String,
}

impl Deleted {
    /// A thing that is just gone.
    pub(super) fn new(noun: &str, thing: &impl Display, json: Value) -> Self {
        Self { json, line: format!("{noun} {thing} deleted") }
    }
}

/// Deletes every one of `things`; with `if_exists` one that does not exist has not failed.
///
/// # Errors
/// As [`Failures::finish`].
pub(super) async fn delete<T: Display>(
    noun: &'static str,
    things: &[T],
    if_exists: bool,
    delete_one: impl AsyncFn(&T) -> Result<Deleted, Failure>,
) -> Result<View, Failure> {
    let mut view = View::default();
    let mut deleted = Vec::new();
    let mut failures = Failures::of(noun);
    for thing in things {
        match delete_one(thing).await {
            Ok(Deleted { json, line }) => {
                view = view.line(line).named([thing.to_string()]);
                deleted.push(json);
            }
            Err(failure) if if_exists && failure.exit == Exit::NotFound => {
                view = view.line(format!("{noun} {thing} does not exist"));
            }
            Err(failure) => failures.add(thing, failure),
        }
    }
    let view = view.with("deleted", json!(deleted.len())).with(&format!("{noun}s"), deleted.into());
    failures.finish(things.len(), view)
}

#[cfg(test)]
mod tests;
