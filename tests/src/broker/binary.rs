//! Where the binaries under test are.

use std::path::PathBuf;

/// `leveed`: from the variable `LEVEED`, else beside this test.
///
/// # Panics
/// When it is missing; the message says how to build it.
#[must_use]
pub fn leveed() -> PathBuf {
    find("leveed", "LEVEED")
}

/// `levee`: from the variable `LEVEE`, else beside this test.
///
/// # Panics
/// When it is missing; the message says how to build it.
#[must_use]
pub fn levee() -> PathBuf {
    find("levee", "LEVEE")
}

fn find(name: &str, variable: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "{variable} names {}, which is no file", path.display());
        return path;
    }
    let this = std::env::current_exe().expect("a process knows its own file");
    // target/<profile>/deps/<test> or target/<profile>/<program>
    let found = this.ancestors().skip(1).take(2).map(|dir| dir.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "there is no {name} beside {}: build it in the same profile (cargo build --workspace), or name \
             one in {variable}",
            this.display()
        )
    })
}
