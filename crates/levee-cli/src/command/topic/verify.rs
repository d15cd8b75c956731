//! `levee topic verify`

use crate::address::TopicAddress;
use crate::failure::{Failure, Partial};
use crate::output::{Column, Section, View};
use crate::progress;
use crate::session::Session;
use crate::units::show_size;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use levee_client::TopicVerification;
use levee_client::v1::VerifyTopicResponse;
use levee_types::ErrorCode;
use serde_json::{Value, json};

pub(super) async fn run(topic: &str, session: &Session) -> Result<View, Failure> {
    let address = session.address(topic)?;
    let scope = session.topics_of(address.tenant.as_ref())?;
    let admin = scope.admin();
    let verification = session.ask(admin.verify_topic(&scope.tenant, address.topic.as_str())).await?;
    let line = progress::line(ProgressDrawTarget::stderr(), ProgressStyle::default_spinner());
    let result = tokio::select! {
        result = follow(verification, &line) => result,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    };
    line.finish_and_clear();
    let result = result?;
    let view = verified(&address, &result);
    if result.findings.is_empty() {
        return Ok(view);
    }
    let message = format!("topic {address} is not as it should be");
    let failure = Failure::server(ErrorCode::DataCorrupt, message)
        .with_hint("see the server's log; what is damaged comes back with a backup");
    Err(Failure { partial: Some(Box::new(Partial { view, each: Vec::new() })), ..failure })
}

async fn follow(
    mut verification: TopicVerification,
    line: &ProgressBar,
) -> Result<VerifyTopicResponse, Failure> {
    let mut last = VerifyTopicResponse::default();
    while let Some(step) = verification.next().await? {
        line.set_message(format!("{} records, {} read", step.records, show_size(step.read_bytes)));
        last = step;
    }
    Ok(last)
}

fn verified(address: &TopicAddress, result: &VerifyTopicResponse) -> View {
    const COLUMNS: &[Column] =
        &[Column::number("PARTITION"), Column::number("OFFSET"), Column::text("PROBLEM")];
    let VerifyTopicResponse { batches, records, read_bytes, keys, findings, .. } = result;
    let found: Vec<Value> = findings
        .iter()
        .map(|found| json!({"partition": found.partition, "offset": found.offset, "problem": found.problem}))
        .collect();
    let json = json!({
        "topic": address.json(),
        "batches": batches,
        "records": records,
        "read_bytes": read_bytes,
        "keys": keys,
        "findings": found,
    });
    let view = View::of("verified", json).named([address.to_string()]).line(format!(
        "topic {address}: {batches} batches, {records} records and {keys} keys read, {}; {} findings",
        show_size(*read_bytes),
        findings.len()
    ));
    if findings.is_empty() {
        return view;
    }
    let rows = findings
        .iter()
        .map(|found| vec![found.partition.to_string(), found.offset.to_string(), found.problem.clone()]);
    view.section(Section::Rows { columns: COLUMNS, rows: rows.collect() })
}
