//! Properties as people write them.

use crate::failure::Failure;
use crate::units::parse_size;
use std::collections::HashMap;

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

/// A size with its unit becomes a number of bytes. What is no size stays as it is: the server knows best
/// what is wrong with it.
fn in_base_units(key: &str, value: String) -> String {
    if key.ends_with(".bytes")
        && let Ok(bytes) = parse_size(&value)
    {
        return bytes.to_string();
    }
    value
}

#[cfg(test)]
mod tests;
