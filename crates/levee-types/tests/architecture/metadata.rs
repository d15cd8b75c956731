//! What cargo knows about the workspace, and the rules of `deny.toml`.

use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// The answer of `cargo metadata`.
pub(crate) struct Metadata(Value);

/// What this test takes out of `deny.toml`, so that the rules are written once.
pub(crate) struct DenyRules {
    /// SPDX terms.
    pub(crate) licences: Vec<String>,
    /// Crates with the features that they must not be built with.
    pub(crate) features: Vec<(String, Vec<String>)>,
}

impl Metadata {
    /// The packages of the workspace, as their manifests say.
    pub(crate) fn of_workspace() -> Self {
        Self::run(&["--no-deps"])
    }

    /// Everything that is built for this machine.
    pub(crate) fn with_dependencies() -> Self {
        Self::run(&["--locked", "--filter-platform", &host()])
    }

    fn run(arguments: &[&str]) -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1"])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        Self(serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON"))
    }

    /// Each package of the workspace with the packages that it is built with.
    pub(crate) fn workspace_dependencies(&self) -> Vec<(String, Vec<String>)> {
        let built_with = |package: &Value| {
            list(&package["dependencies"])
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .collect()
        };
        list(&self.0["packages"]).iter().map(|p| (text(&p["name"]), built_with(p))).collect()
    }

    /// Each package with its SPDX expression.
    pub(crate) fn licences(&self) -> Vec<(String, String)> {
        list(&self.0["packages"])
            .iter()
            .map(|package| {
                (text(&package["name"]), package["license"].as_str().unwrap_or_default().to_owned())
            })
            .collect()
    }

    /// The features that each version of a package is built with.
    pub(crate) fn features_of(&self, name: &str) -> Vec<Vec<String>> {
        let ids: Vec<&Value> =
            list(&self.0["packages"]).iter().filter(|p| p["name"] == name).map(|p| &p["id"]).collect();
        list(&self.0["resolve"]["nodes"])
            .iter()
            .filter(|node| ids.contains(&&node["id"]))
            .map(|node| list(&node["features"]).iter().map(text).collect())
            .collect()
    }

    /// The rules of the workspace's `deny.toml`.
    pub(crate) fn deny_rules(&self) -> DenyRules {
        let path = PathBuf::from(text(&self.0["workspace_root"])).join("deny.toml");
        let rules = std::fs::read_to_string(&path).expect("deny.toml is there");
        let rules: Value = toml::from_str(&rules).expect("deny.toml is TOML");
        DenyRules {
            licences: list(&rules["licenses"]["allow"]).iter().map(text).collect(),
            features: list(&rules["bans"]["features"])
                .iter()
                .map(|ban| (text(&ban["crate"]), list(&ban["deny"]).iter().map(text).collect()))
                .collect(),
        }
    }
}

/// The target triple of this machine.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
