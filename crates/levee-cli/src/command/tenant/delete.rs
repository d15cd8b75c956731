//! `levee tenant delete`

use crate::cli::tenant::DeleteArgs;
use crate::command::several::{self, Deleted};
use crate::failure::Failure;
use crate::output::View;
use crate::prompt;
use crate::session::Session;
use crate::units::{show_duration, show_time};
use levee_types::TenantName;
use serde_json::json;

pub(super) async fn run(args: &DeleteArgs, session: &Session) -> Result<View, Failure> {
    let names = super::check(&args.names)?;
    let list = args.names.join(", ");
    let when = if args.grace.is_zero() {
        "at once and for good".to_owned()
    } else {
        format!("for good in {}", show_duration(args.grace))
    };
    prompt::consent(args.yes, &format!("delete tenant {list} with all topics and records, {when}"))?;
    let admin = session.operator()?.admin();
    let delete_one = async |name: &TenantName| {
        let left = session.ask(admin.delete_tenant(name, Some(args.grace))).await?;
        let delete_at = left.and_then(|tenant| tenant.delete_at_ms).map(show_time);
        let line = match &delete_at {
            None => format!("tenant {name} deleted"),
            Some(time) => format!(
                "tenant {name} is closed, and gone at {time}; take it back with: levee tenant undelete {name}"
            ),
        };
        Ok(Deleted { json: json!({"name": name.as_str(), "delete_at": delete_at}), line })
    };
    several::delete("tenant", &names, args.if_exists, delete_one).await
}
