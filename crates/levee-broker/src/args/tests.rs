//! Where a broker for development keeps its data, and whether they outlive it.

use super::Args;
use clap::Parser as _;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The data directory with these arguments and this environment, and whether it is deleted at the end.
fn data_dir(arguments: &[&str], environment: &[(&str, &Path)]) -> (PathBuf, bool) {
    let args = Args::parse_from(["leveed"].iter().chain(arguments));
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let (settings, temporary) = args.settings_in(environment).unwrap();
    (settings.data_dir, temporary.is_some())
}

#[test]
fn dev_alone_works_on_a_directory_that_is_deleted() {
    let (dir, is_temporary) = data_dir(&["--dev"], &[]);
    assert!(is_temporary);
    assert!(!dir.exists(), "{} is left", dir.display());
}

#[test]
fn dev_works_with_the_shipped_file() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/leveed.toml");
    let (_, is_temporary) = data_dir(&["--dev", "--config", shipped.to_str().unwrap()], &[]);
    assert!(is_temporary);
}

#[test]
fn dev_keeps_data_wherever_their_place_is_set() {
    let parent = tempfile::tempdir().unwrap();
    let [flag, variable, key] = ["flag", "variable", "key"].map(|name| parent.path().join(name));
    let file = parent.path().join("leveed.toml");
    fs::write(&file, format!("data_dir = {key:?}\n")).unwrap();
    let with_file = ["--dev", "--config", file.to_str().unwrap()];
    let with_flag = [&with_file[..], &["--data", flag.to_str().unwrap()]].concat();
    let in_environment = [("LEVEE_DATA_DIR", variable.as_path())];

    assert_eq!(data_dir(&with_file, &[]), (key, false));
    assert_eq!(data_dir(&["--dev"], &in_environment), (variable.clone(), false));
    assert_eq!(data_dir(&with_file, &in_environment), (variable.clone(), false));
    assert_eq!(data_dir(&with_flag, &in_environment), (flag, false));
}
