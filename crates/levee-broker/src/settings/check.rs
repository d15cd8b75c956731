//! The ranges of the settings, and which of them need others.

use super::tls::NO_CRL;
use super::{AuthSettings, BackupSettings, Settings, TlsSettings};
use crate::backup::location::Location;
use crate::logging;
use levee_types::PlanName;
use levee_types::limits::{MAX_PROPERTY_MS, MAX_QUOTA_RATE, MAX_QUOTA_TOTAL};
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
        metrics,
        auth,
        tenants,
        topics,
        node,
        storage,
        backup,
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
    within(&mut errors, "metrics.max_tenant_series", metrics.max_tenant_series, 1..=100_000);
    check_methods(&mut errors, auth, tls);
    if let Err(error) = PlanName::new(&tenants.default_plan) {
        errors.push(format!("tenants.default_plan: {error}"));
    }
    bound(&mut errors, "topics.retention_ms", topics.retention_ms, MAX_PROPERTY_MS);
    bound(&mut errors, "topics.retention_bytes", topics.retention_bytes, MAX_QUOTA_TOTAL);
    within(&mut errors, "node.ingress_bytes", node.ingress_bytes, 0..=MAX_QUOTA_RATE);
    within(&mut errors, "node.egress_bytes", node.egress_bytes, 0..=MAX_QUOTA_RATE);
    within(&mut errors, "node.requests", node.requests, 0..=MAX_QUOTA_RATE);
    check_backup(&mut errors, backup);
    within(&mut errors, "runtime.worker_threads", runtime.worker_threads, 0..=1_024);
    within(&mut errors, "runtime.blocking_calls", runtime.blocking_calls, 1..=512);
    if let Err(error) = logging::check(&log.level) {
        errors.push(format!("log.level: {error}"));
    }
    errors.extend(storage.problems().into_iter().map(|problem| format!("storage.{problem}")));
    errors
}

/// A place that cannot be is not met only when it is needed.
fn check_backup(errors: &mut Vec<String>, backup: &BackupSettings) {
    let BackupSettings { url, s3_endpoint, s3_region, s3_allow_http, bytes_per_second } = backup;
    if !url.is_empty()
        && let Err(problem) = Location::parse(url)
    {
        errors.push(format!("backup.url: {problem}"));
    }
    let is_https = s3_endpoint.starts_with("https://");
    if !s3_endpoint.is_empty() && !is_https && !s3_endpoint.starts_with("http://") {
        errors.push(format!("backup.s3_endpoint: {s3_endpoint:?} is no address; give https://HOST:PORT"));
    } else if !s3_endpoint.is_empty() && !is_https && !s3_allow_http {
        errors.push(format!(
            "backup.s3_endpoint: {s3_endpoint:?} is without TLS; give https://…, or set backup.s3_allow_http"
        ));
    }
    if !s3_region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        errors.push(format!("backup.s3_region: {s3_region:?} is no region; give letters, digits and -"));
    }
    within(errors, "backup.bytes_per_second", *bytes_per_second, 0..=MAX_QUOTA_RATE);
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
    let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
    if is_set(client_ca_file) && !is_set(client_crl_file) {
        let problem = "it is missing, and tls.client_ca_file needs it";
        errors.push(format!(
            "tls.client_crl_file: {problem}; give a file, or {NO_CRL:?} if nothing is ever revoked"
        ));
    }
}

/// What callers prove who they are by must be there as a whole, and nothing beside it.
fn check_methods(errors: &mut Vec<String>, auth: &AuthSettings, tls: &TlsSettings) {
    const METHODS: [&str; 3] = ["token", "certificate", "jwt"];
    let named: Vec<_> = auth.methods.split(',').map(str::trim).collect();
    for method in &named {
        if !METHODS.contains(method) {
            let known = METHODS.join(", ");
            errors.push(format!(
                "auth.methods: there is no method {method:?}; it takes {known}, separated by commas"
            ));
        }
    }
    let needs = [
        ("certificate", "tls.client_ca_file", &tls.client_ca_file),
        ("jwt", "auth.issuers_file", &auth.issuers_file),
    ];
    for (method, key, file) in needs {
        match (named.contains(&method), !file.as_os_str().is_empty()) {
            (true, false) => {
                errors.push(format!(
                    "{key}: it is missing, and method {method} of auth.methods needs it; give a file"
                ));
            }
            (false, true) => {
                errors.push(format!(
                    "auth.methods: {method} is missing, and {key} is set; name the method, or unset the key"
                ));
            }
            (true, true) | (false, false) => {}
        }
    }
}

/// Notes what is neither -1 nor 1 to `most`.
fn bound(errors: &mut Vec<String>, key: &str, value: i64, most: u64) {
    if value != -1 && !u64::try_from(value).is_ok_and(|value| (1..=most).contains(&value)) {
        errors.push(format!("{key}: {value} is out of range; it takes 1 to {most}, or -1 for no limit"));
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
