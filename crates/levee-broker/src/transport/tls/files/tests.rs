use super::Content;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn only_its_owner_may_have_access_to_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    fs::write(&path, "secret").unwrap();
    for mode in 0..0o1000 {
        // That the owner, who runs this, may read it is another matter.
        let mode = mode | 0o400;
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let result = Content::read("tls.key_file", &path, true);
        assert_eq!(result.is_ok(), mode & 0o077 == 0, "{mode:o}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let Err(error) = Content::read("tls.key_file", &path, true) else {
        panic!("it was read");
    };
    let said = format!("{error} {error:?}");
    assert!(said.contains("tls.key_file") && said.contains("0640") && said.contains("chmod 600"), "{said}");
    assert!(said.contains(path.to_str().unwrap()) && !said.contains("secret"), "{said}");
}
