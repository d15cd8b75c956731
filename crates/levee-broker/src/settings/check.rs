//! The ranges of the settings, and which of them need others.

use super::{Settings, TlsSettings};
use crate::logging;
use levee_types::PlanName;
use levee_types::limits::MAX_QUOTA_RATE;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Every value that lies outside of its range and every one that is missing, as a sentence that names its key.
#[must_use]
pub fn check(settings: &Settings) -> Vec<String> {
    let mut errors = Vec::new();
    let Settings {
        data_dir,
        bootstrap_token_file: _,
        grpc,
        tls,
        http,
        auth: _,
        tenants,
        node,
        storage,
        runtime,
        log,
    } = settings;
    if data_dir.as_os_str().is_empty() {
        errors.push("data_dir: it is empty; give a directory".to_owned());
    }
    within(&mut errors, "grpc.max_connections", grpc.max_connections, 1..=1_000_000);
    within(&mut errors, "grpc.connection_age_ms", grpc.connection_age_ms, 1_000..=604_800_000);
    within(&mut errors, "grpc.connection_age_grace_ms", grpc.connection_age_grace_ms, 1_000..=3_600_000);
    within(&mut errors, "grpc.request_timeout_ms", grpc.request_timeout_ms, 100..=600_000);
    within(&mut errors, "grpc.idle_timeout_ms", grpc.idle_timeout_ms, 1_000..=86_400_000);
    within(&mut errors, "grpc.drain_timeout_ms", grpc.drain_timeout_ms, 0..=25_000);
    check_tls(&mut errors, tls);
    if http.listen == grpc.listen && http.listen.port() != 0 {
        errors.push(format!("http.listen: {} is taken by grpc.listen", http.listen));
    }
    if let Err(error) = PlanName::new(&tenants.default_plan) {
        errors.push(format!("tenants.default_plan: {error}"));
    }
    within(&mut errors, "node.ingress_bytes", node.ingress_bytes, 0..=MAX_QUOTA_RATE);
    within(&mut errors, "node.egress_bytes", node.egress_bytes, 0..=MAX_QUOTA_RATE);
    within(&mut errors, "node.requests", node.requests, 0..=MAX_QUOTA_RATE);
    within(&mut errors, "runtime.worker_threads", runtime.worker_threads, 0..=1_024);
    within(&mut errors, "runtime.blocking_calls", runtime.blocking_calls, 1..=512);
    if let Err(error) = logging::check(&log.level) {
        errors.push(format!("log.level: {error}"));
    }
    errors.extend(storage.problems().into_iter().map(|problem| format!("storage.{problem}")));
    errors
}

/// Part of a configuration of TLS must not pass for all of it.
fn check_tls(errors: &mut Vec<String>, tls: &TlsSettings) {
    let TlsSettings { certificate_file, key_file, client_ca_file, client_crl_file, reload_interval_ms } = tls;
    within(errors, "tls.reload_interval_ms", *reload_interval_ms, 1_000..=3_600_000);
    let certificate = ("tls.certificate_file", certificate_file);
    let key = ("tls.key_file", key_file);
    let client_ca = ("tls.client_ca_file", client_ca_file);
    let client_crl = ("tls.client_crl_file", client_crl_file);
    let needs = [
        (certificate, &[key, client_ca, client_crl][..]),
        (key, &[certificate, client_ca, client_crl]),
        (client_ca, &[client_crl]),
    ];
    for ((needed, path), by) in needs {
        let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
        if let Some((by, _)) = by.iter().find(|(_, path)| is_set(path))
            && !is_set(path)
        {
            errors.push(format!("{needed}: it is missing, and {by} needs it; give a file"));
        }
    }
}

/// Notes a value that lies outside of `range`.
fn within<T: PartialOrd + Display + Copy>(
    errors: &mut Vec<String>,
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) {
    if !range.contains(&value) {
        errors.push(format!("{key}: {value} is out of range; it takes {} to {}", range.start(), range.end()));
    }
}
