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
    /// Whether `grpc.listen` is on loopback and `tenants.default_plan` is `unlimited` unless they are set.
    pub is_dev: bool,
    /// `data_dir` unless it is set anywhere: it loses against environment and file.
    pub fallback_data_dir: Option<String>,
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
    /// From the environment or a flag, where everything is text.
    is_text: bool,
}

/// Variables of `levee`, which may stand in the same environment.
const OF_THE_CLI: [&str; 10] = [
    "LEVEE_CA_FILE",
    "LEVEE_CERT_FILE",
    "LEVEE_CONTEXT",
    "LEVEE_ENDPOINT",
    "LEVEE_KEY_FILE",
    "LEVEE_OUTPUT",
    "LEVEE_TENANT",
    "LEVEE_TIMEOUT",
    "LEVEE_TOKEN",
    "LEVEE_TOKEN_FILE",
];

/// Loads the settings. `environment` holds the variables of the process.
///
/// # Errors
/// All that is wrong.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Settings, Invalid> {
    let known = known();
    let mut errors = Vec::new();
    let mut leaves = Vec::new();

    if overrides.is_dev {
        leaves.push(leaf("grpc.listen", "127.0.0.1:9400".to_owned(), "--dev"));
        leaves.push(leaf("tenants.default_plan", "unlimited".to_owned(), "--dev"));
    }
    leaves.extend(overrides.fallback_data_dir.iter().map(|dir| leaf("data_dir", dir.clone(), "--dev")));
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

    leaves.retain_mut(|leaf| match try_alone(leaf, &known) {
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

/// Every key with its default, in the order of the names.
fn known() -> Vec<Leaf> {
    let mut leaves = Vec::new();
    // Nothing in the defaults can fail to serialize; if it did, every key would be unknown and the
    // tests would say so.
    if let Ok(defaults) = Config::try_from(&Settings::default())
        && let Ok(tree) = defaults.try_deserialize()
    {
        flatten("", tree, &mut leaves);
    }
    leaves.sort_by(|a, b| a.key.cmp(&b.key));
    leaves
}

/// Every key, in the order of the names.
#[cfg(test)]
pub(super) fn known_keys() -> Vec<String> {
    known().into_iter().map(|leaf| leaf.key).collect()
}

fn leaf(key: &str, value: String, origin: &str) -> Leaf {
    Leaf { key: key.to_owned(), value: Value::new(Some(&origin.to_owned()), value), is_text: true }
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
            _ => leaves.push(Leaf { key, value, is_text: false }),
        }
    }
}

/// Takes the variables of known keys. Any other one is an error, unless it is known to be somebody else's.
fn read_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    known: &[Leaf],
    leaves: &mut Vec<Leaf>,
    errors: &mut Vec<String>,
) {
    let variables: Vec<_> = known.iter().map(|leaf| variable(&leaf.key)).collect();
    for (name, value) in environment {
        if !name.starts_with("LEVEE_") {
            continue;
        }
        if let Some(index) = variables.iter().position(|variable| *variable == name) {
            leaves.push(leaf(&known[index].key, value, &name));
        } else if !OF_THE_CLI.contains(&name.as_str()) && !is_service_link(&name, &value) {
            let hint = match nearest(&name, &variables, 0.5) {
                Some(near) => format!("did you mean {near}?"),
                None => "it takes LEVEE_ and a key in upper case, with _ for each dot".to_owned(),
            };
            errors.push(format!("{name}: there is no such variable; {hint}"));
        }
    }
}

/// Whether Kubernetes sets a variable in every pod, for a service whose name begins with `levee`
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>).
fn is_service_link(name: &str, value: &str) -> bool {
    // `…_PORT=tcp://10.0.0.1:9400`: a plain number is from somebody who means a key.
    let is_url = || value.contains("://");
    let is_of_a_port = |rest: &str| {
        rest.split_once('_').is_some_and(|(port, rest)| {
            port.parse::<u16>().is_ok()
                && ["TCP", "UDP", "SCTP"].iter().any(|protocol| rest.starts_with(protocol))
        })
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT") && is_url()
        || name.split_once("_PORT_").is_some_and(|(_, rest)| is_of_a_port(rest))
}

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("LEVEE_{}", key.replace('.', "_").to_uppercase())
}

/// Checks a value and gives it the kind of its key.
fn try_alone(leaf: &mut Leaf, known: &[Leaf]) -> Result<(), String> {
    let place = leaf.value.origin().map(|origin| format!(" ({origin})")).unwrap_or_default();
    let Some(default) = known.iter().find(|known| known.key == leaf.key) else {
        let keys: Vec<_> = known.iter().map(|known| known.key.clone()).collect();
        let hint = match nearest(&leaf.key, &keys, 0.6) {
            Some(near) => format!("did you mean {near}?"),
            None => "the known keys are in config/leveed.toml".to_owned(),
        };
        return Err(format!("{}{place}: there is no such key; {hint}", leaf.key));
    };
    leaf.value.kind = of_kind(leaf, &default.value.kind).map_err(|kind| {
        format!("{}{place}: it is {}, and must be {kind}", leaf.key, shown(&leaf.value.kind))
    })?;
    merge(std::slice::from_ref(leaf)).map(|_| ()).map_err(|error| match error {
        // The key and the place are said already.
        ConfigError::At { error, .. } => format!("{}{place}: {error}", leaf.key),
        error => format!("{}{place}: {error}", leaf.key),
    })
}

/// The value in the kind of its default. The library would take a yes for a 1, and cut off fractions.
fn of_kind(leaf: &Leaf, default: &ValueKind) -> Result<ValueKind, &'static str> {
    let given = &leaf.value.kind;
    let text = match given {
        ValueKind::String(text) if leaf.is_text => Some(text),
        _ => None,
    };
    match default {
        ValueKind::Boolean(_) => match (given, text) {
            (_, Some(text)) => text.parse().ok().map(ValueKind::Boolean),
            (ValueKind::Boolean(_), None) => Some(given.clone()),
            _ => None,
        }
        .ok_or("true or false"),
        ValueKind::I64(_) | ValueKind::U64(_) => match (given, text) {
            (_, Some(text)) => text.parse().ok().map(ValueKind::I64),
            (ValueKind::I64(_) | ValueKind::U64(_), None) => Some(given.clone()),
            _ => None,
        }
        .ok_or("a whole number"),
        _ => match given {
            ValueKind::String(_) => Ok(given.clone()),
            _ => Err("a text"),
        },
    }
}

fn shown(value: &ValueKind) -> String {
    match value {
        ValueKind::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

/// The settings with these values over the defaults; later values win.
fn merge(leaves: &[Leaf]) -> Result<Settings, ConfigError> {
    let mut builder = Config::builder();
    for Leaf { key, value, .. } in leaves {
        builder = builder.set_override(key, value.clone())?;
    }
    builder.build()?.try_deserialize()
}

/// Of `candidates` the one that a misspelt `name` is meant to be, if one is that similar (0 to 1).
pub(crate) fn nearest<'a>(name: &str, candidates: &'a [String], at_least: f64) -> Option<&'a String> {
    candidates
        .iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= at_least)
        // Of several the first.
        .rev()
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
