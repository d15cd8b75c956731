//! `leveed` does not start with a configuration of TLS that is not whole, and says what is wrong.

use super::authority::{Authority, HOUR, dns, valid};
use super::files::Files;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

const FILES: [(&str, &str); 4] = [
    ("certificate_file", "certificate"),
    ("key_file", "key"),
    ("client_ca_file", "client-ca"),
    ("client_crl_file", "client-crl"),
];

/// Every file that can be set, and they can be used.
fn working() -> (Authority, Files) {
    let authority = Authority::new("all");
    let files = Files::new(&authority.server());
    files.write("client-ca", &authority.pem());
    files.write("client-crl", &authority.revoke(&[], HOUR));
    (authority, files)
}

fn leveed(files: &Files, without: &str) -> Command {
    let lines = FILES.iter().filter(|(key, _)| *key != without);
    let lines: String = lines.map(|(key, name)| format!("{key} = {:?}\n", files.path(name))).collect();
    fs::write(
        files.path("leveed.toml"),
        format!("[tls]\n{lines}reload_interval_ms = 1000\n[auth]\nmethods = \"certificate\"\n"),
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_leveed"));
    command.args(["--dev", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--config"]);
    command.arg(files.path("leveed.toml")).arg("--data").arg(files.path("data"));
    command.env_clear().stderr(Stdio::piped()).stdout(Stdio::null());
    command
}

/// Starts it, and ends it as soon as it is ready. An error: what it said before it ended by itself.
fn start(files: &Files, without: &str) -> Result<(), String> {
    let mut child = leveed(files, without).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("\"ready\"") {
            assert!(line.contains("\"tls\":true"), "{line}");
            child.kill().unwrap();
            child.wait().unwrap();
            return Ok(());
        }
        said = format!("{said}{line}\n");
    }
    assert!(!child.wait().unwrap().success(), "{said}");
    Err(said)
}

/// Fails unless it refuses to start, before it does anything, and says all of this.
fn assert_refuses(files: &Files, without: &str, expected: &[&str]) {
    let said = start(files, without).expect_err(expected[0]);
    for text in expected {
        assert!(said.contains(text), "{text}: {said}");
    }
    assert!(!files.path("data").exists(), "{said}");
}

#[test]
fn each_key_that_others_need_is_missed() {
    let (_authority, files) = working();
    for (key, by) in [
        ("certificate_file", "key_file"),
        ("key_file", "certificate_file"),
        ("client_ca_file", "client_crl_file"),
    ] {
        let missing = format!("tls.{key}: it is missing, and tls.{by} needs it");
        assert_refuses(&files, key, &[&missing]);
    }
    let missing = "tls.client_crl_file: it is missing, and tls.client_ca_file needs it";
    assert_refuses(&files, "client_crl_file", &[missing]);
    start(&files, "").unwrap();
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let (authority, files) = working();
    let path = |name| files.path(name).to_str().unwrap().to_owned();
    for (key, name) in FILES {
        let setting = format!("tls.{key}: {}", path(name));
        let content = fs::read_to_string(files.path(name)).unwrap();
        let half = &content[..content.len() / 2];
        for bad in ["", "nothing", half] {
            files.write(name, bad);
            assert_refuses(&files, "", &[&setting]);
        }
        fs::remove_file(files.path(name)).unwrap();
        assert_refuses(&files, "", &[&setting, "cannot be read"]);
        fs::create_dir(files.path(name)).unwrap();
        assert_refuses(&files, "", &[&setting, "is no regular file"]);
        fs::remove_dir(files.path(name)).unwrap();
        files.write(name, &content);
    }

    for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(files.path("key"), Permissions::from_mode(mode)).unwrap();
        assert_refuses(&files, "", &["tls.key_file", &path("key"), &format!("{mode:04o}"), "chmod 600"]);
    }
    files.write("key", &authority.server().key);
    assert_refuses(&files, "", &["tls.key_file", &path("key"), "is not the key", &path("certificate")]);

    for (seconds, problem) in [(-2 * HOUR..-HOUR, "has expired"), (HOUR..2 * HOUR, "is not valid before")] {
        let server = authority.issue(|params| {
            params.subject_alt_names = vec![dns("localhost")];
            valid(params, seconds);
        });
        files.write_server(&server);
        assert_refuses(&files, "", &["tls.certificate_file", &path("certificate"), problem]);
    }
    files.write_server(&authority.server());

    files.write("client-crl", &authority.revoke(&[], -60));
    assert_refuses(&files, "", &["tls.client_crl_file", &path("client-crl"), "has expired"]);
    files.write("client-crl", &Authority::new("others").revoke(&[], HOUR));
    assert_refuses(&files, "", &["tls.client_crl_file", &path("client-crl"), "has no list of CN=all"]);
    files.write("client-crl", &authority.revoke(&[], HOUR));
    start(&files, "").unwrap();
}

#[test]
fn a_key_that_nobody_can_read_is_named() {
    let (_authority, files) = working();
    fs::set_permissions(files.path("key"), Permissions::from_mode(0o000)).unwrap();
    // The superuser can read it all the same.
    if fs::read(files.path("key")).is_err() {
        assert_refuses(&files, "", &["tls.key_file", "cannot be read", "the user of leveed"]);
    }
}
