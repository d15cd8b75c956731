//! `levee context show`: the values in use, and where each comes from. Secrets are named by their files, or are
//! just `set`.

use crate::output::{Column, Section, View};
use crate::settings::{CredentialSettings, Setting, Settings, Source, TokenFrom};
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn show(settings: &Settings) -> View {
    const COLUMNS: &[Column] = &[Column::text("SETTING"), Column::text("VALUE"), Column::text("SOURCE")];
    let entries = entries(settings);
    let rows = entries.iter().map(|(name, entry)| {
        let (value, source) = entry.as_ref().map_or_else(Default::default, |(value, source)| {
            (value.as_str().map_or_else(|| value.to_string(), str::to_owned), source.to_string())
        });
        vec![(*name).to_owned(), value, source]
    });
    let section = Section::Rows { columns: COLUMNS, rows: rows.collect() };
    let json = entries.iter().map(|(name, entry)| {
        let entry =
            entry.as_ref().map(|(value, source)| json!({"value": value, "source": source.to_string()}));
        ((*name).to_owned(), entry.unwrap_or(Value::Null))
    });
    let names = settings.context.as_ref().map(|context| context.value.clone());
    View::of("settings", json.collect()).named(names).section(section)
}

type Entry = (&'static str, Option<(Value, Source)>);

fn entries(settings: &Settings) -> [Entry; 9] {
    fn entry<T>(setting: Option<&Setting<T>>, show: impl Fn(&T) -> Option<Value>) -> Option<(Value, Source)> {
        setting.and_then(|setting| Some((show(&setting.value)?, setting.source)))
    }
    let Settings { context, endpoint, tenant, credentials, timeout, withheld_for: _ } = settings;
    let CredentialSettings { token, ca_file, certificate } = credentials;
    let timeout_ms = u64::try_from(timeout.value.as_millis()).unwrap_or(u64::MAX);
    [
        ("context", entry(context.as_ref(), |context| Some(json!(context)))),
        ("endpoint", entry(Some(endpoint), |endpoint| Some(json!(endpoint)))),
        ("tenant", entry(tenant.as_ref(), |tenant| Some(json!(tenant.as_str())))),
        ("token", entry(token.as_ref(), |token| matches!(token, TokenFrom::Text(_)).then(|| json!("set")))),
        (
            "token_file",
            entry(token.as_ref(), |token| match token {
                TokenFrom::File(file) => Some(path(file)),
                TokenFrom::Text(_) => None,
            }),
        ),
        ("ca_file", entry(ca_file.as_ref(), |file| Some(path(file)))),
        ("cert_file", entry(certificate.as_ref(), |files| Some(path(&files.certificate)))),
        ("key_file", entry(certificate.as_ref(), |files| Some(path(&files.key)))),
        ("timeout_ms", entry(Some(timeout), |_| Some(json!(timeout_ms)))),
    ]
}

fn path(file: &Path) -> Value {
    json!(file.display().to_string())
}

#[cfg(test)]
mod tests;
