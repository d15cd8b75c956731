//! What people type does what the documents say: the real `levee` against the real `leveed`.
//!
//! Each test has a broker and a home directory of its own. What `levee` does without a server is tested in
//! its crate.

mod administration;
mod contexts;
mod failures;
mod measures;
mod readme;
mod records;
mod tables;
mod tenancy;
mod top;
mod transfer;

use levee_tests::broker::{Broker, Setup, levee};
use levee_tests::files::write_secret;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Somebody at a shell, with a broker of their own.
struct Desk {
    broker: Broker,
    home: TempDir,
    /// The token of an operator, where one is asked for.
    token_file: Option<PathBuf>,
}

/// What a command left behind.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    async fn new() -> Self {
        let home = TempDir::new().expect("a directory");
        let broker = Broker::start(&Setup::new(&home.path().join("data"))).await;
        Self { broker, home, token_file: None }
    }

    /// With a broker that asks everybody who they are; the desk is an operator's.
    async fn with_authentication() -> Self {
        let home = TempDir::new().expect("a directory");
        let broker = Broker::start(&Setup::new(&home.path().join("data")).with_authentication()).await;
        let token_file = home.path().join("operator.token");
        write_secret(&token_file, &broker.bootstrap_token().expect("the first start tells a token"));
        Self { broker, home, token_file: Some(token_file) }
    }

    /// With the tenant `acme` and its topic `orders` of so many partitions.
    async fn with_orders(partitions: &str) -> Self {
        let desk = Self::new().await;
        desk.ok(&["tenant", "create", "acme"]);
        desk.ok(&["topic", "create", "acme/orders", "-p", partitions]);
        desk
    }

    /// A command that finds the broker by the environment, and nothing else of ours there.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.home.path()).env("LEVEE_ENDPOINT", self.broker.endpoint());
        command.envs(self.token_file.as_ref().map(|file| ("LEVEE_TOKEN_FILE", file)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn levee(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&levee());
        command.args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.levee(arguments).output().expect("levee runs").into()
    }

    /// The same with something on standard input.
    fn feed(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = self.levee(arguments).stdin(Stdio::piped()).spawn().expect("levee runs");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("levee reads");
        child.wait_with_output().expect("levee ends").into()
    }

    /// What a command that succeeds prints; it has nothing to say beside it.
    fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}: {said:?}");
        said.out
    }

    /// The object that a command that succeeds prints for programs.
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["-o", "json"]].concat())).expect("one object")
    }

    /// What a command that fails leaves behind: on standard error for a person, and as an object whose
    /// error has the shape that all errors have.
    fn fails(&self, code: i32, arguments: &[&str]) -> (Said, Value) {
        let said = self.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
        assert!(said.err.starts_with("error: "), "{arguments:?}: {said:?}");
        let again = self.run(&[arguments, &["-o", "json"]].concat());
        assert_eq!(again.code, code, "{arguments:?}: {again:?}");
        let object: Value = serde_json::from_str(&again.out).expect("one object");
        assert_is_error(&object["error"]);
        (said, object)
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().expect("levee ends by itself");
        Self { code, out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Said {
    /// The command that the hint names.
    fn hinted_command(&self) -> Vec<&str> {
        let hint = self.err.lines().find_map(|line| line.strip_prefix("hint: ")).expect("a hint");
        let command = hint.split_once(": levee ").expect("a hint that names a command").1;
        command.split(' ').collect()
    }
}

fn assert_is_error(error: &Value) {
    let mut keys: Vec<_> = error.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "hint", "message", "request_id", "retry_after_ms", "retryable"], "{error}");
}
