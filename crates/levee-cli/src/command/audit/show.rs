//! Events of the audit log for people and for programs.

use crate::output::{Section, View};
use crate::units::show_time;
use levee_client::v1::{AuditDecision, AuditEvent};
use serde_json::{Value, json};

/// Characters of a resource in lists.
const MAX_SHOWN: usize = 120;

/// One event.
pub(super) fn described(event: &AuditEvent) -> View {
    let fields = vec![
        ("Sequence", event.sequence.to_string()),
        ("Time", show_time(event.time_ms)),
        ("Decision", decision(event).to_owned()),
        ("Principal", event.principal.clone()),
        ("Action", event.action.clone()),
        ("Resource", event.resource.clone()),
        ("Reason", event.reason.clone()),
        ("Count", event.count.to_string()),
        ("Source", event.source.clone()),
        ("Request", event.request_id.clone()),
    ];
    View::of("event", json(event)).named([event.sequence.to_string()]).section(Section::Fields(fields))
}

/// What it was about, in a line of a list: of a thousand topics or rules, the first ones.
pub(super) fn resource(event: &AuditEvent) -> String {
    let mut shown: String = event.resource.chars().take(MAX_SHOWN).collect();
    if shown.len() < event.resource.len() {
        shown.push('…');
    }
    shown
}

/// An event in one line.
pub(super) fn line(event: &AuditEvent) -> String {
    let AuditEvent { principal, action, reason, source, count, .. } = event;
    let resource = &resource(event);
    let mut line = format!("{} {} {principal} {action}", show_time(event.time_ms), decision(event));
    for (before, text) in [(" ", resource), (" from ", source), (": ", reason)] {
        if !text.is_empty() {
            line = line + before + text;
        }
    }
    if *count > 1 { format!("{line} ({count} times)") } else { line }
}

/// An event for programs.
pub(super) fn json(event: &AuditEvent) -> Value {
    json!({
        "sequence": event.sequence,
        "time": show_time(event.time_ms),
        "principal": event.principal,
        "action": event.action,
        "resource": event.resource,
        "decision": decision(event),
        "reason": event.reason,
        "request_id": event.request_id,
        "source": event.source,
        "count": event.count,
    })
}

pub(super) fn decision(event: &AuditEvent) -> &'static str {
    match event.decision() {
        AuditDecision::Allowed => "allowed",
        AuditDecision::Denied => "denied",
        AuditDecision::Unspecified => "unknown",
    }
}
