//! Puts a configuration together out of file, environment and flags, and finds everything that is wrong
//! with it.
//!
//! Each value is first tried alone, over the defaults: so each error belongs to one key and one place,
//! and one error does not hide the next.

use super::{Settings, check};
use ::config::{Config, ConfigError, File, FileFormat, Map, Value, ValueKind};
use std::fmt;
use std::path::Path;

/// What comes from the command line. `None` leaves the key to environment, file and default.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `data_dir`.
    pub data_dir: Option<String>,
    /// `grpc.listen`.
    pub grpc_listen: Option<String>,
    /// `http.listen`.
    pub http_listen: Option<String>,
    /// Whether `grpc.listen` is on loopback unless it is set.
    pub is_dev: bool,
}

/// A configuration that cannot be used.
#[derive(Debug)]
pub struct Invalid {
    /// Everything that is wrong with it; at least one.
    pub errors: Vec<String>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        self.errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for Invalid {}

/// One value and where it comes from.
struct Leaf {
    key: String,
    value: Value,
}

/// Loads the settings. `environment` holds the variables of the process.
///
/// # Errors
/// All that is wrong.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Settings, Invalid> {
    let known = known_keys();
    let mut errors = Vec::new();
    let mut leaves = Vec::new();

    if overrides.is_dev {
        leaves.push(leaf("grpc.listen", "127.0.0.1:9400".to_owned(), "--dev"));
    }
    if let Some(path) = file {
        match read_file(path) {
            Ok(tree) => flatten("", tree, &mut leaves),
            Err(error) => errors.push(error.to_string()),
        }
    }
    read_environment(environment, &known, &mut leaves, &mut errors);
    let flags = [
        ("data_dir", &overrides.data_dir, "--data"),
        ("grpc.listen", &overrides.grpc_listen, "--listen"),
        ("http.listen", &overrides.http_listen, "--http-listen"),
    ];
    for (key, value, flag) in flags {
        leaves.extend(value.iter().map(|value| leaf(key, value.clone(), flag)));
    }

    leaves.retain(|leaf| match try_alone(leaf, &known) {
        Ok(()) => true,
        Err(error) => {
            errors.push(error);
            false
        }
    });
    match merge(&leaves) {
        Ok(settings) => {
            errors.extend(check(&settings));
            if errors.is_empty() {
                return Ok(settings);
            }
        }
        Err(error) => errors.push(error.to_string()),
    }
    Err(Invalid { errors })
}

/// Every key, in the order of the names.
pub(super) fn known_keys() -> Vec<String> {
    let mut leaves = Vec::new();
    // Nothing in the defaults can fail to serialize; if it did, every key would be unknown and the
    // tests would say so.
    if let Ok(defaults) = Config::try_from(&Settings::default())
        && let Ok(tree) = defaults.try_deserialize()
    {
        flatten("", tree, &mut leaves);
    }
    let mut keys: Vec<_> = leaves.into_iter().map(|leaf| leaf.key).collect();
    keys.sort();
    keys
}

fn leaf(key: &str, value: String, origin: &str) -> Leaf {
    Leaf { key: key.to_owned(), value: Value::new(Some(&origin.to_owned()), value) }
}

fn read_file(path: &Path) -> Result<Map<String, Value>, ConfigError> {
    let source = File::from(path).format(FileFormat::Toml).required(true);
    Config::builder().add_source(source).build()?.try_deserialize()
}

fn flatten(prefix: &str, tree: Map<String, Value>, leaves: &mut Vec<Leaf>) {
    for (name, value) in tree {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value.kind {
            ValueKind::Table(tree) => flatten(&key, tree, leaves),
            _ => leaves.push(Leaf { key, value }),
        }
    }
}

/// Takes the variables of known keys. Others may belong to somebody else (Kubernetes sets some for a
/// service called `levee`), so only one that looks like a known one misspelt is an error.
fn read_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    known: &[String],
    leaves: &mut Vec<Leaf>,
    errors: &mut Vec<String>,
) {
    let variables: Vec<_> = known.iter().map(|key| variable(key)).collect();
    for (name, value) in environment {
        if !name.starts_with("LEVEE_") {
            continue;
        }
        if let Some(index) = variables.iter().position(|variable| *variable == name) {
            leaves.push(leaf(&known[index], value, &name));
        } else if let Some(near) = nearest(&name, &variables, 0.92) {
            errors.push(format!("{name}: there is no such variable; did you mean {near}?"));
        }
    }
}

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("LEVEE_{}", key.replace('.', "_").to_uppercase())
}

fn try_alone(leaf: &Leaf, known: &[String]) -> Result<(), String> {
    let place = leaf.value.origin().map(|origin| format!(" ({origin})")).unwrap_or_default();
    if !known.contains(&leaf.key) {
        let hint = match nearest(&leaf.key, known, 0.6) {
            Some(near) => format!("did you mean {near}?"),
            None => "the known keys are in config/leveed.toml".to_owned(),
        };
        return Err(format!("{}{place}: there is no such key; {hint}", leaf.key));
    }
    merge(std::slice::from_ref(leaf)).map(|_| ()).map_err(|error| match error {
        // The key and the place are said already.
        ConfigError::Type { unexpected, expected, .. } => {
            format!("{}{place}: it is {unexpected}, and must be {expected}", leaf.key)
        }
        ConfigError::At { error, .. } => format!("{}{place}: {error}", leaf.key),
        error => format!("{}{place}: {error}", leaf.key),
    })
}

/// The settings with these values over the defaults; later values win.
fn merge(leaves: &[Leaf]) -> Result<Settings, ConfigError> {
    let mut builder = Config::builder();
    for Leaf { key, value } in leaves {
        builder = builder.set_override(key, value.clone())?;
    }
    builder.build()?.try_deserialize()
}

fn nearest<'a>(name: &str, candidates: &'a [String], at_least: f64) -> Option<&'a String> {
    candidates
        .iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= at_least)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
