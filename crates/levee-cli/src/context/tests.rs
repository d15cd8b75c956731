use super::*;
use crate::failure::Exit;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

fn store(home: &TempDir) -> ContextStore {
    let home = home.path().to_str().unwrap().to_owned();
    ContextStore::locate(&move |name| (name == "HOME").then(|| home.clone()))
}

fn example() -> ContextFile {
    let context = |tenant: Option<&str>| Context {
        endpoint: "http://127.0.0.1:9400".to_owned(),
        tenant: tenant.map(str::to_owned),
        token_file: tenant.map(|_| "/a token".into()),
        ..Context::default()
    };
    ContextFile {
        current: Some("local".to_owned()),
        contexts: BTreeMap::from([
            ("local".to_owned(), context(None)),
            ("with.dots-and_more".to_owned(), context(Some("acme"))),
        ]),
    }
}

#[test]
fn what_is_saved_is_loaded_and_private() {
    let home = TempDir::new().unwrap();
    let store = store(&home);
    assert_eq!(store.load().unwrap(), ContextFile::default());
    store.save(&example()).unwrap();
    assert_eq!(store.load().unwrap(), example());
    let path = home.path().join(".config/levee/config.toml");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    // Also when the file was open to others before.
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    store.save(&ContextFile::default()).unwrap();
    assert_eq!(store.load().unwrap(), ContextFile::default());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "temporary files are left: {left:?}");
}

#[test]
fn a_link_stays_a_link() {
    let home = TempDir::new().unwrap();
    let elsewhere = home.path().join("dotfiles.toml");
    fs::write(&elsewhere, "").unwrap();
    fs::create_dir_all(home.path().join(".config/levee")).unwrap();
    let link = home.path().join(".config/levee/config.toml");
    symlink(&elsewhere, &link).unwrap();
    store(&home).save(&example()).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&elsewhere).unwrap().contains("acme"));
}

#[test]
fn xdg_config_home_wins_if_absolute() {
    let path = |xdg: &'static str| {
        ContextStore::locate(&move |name| match name {
            "XDG_CONFIG_HOME" => Some(xdg.to_owned()),
            _ => Some("/home/me".to_owned()),
        })
        .path
    };
    assert_eq!(path("/xdg"), Some(PathBuf::from("/xdg/levee/config.toml")));
    assert_eq!(path("relative"), Some(PathBuf::from("/home/me/.config/levee/config.toml")));
}

#[test]
fn without_a_home_there_is_nothing_to_read_and_no_place_to_write() {
    let store = ContextStore::locate(&|_| None);
    assert_eq!(store.load().unwrap(), ContextFile::default());
    assert_eq!(store.save(&example()).unwrap_err().hint, "set HOME");
}

#[test]
fn unknown_keys_are_errors_that_name_the_known_ones() {
    let home = TempDir::new().unwrap();
    fs::create_dir_all(home.path().join(".config/levee")).unwrap();
    let path = home.path().join(".config/levee/config.toml");
    fs::write(&path, "[contexts.local]\nendpoint = \"http://x\"\ntenent = \"acme\"\n").unwrap();
    let failure = store(&home).load().unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(
        failure.message.contains("tenent") && failure.message.contains("`tenant`"),
        "{}",
        failure.message
    );
}

#[test]
fn names() {
    for good in ["a", "local", "eu-1.prod_x"] {
        assert!(check_name(good).is_ok(), "{good}");
    }
    for bad in ["", "a b", "a/b", "é", &"a".repeat(65)] {
        assert!(check_name(bad).is_err(), "{bad}");
    }
}
