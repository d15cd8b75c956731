//! Pages of the topics that a caller may see.

use crate::authorize::{InTenant, Permit};
use crate::blocking::Blocking;
use levee_storage::{Page, Topic};
use levee_types::LeveeError;
use levee_types::limits::MAX_PAGE_SIZE;
use std::sync::Arc;

/// Up to `size` topics whose names begin with `prefix`, from behind `after` on, that the caller may see. It reads on
/// until they are found: a page that is short, or goes on behind a name that the caller may not see, would tell of it.
pub(super) async fn visible_topics(
    permit: &Permit<InTenant>,
    blocking: &Blocking,
    prefix: &str,
    mut after: Option<String>,
    size: usize,
) -> Result<Page<Arc<Topic>>, LeveeError> {
    let mut items: Vec<Arc<Topic>> = Vec::new();
    loop {
        // The rows of a page are neighbours.
        let (shard, turn) = (permit.shard().clone(), permit.turn(0));
        let (tenant, prefix) = (permit.tenant(), prefix.to_owned());
        let list = move || shard.list_topics(tenant, &prefix, after.as_deref(), MAX_PAGE_SIZE as usize);
        let page = blocking.run(turn, list).await?;
        for topic in page.items {
            if !permit.may(topic.name.as_str())? {
                continue;
            }
            if items.len() == size {
                let next = items.last().map(|last| last.name.to_string());
                return Ok(Page { items, next });
            }
            items.push(topic);
        }
        if page.next.is_none() {
            return Ok(Page { items, next: None });
        }
        after = page.next;
    }
}
