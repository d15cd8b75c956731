//! The patches of `tests/mutations` are usable: each applies to this checkout, what it names exists, and
//! every test of an invariant is named by one. Running them takes hours: `tests/mutate`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use levee_tests::wait;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tests that no patch is for, with the reason.
const WITHOUT: [(&str, &str); 1] = [("d3_dropped_syncs_are_found", "it breaks the broker itself")];

/// How the name of an end-to-end test begins that shows an invariant: with its id.
fn shows_an_invariant(name: &str) -> bool {
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|letter| letter.is_ascii_lowercase());
    let id = letters.take_while(|letter| *letter != '_').collect::<String>();
    name.starts_with("full_disk_") || begins && !id.is_empty() && id.chars().all(|c| c.is_ascii_digit())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Name and text of each patch.
fn patches() -> Vec<(String, String)> {
    let files = fs::read_dir(root().join("tests/mutations")).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 20, "no patches: {paths:?}");
    let named = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (named(path), fs::read_to_string(path).unwrap())).collect()
}

/// What a patch expects to fail: the target, and the exact name of the test.
fn expected(patch: &str) -> Vec<(&str, &str)> {
    let head = patch.split("\ndiff --git ").next().unwrap();
    head.lines().filter_map(|line| line.strip_prefix("Expect: ")?.split_once(' ')).collect()
}

/// The names of the tests of one file, with those that are run only by hand left out.
fn tests_of(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut attributes = String::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push_str(line);
        } else if let Some((_, rest)) = line.split_once("fn ") {
            if attributes.contains("test") && !attributes.contains("#[ignore") {
                names.push(rest.split(['(', '<']).next().unwrap().to_owned());
            }
            attributes.clear();
        } else if !line.starts_with("//") {
            attributes.clear();
        }
    }
    names
}

/// All tests of one target, as the harness names them: the modules, then the function.
fn tests_below(dir: &Path, module: &str) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let is_root = module.is_empty() && ["lib", "main"].contains(&stem);
        let inner = if is_root { String::new() } else { format!("{module}{stem}::") };
        if path.is_dir() {
            names.extend(tests_below(&path, &inner));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            names.extend(tests_of(&source).into_iter().map(|name| format!("{inner}{name}")));
        }
    }
    names
}

fn tests_of_target(target: &str) -> Vec<String> {
    let dir = match target {
        "e2e" => "tests/tests/e2e".to_owned(),
        "broker" => "crates/levee-broker/tests/broker".to_owned(),
        package => format!("crates/{package}/src"),
    };
    tests_below(&root().join(dir), "")
}

#[test]
fn every_patch_applies() {
    let git = |arguments: &[&str]| Command::new("git").args(arguments).current_dir(root()).output();
    match git(&["rev-parse", "--is-inside-work-tree"]) {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            return wait::skipped("every_patch_applies", &String::from_utf8_lossy(&output.stderr));
        }
        Err(error) => return wait::skipped("every_patch_applies", &format!("git: {error}")),
    }
    let mut problems = String::new();
    for (name, _) in patches() {
        let output = git(&["apply", "--check", &format!("tests/mutations/{name}")]).unwrap();
        if !output.status.success() {
            problems += &format!("{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let what_to_do = "make the same change to the code as it is now, and take its diff";
    assert!(problems.is_empty(), "patches do not apply; {what_to_do}:\n{problems}");
}

#[test]
fn every_patch_names_tests_that_exist() {
    for (name, patch) in patches() {
        let expected = expected(&patch);
        assert!(!expected.is_empty(), "{name} has no line `Expect: TARGET TEST`");
        for (target, test) in expected {
            let tests = tests_of_target(target);
            assert!(tests.iter().any(|name| name == test), "{name}: {target} has no test {test}");
        }
    }
}

#[test]
fn every_patch_has_its_row() {
    let readme = std::fs::read_to_string(root().join("tests/README.md")).unwrap();
    for (name, _) in patches() {
        let name = name.trim_end_matches(".patch");
        assert!(readme.contains(&format!("`{name}`")), "tests/README.md has no row for {name}");
    }
}

#[test]
fn every_test_of_an_invariant_is_named_by_a_patch() {
    let patches = patches();
    let named: Vec<_> = patches.iter().flat_map(|(_, patch)| expected(patch)).collect();
    let tests = tests_of_target("e2e");
    assert!(tests.len() > 20, "too few tests found: {tests:?}");
    for test in tests {
        let name = test.rsplit("::").next().unwrap();
        let is_exempt = WITHOUT.iter().any(|(test, _)| *test == name);
        assert!(
            !shows_an_invariant(name) || is_exempt || named.contains(&("e2e", &test)),
            "no patch of tests/mutations expects {test} to fail: nobody has seen that it can"
        );
    }
}
