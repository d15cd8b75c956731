mod bad_tokens;
mod files;
mod good_tokens;
mod https;
mod refresh;
mod server;
mod signer;

use super::{Jwts, Pace, Verified};
use crate::blocking::Blocking;
use crate::identity::manual_clock::{ManualClock, START_MS};
use crate::identity::{Reason, Rejected};
use levee_types::Clock;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// The claim `iss` of the tests.
const ISSUER: &str = "https://login.test";
/// When it is, in the seconds of claims.
const NOW_S: i64 = START_MS / 1_000;

/// Claims that are good for an hour.
fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "levee", "sub": "alice", "nbf": NOW_S - 60, "exp": NOW_S + 3_600})
}

/// The same with some members replaced; null takes one away.
fn claims_but(changes: &Value) -> Value {
    but(claims(), changes)
}

fn but(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

/// A directory with the files of issuers.
struct Files {
    dir: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        // By renaming, so that nobody reads a half.
        let new = self.dir.path().join("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, &path).unwrap();
        path
    }

    /// Loads issuers; `pace` replaces that of all looks.
    fn load(&self, issuers: &str, clock: Arc<dyn Clock>, pace: Option<Pace>) -> Arc<Jwts> {
        let path = self.write("issuers.toml", issuers);
        let jwts = match pace {
            Some(pace) => Jwts::load_with(&path, clock, |_| pace),
            None => Jwts::load(&path, clock),
        };
        Arc::new(jwts.unwrap_or_else(|error| panic!("{error}")))
    }
}

/// An issuer for a tenant whose keys are in `keys.json`.
fn of_file(algorithms: &[&str]) -> String {
    format!(
        "[[issuer]]\nissuer = \"{ISSUER}\"\naudience = \"levee\"\nalgorithms = {algorithms:?}\n\
         jwks_file = \"keys.json\"\ntenant = \"acme\"\n"
    )
}

fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// Looks at keys until it is dropped.
struct Following(tokio::task::JoinHandle<std::convert::Infallible>);

impl Following {
    fn new(jwts: &Arc<Jwts>) -> Self {
        let tracker = TaskTracker::new();
        let blocking = Blocking::new(tracker.clone(), 1);
        Self(tracker.spawn(Arc::clone(jwts).follow(blocking)))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn soon<T>(event: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), event).await.expect("it does not happen")
}

async fn reason(jwts: &Jwts, token: &str) -> Reason {
    match soon(jwts.verify(token)).await {
        Ok(_) => panic!("it is accepted"),
        Err(Rejected { reason }) => reason,
    }
}

async fn verified(jwts: &Jwts, token: &str) -> Arc<Verified> {
    soon(jwts.verify(token)).await.unwrap_or_else(|rejected| panic!("{rejected:?}"))
}
