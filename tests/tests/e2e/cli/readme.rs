//! What the README says to type works as it stands there.

use super::{Desk, Said};
use levee_tests::broker::{Broker, Setup, levee};
use std::path::Path;
use tempfile::TempDir;

const README: &str = include_str!("../../../../README.md");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_works_as_it_stands() {
    let desk = Desk::new().await;
    let lines = commands("Use it");
    let (levee_lines, others): (Vec<_>, Vec<_>) =
        lines.partition(|line| line.starts_with("levee ") || line.contains("| levee "));
    // What comes before is done already: built, on the path, and running.
    for line in others {
        assert!(
            ["make release", "PATH=", "leveed --dev --data "].iter().any(|start| line.starts_with(start))
        );
    }
    assert!(levee_lines.len() >= 7, "{levee_lines:?}");

    let mut output = String::new();
    for line in levee_lines {
        let said = shell(&desk, &line.replace("--duration 10s", "--duration 200ms"));
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}: {said:?}");
        output.push_str(&said.out);
    }
    for expected in
        ["tenant acme created", " 0 k1 {\"order\":1,\"customer\":\"k1\"}\n", "serving", "acme/load"]
    {
        assert!(output.contains(expected), "no {expected:?} in {output}");
    }
    desk.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_work_as_the_readme_says() {
    let desk = Desk::new().await;
    desk.ok(&["tenant", "create", "acme"]);
    let lines: Vec<_> = commands("Tables").collect();
    assert!(lines.len() >= 8 && lines.iter().all(|line| line.contains("levee ")), "{lines:?}");
    let mut output = String::new();
    for line in lines {
        let said = shell(&desk, line);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}: {said:?}");
        output.push_str(&said.out);
    }
    for expected in ["ada {\"name\":\"Ada\"}\n", "compacted", "0 findings", "receipt"] {
        assert!(output.contains(expected), "no {expected:?} in {output}");
    }
    desk.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_tokens_work_as_the_readme_says() {
    let desk = Desk::with_authentication().await;
    let (levee_lines, others): (Vec<_>, Vec<_>) =
        commands("With users and tokens").partition(|line| line.contains("levee "));
    for line in others {
        assert!(
            ["leveed --data ", "export LEVEE_TOKEN_FILE="].iter().any(|start| line.starts_with(start)),
            "{line}"
        );
    }
    assert!(levee_lines.len() >= 10, "{levee_lines:?}");
    for line in levee_lines {
        let said = shell(&desk, &format!("cd \"$HOME\" && {line}"));
        let says_more = line.contains("levee token issue");
        assert!(said.code == 0 && (said.err.is_empty() || says_more), "{line}: {said:?}");
    }
    let token = desk.home.path().join("svc.token");
    let said: Said =
        desk.levee(&["user", "whoami"]).env("LEVEE_TOKEN_FILE", token).output().expect("levee runs").into();
    assert!(said.out.contains("svc") && said.out.contains("acme"), "{said:?}");
    desk.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_work_as_the_readme_says() {
    let home = TempDir::new().expect("a directory");
    let place = format!("file://{}", home.path().join("place").display());
    let setup = Setup::new(&home.path().join("data")).set_text("backup.url", &place);
    let mut desk = Desk { broker: Broker::start(&setup).await, home, token_file: None };
    let restored = desk.home.path().join("restored");
    let (to_run, others): (Vec<_>, Vec<_>) =
        commands("Backup").partition(|line| !line.contains("leveed --dev --data "));
    assert_eq!(others.len(), 2, "what starts a broker is done already: {others:?}");
    assert!(to_run.len() >= 8, "{to_run:?}");
    for line in to_run {
        if line.starts_with("leveed restore ") {
            desk.broker.stop().await;
            desk.broker = Broker::start(&setup.on(&desk.home.path().join("other"))).await;
        }
        let line = line.replace("file:///var/backups/levee", &place);
        let line = line.replace(" NEW", &format!(" {}", restored.display()));
        let said = shell(&desk, &line);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}: {said:?}");
    }
    desk.broker.stop().await;
    desk.broker = Broker::start(&setup.on(&restored)).await;
    assert_eq!(desk.ok(&["consume", "acme/orders", "--until-end"]), "one\n");
    desk.broker.stop().await;
}

/// What a section says to type.
fn commands(section: &str) -> impl Iterator<Item = &'static str> {
    let section = README.split(&format!("\n## {section}\n")).nth(1).expect("a section");
    let section = section.split("\n## ").next().expect("a section");
    section.lines().filter_map(|line| line.strip_prefix("    "))
}

fn shell(desk: &Desk, line: &str) -> Said {
    let binary = levee();
    let directory = binary.parent().expect("a directory").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = desk.command(Path::new("/bin/sh"));
    command.env("PATH", format!("{directory}:{path}")).args(["-c", line]);
    command.output().expect("a shell").into()
}
