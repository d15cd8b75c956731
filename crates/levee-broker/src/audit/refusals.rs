//! Refusals that wait to be written: the first of each tenant one by one, the others counted.

use super::LISTED_AT_ONCE;
use levee_storage::AuditEvent;
use levee_types::TenantId;
use std::collections::HashMap;

/// Events that wait one by one, of all tenants; about 3 MB.
const MAX_LISTED: usize = 10_000;
/// Callers and calls of one tenant that are counted apart.
const MAX_COUNTED_APART: usize = 1_000;

/// Refusals of all tenants.
#[derive(Default)]
pub(super) struct Refusals {
    logs: HashMap<TenantId, Log>,
    listed: usize,
}

#[derive(Default)]
struct Log {
    listed: Vec<AuditEvent>,
    /// By caller and call.
    counted: HashMap<(String, String), AuditEvent>,
    others: u64,
}

impl Refusals {
    pub(super) fn add(&mut self, log: TenantId, event: AuditEvent) {
        let log = self.logs.entry(log).or_default();
        if log.listed.len() < LISTED_AT_ONCE && self.listed < MAX_LISTED {
            log.listed.push(event);
            self.listed += 1;
        } else {
            log.count(event);
        }
    }

    /// The events of each tenant, in the order in which they came; at last those that stand for several.
    pub(super) fn into_logs(self) -> impl Iterator<Item = (TenantId, Vec<AuditEvent>)> {
        self.logs.into_iter().map(|(tenant, log)| (tenant, log.into_events()))
    }
}

impl Log {
    fn count(&mut self, event: AuditEvent) {
        let key = (event.principal.clone(), event.action.clone());
        if let Some(counted) = self.counted.get_mut(&key) {
            counted.count += event.count;
        } else if self.counted.len() < MAX_COUNTED_APART {
            self.counted.insert(key, event);
        } else {
            self.others += event.count;
        }
    }

    fn into_events(self) -> Vec<AuditEvent> {
        let Self { listed: mut events, counted, others } = self;
        events.extend(counted.into_values());
        if others > 0 {
            events.push(AuditEvent {
                principal: "system".to_owned(),
                action: "audit".to_owned(),
                refusal: Some(
                    "more was refused, to more callers, than is written down one by one".to_owned(),
                ),
                count: others,
                ..AuditEvent::default()
            });
        }
        events
    }
}
