//! Checks of what members of groups say of themselves.

use super::{invalid, out_of_range};
use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use levee_types::group::StartAt;
use levee_types::limits::{DEFAULT_SESSION_TIMEOUT_MS, MAX_SESSION_TIMEOUT_MS, MIN_SESSION_TIMEOUT_MS};
use levee_types::{GroupName, LeveeError};
use std::time::Duration;

/// The name of a static member; empty for a dynamic one.
pub(crate) fn instance_name(field: &str, value: String) -> Result<Option<String>, LeveeError> {
    if value.is_empty() {
        return Ok(None);
    }
    let hint = || format!("give a name of {}, or nothing for a dynamic member", GroupName::RULE);
    GroupName::new(&value).map_err(|error| invalid(field, error, hint()))?;
    Ok(Some(value))
}

/// How long a member may be silent; 0 for the default.
pub(crate) fn session_timeout(field: &str, value: u32) -> Result<Duration, LeveeError> {
    let ms = match value {
        0 => DEFAULT_SESSION_TIMEOUT_MS,
        MIN_SESSION_TIMEOUT_MS..=MAX_SESSION_TIMEOUT_MS => value,
        _ => return Err(out_of_range(field, value, MIN_SESSION_TIMEOUT_MS, MAX_SESSION_TIMEOUT_MS)),
    };
    Ok(Duration::from_millis(ms.into()))
}

/// Where a group begins; absent for the start.
pub(crate) fn start_at(field: &str, value: Option<v1::OffsetSpec>) -> Result<StartAt, LeveeError> {
    let hint = "give a timestamp, 1 for the start of the log or 2 for its end, or nothing for the start";
    match value.and_then(|start| start.spec) {
        None => Ok(StartAt::default()),
        Some(Spec::TimestampMs(timestamp_ms)) => Ok(StartAt::TimestampMs(timestamp_ms)),
        Some(Spec::Offset(_)) => {
            Err(invalid(&format!("{field}.offset"), "partitions have nothing in common at an offset", hint))
        }
        Some(Spec::Edge(edge)) => match v1::OffsetEdge::try_from(edge) {
            Ok(v1::OffsetEdge::Start) => Ok(StartAt::Start),
            Ok(v1::OffsetEdge::End) => Ok(StartAt::End),
            Ok(v1::OffsetEdge::Unspecified) | Err(_) => {
                Err(invalid(&format!("{field}.edge"), format!("{edge} is neither start nor end"), hint))
            }
        },
    }
}
