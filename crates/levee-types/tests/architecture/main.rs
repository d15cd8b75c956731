//! The architecture as a test: which crate may depend on which, and what may be depended on at all.
//!
//! Works on what `cargo metadata` says of the packages that were built. A failure here is a change of the design:
//! argue it in `ARCHITECTURE.md` first, then change the table.

#![expect(clippy::expect_used, reason = "a test fails by panicking, also in its helpers")]

mod licence;
mod metadata;

use metadata::Metadata;

/// Each crate with the crates of this workspace that it may use when it is built. `levee-tests` is
/// above them all. Dev-dependencies are free.
const ARROWS: &[(&str, &[&str])] = &[
    ("levee-types", &[]),
    ("levee-proto", &["levee-types"]),
    ("levee-storage", &["levee-types"]),
    ("levee-groups", &["levee-types"]),
    ("levee-client", &["levee-proto", "levee-types"]),
    ("levee-broker", &["levee-groups", "levee-proto", "levee-storage", "levee-types"]),
    ("levee-cli", &["levee-client", "levee-types"]),
    (
        "levee-tests",
        &["levee-broker", "levee-cli", "levee-client", "levee-proto", "levee-storage", "levee-types"],
    ),
];

/// Outside crates that only some crates may use, with the reason.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (
        "rocksdb",
        &["levee-storage", "levee-tests"],
        "nothing above the storage knows RocksDB, but the peer of a figure",
    ),
    ("tonic", &["levee-proto", "levee-client", "levee-broker", "levee-tests"], "storage knows no gRPC"),
    (
        "tokio",
        &["levee-storage", "levee-client", "levee-broker", "levee-cli", "levee-tests"],
        "types and protocol need no runtime",
    ),
];

#[test]
fn the_crates_depend_on_each_other_only_along_the_arrows() {
    let metadata = Metadata::of_workspace();
    for (package, used) in metadata.workspace_dependencies() {
        let (_, allowed) = ARROWS
            .iter()
            .find(|(name, _)| *name == package)
            .unwrap_or_else(|| panic!("{package} is new: give it its arrows here and in ARCHITECTURE.md"));
        for dependency in used.iter().filter(|name| name.starts_with("levee-")) {
            assert!(allowed.contains(&dependency.as_str()), "no arrow from {package} to {dependency}");
        }
    }
}

#[test]
fn reserved_crates_are_used_only_where_they_belong() {
    let metadata = Metadata::of_workspace();
    for (package, used) in metadata.workspace_dependencies() {
        for (reserved, users, reason) in RESERVED {
            let is_used = used.iter().any(|name| name == reserved);
            assert!(!is_used || users.contains(&package.as_str()), "{package} uses {reserved}: {reason}");
        }
    }
}

#[test]
fn every_dependency_has_a_licence_out_of_the_list() {
    let metadata = Metadata::with_dependencies();
    let allowed = metadata.deny_rules().licences;
    let licences = metadata.licences();
    assert!(licences.len() > 50, "only {} packages: is this the whole graph?", licences.len());
    for (package, licence) in licences {
        assert!(licence::is_allowed(&licence, &allowed), "{package} is licensed {licence:?}, see deny.toml");
    }
}

#[test]
fn no_dependency_is_built_with_a_banned_feature() {
    let metadata = Metadata::with_dependencies();
    for (name, banned) in metadata.deny_rules().features {
        for features in metadata.features_of(&name) {
            let enabled: Vec<_> = banned.iter().filter(|feature| features.contains(feature)).collect();
            assert!(enabled.is_empty(), "{name} is built with {enabled:?}, see deny.toml");
        }
    }
}
