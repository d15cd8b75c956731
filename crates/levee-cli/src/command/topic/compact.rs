//! `levee topic compact`

use crate::address::TopicAddress;
use crate::failure::Failure;
use crate::output::View;
use crate::progress;
use crate::session::Session;
use crate::units::show_size;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use levee_client::TopicCompaction;
use levee_client::v1::CompactTopicResponse;
use serde_json::json;

pub(super) async fn run(topic: &str, wait: bool, session: &Session) -> Result<View, Failure> {
    let address = session.address(topic)?;
    let scope = session.topics_of(address.tenant.as_ref())?;
    let admin = scope.admin();
    let compaction = session.ask(admin.compact_topic(&scope.tenant, address.topic.as_str())).await?;
    if !wait {
        return Ok(View::of("topic", address.json())
            .named([address.to_string()])
            .line(format!("compaction of topic {address} has begun")));
    }
    let line = progress::line(ProgressDrawTarget::stderr(), ProgressStyle::default_spinner());
    let last = tokio::select! {
        last = follow(compaction, &line) => last,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted().with_hint("it goes on at the server")),
    };
    line.finish_and_clear();
    Ok(compacted(&address, &last?))
}

async fn follow(
    mut compaction: TopicCompaction,
    line: &ProgressBar,
) -> Result<CompactTopicResponse, Failure> {
    let mut last = CompactTopicResponse::default();
    // A step takes as long as it takes.
    while let Some(step) = compaction.next().await? {
        let CompactTopicResponse { partitions_done, partitions, read_bytes, .. } = step;
        line.set_message(format!(
            "{partitions_done} of {partitions} partitions, {} read",
            show_size(read_bytes)
        ));
        last = step;
    }
    Ok(last)
}

fn compacted(address: &TopicAddress, last: &CompactTopicResponse) -> View {
    let CompactTopicResponse { partitions, read_bytes, removed_bytes, removed_records, .. } = *last;
    let json = json!({
        "topic": address.json(),
        "partitions": partitions,
        "read_bytes": read_bytes,
        "removed_bytes": removed_bytes,
        "removed_records": removed_records,
    });
    View::of("compacted", json).named([address.to_string()]).line(format!(
        "topic {address} compacted: {} read, {} and {removed_records} records removed",
        show_size(read_bytes),
        show_size(removed_bytes)
    ))
}
