//! Checking what a worker says of its records.

use crate::fields::{invalid, out_of_range};
use levee_proto::v1;
use levee_types::LeveeError;
use levee_types::limits::{DEFAULT_LEASE_MS, MAX_LEASE_MS, MAX_REJECT_REASON, MAX_WORK_CREDIT, MIN_LEASE_MS};

/// How long a lease is asked for, in milliseconds.
pub(super) fn lease_ms(field: &str, value: u32) -> Result<u32, LeveeError> {
    match value {
        0 => Ok(DEFAULT_LEASE_MS),
        MIN_LEASE_MS..=MAX_LEASE_MS => Ok(value),
        _ => Err(out_of_range(field, value, MIN_LEASE_MS, MAX_LEASE_MS)),
    }
}

/// Checks every field, and puts in what holds if nothing is said.
pub(super) fn check(mut settle: v1::WorkSettle) -> Result<v1::WorkSettle, LeveeError> {
    let records = settle.acknowledge.len() + settle.reject.len() + settle.extend.len();
    if !(1..=MAX_WORK_CREDIT as usize).contains(&records) {
        return Err(out_of_range("settle", records, 1, MAX_WORK_CREDIT));
    }
    for (index, reject) in settle.reject.iter().enumerate() {
        if reject.delay_ms > MAX_LEASE_MS {
            let field = format!("settle.reject[{index}].delay_ms");
            return Err(out_of_range(&field, reject.delay_ms, 0, MAX_LEASE_MS));
        }
        let characters = reject.reason.chars().count();
        if characters > MAX_REJECT_REASON {
            let problem = format!("it has {characters} characters; the limit is {MAX_REJECT_REASON}");
            return Err(invalid(&format!("settle.reject[{index}].reason"), problem, "say it in fewer words"));
        }
    }
    for (index, extend) in settle.extend.iter_mut().enumerate() {
        extend.lease_ms = lease_ms(&format!("settle.extend[{index}].lease_ms"), extend.lease_ms)?;
    }
    Ok(settle)
}
