//! `levee table erase`

use crate::cli::table::EraseArgs;
use crate::failure::Failure;
use crate::output::View;
use crate::prompt;
use crate::session::Session;
use serde_json::json;

pub(super) async fn run(args: &EraseArgs, session: &Session) -> Result<View, Failure> {
    let address = session.address(&args.topic)?;
    let scope = session.topics_of(address.tenant.as_ref())?;
    prompt::consent(args.yes, &format!("remove every record of key {:?} from topic {address}", args.key))?;
    let admin = scope.admin();
    let key = args.key.clone().into_bytes();
    let erased = tokio::select! {
        // It takes as long as the topic is large.
        erased = admin.erase_key(&scope.tenant, address.topic.as_str(), key) => erased?,
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::interrupted().with_hint("it goes on at the server; ask for it again for a receipt"));
        }
    };
    let (receipt, removed) = (erased.receipt, erased.removed_records);
    let json = json!({"topic": address.json(), "receipt": receipt, "removed_records": removed});
    Ok(View::of("erased", json)
        .named([receipt.clone()])
        .line(format!("{removed} records of the key removed from topic {address}; receipt {receipt}")))
}
