//! What the binary does without a server: contexts, errors in every form, exit codes, pipes.

#![expect(clippy::expect_used, reason = "a test fails by panicking, also in its helpers")]

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// `levee` with a home of its own, and nothing of our environment.
fn levee(home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_levee"));
    command.env_clear().env("HOME", home.path()).args(arguments).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("levee runs")
}

fn exit(output: &Output) -> i32 {
    output.status.code().expect("levee exits by itself")
}

fn stdout_json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("stdout is one object")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn values_come_from_flag_environment_context_and_default_in_this_order() {
    let home = TempDir::new().expect("a directory");
    let add = ["context", "add", "c", "--endpoint", "ctx:1", "--tenant", "ctx-tenant"];
    assert_eq!(exit(&run(&mut levee(&home, &add))), 0);

    let endpoint = |arguments: &[&str], variable: Option<&str>| {
        let mut command = levee(&home, &[&["context", "show", "-o", "json"], arguments].concat());
        command.envs(variable.map(|value| ("LEVEE_ENDPOINT", value)));
        stdout_json(&run(&mut command))["settings"]["endpoint"].clone()
    };
    let flag = &["--endpoint", "http://flag:3"];
    assert_eq!(endpoint(flag, Some("env:2")), json!({"value": "http://flag:3", "source": "flag"}));
    assert_eq!(endpoint(&[], Some("env:2")), json!({"value": "http://env:2", "source": "environment"}));
    assert_eq!(endpoint(&[], None), json!({"value": "http://ctx:1", "source": "context"}));
    assert_eq!(exit(&run(&mut levee(&home, &["context", "rm", "c"]))), 0);
    assert_eq!(endpoint(&[], None), json!({"value": "http://127.0.0.1:9400", "source": "default"}));
}

#[test]
fn a_context_knows_the_files_of_secrets_and_nothing_of_what_they_hold() {
    let home = TempDir::new().expect("a directory");
    std::fs::write(home.path().join("acme.token"), "canary").expect("a file");
    let add = [
        "context",
        "add",
        "c",
        "--endpoint",
        "https://127.0.0.1:1",
        "--tenant",
        "acme",
        "--token-file",
        "acme.token",
    ];
    assert_eq!(exit(&run(levee(&home, &add).current_dir(home.path()))), 0);
    let token_file = home.path().join("acme.token").display().to_string();
    for arguments in [
        &["context", "show", "-o", "json"][..],
        &["context", "describe", "c"],
        &["context", "ls", "-o", "wide"],
        &["whatever"],
        &["topic", "ls"],
    ] {
        let output = run(&mut levee(&home, arguments));
        let shown = text(&output.stdout) + &text(&output.stderr);
        assert!(!shown.contains("canary"), "{shown}");
        assert!(arguments[0] != "context" || shown.contains(&token_file), "{shown}");
    }
}

#[test]
fn a_token_of_the_environment_shows_nowhere() {
    let home = TempDir::new().expect("a directory");
    for (token, arguments) in [
        ("canary", &["context", "show", "-o", "yaml"][..]),
        ("canary", &["status", "--endpoint", "127.0.0.1:1", "-o", "json"]),
        ("canary with spaces", &["topic", "ls", "-o", "json"]),
    ] {
        let output = run(levee(&home, arguments).env("LEVEE_TOKEN", token));
        let shown = text(&output.stdout) + &text(&output.stderr);
        assert!(!shown.is_empty() && !shown.contains("canary"), "{shown}");
    }
}

