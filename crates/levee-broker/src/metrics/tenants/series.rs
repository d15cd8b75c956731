//! Which tenants have series of their own, and how all of them look.

use crate::tenants::Counters;
use levee_types::{TenantId, TenantName};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

/// The name of all tenants beyond the limit together. No tenant can have it.
pub(super) const OTHER: &str = "_other";

/// What a tenant used, and has stored.
#[derive(Debug, Clone)]
pub(super) struct Used {
    pub(super) id: TenantId,
    pub(super) name: TenantName,
    pub(super) counters: Counters,
    pub(super) stored_bytes: u64,
}

/// What one series of each metric shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tenant: String,
    pub(super) counters: Counters,
    pub(super) stored_bytes: u64,
}

/// Who has series of its own: the oldest ones, for as long as they exist.
#[derive(Debug)]
pub(super) struct Series {
    max: usize,
    own: BTreeSet<TenantId>,
    /// What the others used while they were others: a counter must not go back when one of them is deleted or gets
    /// series of its own.
    others: Counters,
    seen: HashMap<TenantId, Counters>,
}

impl Series {
    /// At most so many tenants by their names.
    pub(super) fn new(max: usize) -> Self {
        Self { max, own: BTreeSet::new(), others: Counters::default(), seen: HashMap::new() }
    }

    /// What to show, given every tenant that there is: the tenants in their order, and then all others together.
    pub(super) fn update(&mut self, tenants: &[Used]) -> Vec<Line> {
        let existing: BTreeSet<_> = tenants.iter().map(|tenant| tenant.id).collect();
        self.own.retain(|id| existing.contains(id));
        let free = self.max.saturating_sub(self.own.len());
        let next: Vec<_> = existing.difference(&self.own).take(free).copied().collect();
        self.own.extend(next);

        let mut lines = Vec::with_capacity(self.own.len() + 1);
        let mut seen = HashMap::new();
        let mut stored_bytes = 0;
        for tenant in tenants {
            if self.own.contains(&tenant.id) {
                lines.push(Line {
                    tenant: tenant.name.to_string(),
                    counters: tenant.counters,
                    stored_bytes: tenant.stored_bytes,
                });
                continue;
            }
            let before = self.seen.get(&tenant.id).copied().unwrap_or_default();
            self.others = self.others.plus(tenant.counters.since(before));
            seen.insert(tenant.id, tenant.counters);
            stored_bytes += tenant.stored_bytes;
        }
        self.seen = seen;
        lines.push(Line { tenant: OTHER.to_owned(), counters: self.others, stored_bytes });
        lines
    }
}

/// Name, kind, meaning and value of a metric.
type Metric = (&'static str, &'static str, &'static str, fn(&Line) -> f64);

const METRICS: [Metric; 8] = [
    ("produced_bytes_total", "counter", "Bytes of batches that were acknowledged.", |of| {
        float(of.counters.bytes_in)
    }),
    ("produced_records_total", "counter", "Records that were acknowledged.", |of| {
        float(of.counters.records_in)
    }),
    ("read_bytes_total", "counter", "Bytes of batches that were sent to readers.", |of| {
        float(of.counters.bytes_out)
    }),
    ("read_records_total", "counter", "Records that were sent to readers.", |of| {
        float(of.counters.records_out)
    }),
    ("requests_total", "counter", "Calls, and messages within streams.", |of| float(of.counters.requests)),
    (
        "throttled_seconds_total",
        "counter",
        "Time for which quotas held requests up, added up over all of them.",
        |of| float(of.counters.throttled_us) / 1e6,
    ),
    ("quota_soft_total", "counter", "How often a quota was nearly used up.", |of| {
        float(of.counters.soft_marks)
    }),
    ("stored_bytes", "gauge", "Bytes of batches that are stored.", |of| float(of.stored_bytes)),
];

/// The lines of the exposition format. Names of tenants need no escapes: they are of a-z 0-9 -.
pub(super) fn render(lines: &[Line]) -> String {
    let mut text = String::new();
    for (name, kind, meaning, value) in METRICS {
        let name = format!("levee_tenant_{name}");
        // Writing to a text does not fail.
        let _ = writeln!(text, "# HELP {name} {meaning} By tenant.\n# TYPE {name} {kind}");
        for line in lines {
            let _ = writeln!(text, "{name}{{tenant=\"{}\"}} {}", line.tenant, value(line));
        }
        text.push('\n');
    }
    text
}

/// Prometheus knows no other numbers; they are exact up to 8 PiB.
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
