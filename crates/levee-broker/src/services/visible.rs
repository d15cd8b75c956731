//! Pages of what a caller may see.

use crate::authorize::{InTenant, Permit};
use crate::blocking::Blocking;
use levee_storage::{Group, Page, Shard, StorageError, Topic};
use levee_types::limits::MAX_PAGE_SIZE;
use levee_types::{LeveeError, TenantId};
use std::sync::Arc;

/// Reads up to so many whose names begin with something, from behind a name on.
type List<T> = fn(&Shard, TenantId, &str, Option<&str>, usize) -> Result<Page<T>, StorageError>;

/// Which page.
struct Wanted {
    prefix: String,
    after: Option<String>,
    size: usize,
}

/// Up to `size` topics whose names begin with `prefix`, from behind `after` on, that the caller may see.
pub(super) async fn visible_topics(
    permit: &Permit<InTenant>,
    blocking: &Blocking,
    prefix: &str,
    after: Option<String>,
    size: usize,
) -> Result<Page<Arc<Topic>>, LeveeError> {
    let wanted = Wanted { prefix: prefix.to_owned(), after, size };
    visible(permit, blocking, wanted, Shard::list_topics, |topic| topic.name.as_str(), Permit::may).await
}

/// The same for groups.
pub(super) async fn visible_groups(
    permit: &Permit<InTenant>,
    blocking: &Blocking,
    prefix: &str,
    after: Option<String>,
    size: usize,
) -> Result<Page<Group>, LeveeError> {
    let wanted = Wanted { prefix: prefix.to_owned(), after, size };
    visible(permit, blocking, wanted, Shard::list_groups, |group| group.name.as_str(), Permit::may_group)
        .await
}

/// It reads on until they are found: a page that is short, or goes on behind a name that the caller may not see, would
/// tell of it.
async fn visible<T: Send + 'static>(
    permit: &Permit<InTenant>,
    blocking: &Blocking,
    wanted: Wanted,
    list: List<T>,
    name: fn(&T) -> &str,
    may: fn(&Permit<InTenant>, &str) -> Result<bool, LeveeError>,
) -> Result<Page<T>, LeveeError> {
    let Wanted { prefix, mut after, size } = wanted;
    let mut items: Vec<T> = Vec::new();
    loop {
        // The rows of a page are neighbours.
        let (shard, turn) = (permit.shard().clone(), permit.turn(0));
        let (tenant, prefix) = (permit.tenant(), prefix.clone());
        let read = move || list(&shard, tenant, &prefix, after.as_deref(), MAX_PAGE_SIZE as usize);
        let page = blocking.run(turn, read).await?;
        for item in page.items {
            if !may(permit, name(&item))? {
                continue;
            }
            if items.len() == size {
                let next = items.last().map(|last| name(last).to_owned());
                return Ok(Page { items, next });
            }
            items.push(item);
        }
        if page.next.is_none() {
            return Ok(Page { items, next: None });
        }
        after = page.next;
    }
}