#[test]
fn a_server_that_is_not_there_is_one_object_and_a_hint() {
    let home = TempDir::new().expect("a directory");
    // Port 1 of this machine: nothing listens there.
    let output = run(&mut levee(&home, &["status", "--endpoint", "127.0.0.1:1", "-o", "json"]));
    assert_eq!(exit(&output), 1, "{}", text(&output.stderr));
    let error = &stdout_json(&output)["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&json!("CONNECTION_FAILED"), &json!(true)));
    assert!(text(&output.stderr).contains("\nhint: "), "{}", text(&output.stderr));
}

#[test]
fn usage_errors_have_the_same_shape_and_leave_stdout_empty_for_people() {
    let home = TempDir::new().expect("a directory");
    for arguments in [
        &["topic", "ls", "--bogus"][..],
        &["topic", "ls"],
        &["topic", "create", "acme/_reserved"],
        &["topic", "delete", "acme/orders"],
        &["context", "add", "c", "--endpoint", "ftp://x:1"],
        &["context", "add", "c", "--endpoint", "https://x:1", "--cert-file", "c.pem"],
        &["context", "add", "c", "--endpoint", "http://x:1", "--ca-file", "ca.pem"],
        &["context", "add", "c", "--timeout", "5s"],
        &["context", "use", "c", "--tenant", "acme"],
        &["topic", "config", "set", "acme/orders", "durability=durable", "durability=relaxed"],
        &["group", "ls"],
        &["group", "describe", "acme/_reserved"],
        &["group", "seek", "acme/billing", "--topic", "orders", "--to", "7"],
    ] {
        let output = run(&mut levee(&home, arguments));
        assert_eq!((exit(&output), text(&output.stdout).as_str()), (2, ""), "{arguments:?}");
        assert!(text(&output.stderr).starts_with("error: "), "{arguments:?}");

        let output = run(levee(&home, arguments).env("LEVEE_OUTPUT", "json"));
        assert_eq!(exit(&output), 2, "{arguments:?}");
        let object = stdout_json(&output);
        assert_eq!(object["error"]["code"], json!("INVALID_ARGUMENT"), "{arguments:?}");
        assert_eq!(object["error"].as_object().map(serde_json::Map::len), Some(6), "{arguments:?}");
    }
}

#[test]
fn what_writes_its_data_itself_takes_no_output_and_fails_on_stderr_alone() {
    let home = TempDir::new().expect("a directory");
    for (arguments, hint) in [
        (&["consume", "acme/orders", "-o", "json"][..], "--format"),
        (&["work", "acme/mailer", "-o", "json"], "--format"),
        (&["completion", "bash", "--output=json"], "script"),
        (&["audit", "tail", "-f", "-o", "json"], "--json"),
        (&["tenant", "usage", "acme", "--csv", "-o", "json"], "--csv"),
    ] {
        let output = run(&mut levee(&home, arguments));
        assert_eq!((exit(&output), text(&output.stdout).as_str()), (2, ""), "{arguments:?}");
        assert!(text(&output.stderr).lines().any(|line| line.starts_with("hint: ") && line.contains(hint)));
    }
    // The variable is for other commands. Port 1 of this machine: nothing listens there.
    for arguments in [
        &["consume", "acme/orders", "--endpoint", "127.0.0.1:1"][..],
        &["consume", "acme/orders", "--bogus"],
        &["consume", "acme/orders", "--group", "billing", "--from", "7"],
        &["work", "acme/_mailer"],
        &["work", "acme/mailer", "--topic", "orders", "--from", "7"],
        &["completion", "nosuchshell"],
    ] {
        let output = run(levee(&home, arguments).env("LEVEE_OUTPUT", "json"));
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        assert!(exit(&output) != 0 && text(&output.stderr).starts_with("error: "), "{arguments:?}");
    }
    let output = run(levee(&home, &["completion", "bash"]).env("LEVEE_OUTPUT", "json"));
    assert!(exit(&output) == 0 && text(&output.stdout).starts_with("_levee() {"));
}

#[test]
fn nothing_is_deleted_without_consent() {
    let home = TempDir::new().expect("a directory");
    for arguments in [
        &["tenant", "delete", "acme"][..],
        &["topic", "delete", "acme/orders"],
        &["group", "delete", "acme/billing"],
        &["plan", "delete", "team"],
        &["user", "delete", "ann", "--tenant", "acme"],
        &["user", "delete", "root", "--operator"],
        &["token", "revoke", "0123", "--tenant", "acme"],
        &["acl", "rm", "7", "--tenant", "acme"],
    ] {
        let output = run(&mut levee(&home, arguments));
        assert_eq!(exit(&output), 2, "{arguments:?}");
        assert!(text(&output.stderr).contains("hint: add --yes"), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn no_token_is_issued_whose_secret_would_be_lost() {
    let home = TempDir::new().expect("a directory");
    let issue = &["token", "issue", "--user", "svc", "--tenant", "acme"];
    let output = run(levee(&home, issue).env("LEVEE_OUTPUT", "name"));
    assert_eq!(exit(&output), 2);
    assert!(text(&output.stderr).contains("would be lost"), "{}", text(&output.stderr));
}

#[test]
fn operators_and_a_tenant_exclude_each_other() {
    let home = TempDir::new().expect("a directory");
    let output = run(&mut levee(&home, &["user", "ls", "--operator", "--tenant", "acme"]));
    assert_eq!(exit(&output), 2);
    assert!(text(&output.stderr).contains("exclude each other"), "{}", text(&output.stderr));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = TempDir::new().expect("a directory");
    let mut child = levee(&home, &["completion", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("levee runs");
    let mut first = String::new();
    // The script is larger than a pipe holds, so that the end of it cannot be written.
    BufReader::with_capacity(1, child.stdout.take().expect("a pipe")).read_line(&mut first).expect("a line");
    let output = child.wait_with_output().expect("levee ends");
    assert_eq!((exit(&output), text(&output.stderr).as_str()), (0, ""));
}

#[test]
fn help_is_a_result() {
    let home = TempDir::new().expect("a directory");
    let output = run(&mut levee(&home, &["topic", "create", "--help"]));
    assert_eq!((exit(&output), text(&output.stderr).as_str()), (0, ""));
    assert!(text(&output.stdout).contains("--if-not-exists"));
}
