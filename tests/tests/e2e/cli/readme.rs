//! What the README says to type works as it stands there.

use super::{Desk, Said};
use levee_tests::broker::levee;
use std::path::Path;

const README: &str = include_str!("../../../../README.md");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_works_as_it_stands() {
    let desk = Desk::new().await;
    let section = README.split("\n## Use it\n").nth(1).expect("a section").split("\n## ").next();
    let lines = section.expect("a section").lines().filter_map(|line| line.strip_prefix("    "));
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

fn shell(desk: &Desk, line: &str) -> Said {
    let binary = levee();
    let directory = binary.parent().expect("a directory").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = desk.command(Path::new("/bin/sh"));
    command.env("PATH", format!("{directory}:{path}")).args(["-c", line]);
    command.output().expect("a shell").into()
}
