//! `levee topic delete`

use crate::cli::topic::DeleteArgs;
use crate::failure::{Exit, Failure};
use crate::output::View;
use crate::prompt;
use crate::session::Session;
use serde_json::{Value, json};

pub(super) async fn run(args: &DeleteArgs, session: &Session) -> Result<View, Failure> {
    let addresses = args.topics.iter().map(|text| session.address(text)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    prompt::consent(args.yes, &format!("delete topic {} with all records", names.join(", ")))?;

    let mut view = View::default();
    let (mut deleted, mut failure) = (Vec::new(), None);
    for address in &addresses {
        let admin = session.of_tenant(&address.tenant)?.admin();
        match session.ask(admin.delete_topic("", address.topic.as_str())).await {
            Ok(()) => {
                view = view.line(format!("topic {address} deleted")).named([address.to_string()]);
                deleted.push(json!({"tenant": address.tenant.as_str(), "name": address.topic.as_str()}));
            }
            Err(error) if args.if_exists && error.exit == Exit::NotFound => {
                view = view.line(format!("topic {address} does not exist"));
            }
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let partial = !deleted.is_empty();
    crate::command::outcome(view.with("deleted", Value::Array(deleted)), failure, partial)
}
