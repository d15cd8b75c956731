//! Properties as people write them.

use crate::failure::Failure;
use crate::units::{parse_duration, parse_size, show_duration, show_exact_size};
use std::collections::HashMap;
use std::time::Duration;

/// The properties that were given, as the server takes them.
///
/// # Errors
/// One is given twice.
pub(super) fn collect(
    given: impl IntoIterator<Item = (String, String)>,
) -> Result<HashMap<String, String>, Failure> {
    let mut properties = HashMap::new();
    for (key, value) in given {
        let value = in_base_units(&key, value);
        if properties.insert(key.clone(), value).is_some() {
            return Err(Failure::usage(format!("property {key} is given twice")));
        }
    }
    Ok(properties)
}

/// A size with its unit becomes a number of bytes, and a time one of milliseconds. What is neither stays as it is: the
/// server knows best what is wrong with it.
fn in_base_units(key: &str, value: String) -> String {
    if key.ends_with(".ms")
        && let Ok(time) = parse_duration(&value)
    {
        return time.as_millis().to_string();
    }
    if key.ends_with(".bytes")
        && let Ok(bytes) = parse_size(&value)
    {
        return bytes.to_string();
    }
    value
}

/// A value for people: times and sizes also in the largest units, as [`collect`] takes them.
pub(in crate::command) fn show(key: &str, value: &str) -> String {
    let human = match value.parse() {
        Ok(number) if key.ends_with(".ms") && number >= 1000 => show_duration(Duration::from_millis(number)),
        Ok(number) if key.ends_with(".bytes") && number >= 1000 => show_exact_size(number),
        _ => return value.to_owned(),
    };
    match human.strip_suffix('B').is_some_and(|rest| rest == value) {
        true => value.to_owned(),
        false => format!("{value} ({human})"),
    }
}

#[cfg(test)]
mod tests;
