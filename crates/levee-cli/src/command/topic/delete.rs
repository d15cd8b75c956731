//! `levee topic delete`

use crate::address::TopicAddress;
use crate::cli::topic::DeleteArgs;
use crate::command::several::{self, Deleted};
use crate::failure::Failure;
use crate::output::View;
use crate::prompt;
use crate::session::Session;

pub(super) async fn run(args: &DeleteArgs, session: &Session) -> Result<View, Failure> {
    let addresses = args.topics.iter().map(|text| session.address(text)).collect::<Result<Vec<_>, _>>()?;
    let list = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    prompt::consent(args.yes, &format!("delete topic {list} with all records"))?;
    let delete_one = async |address: &TopicAddress| {
        let scope = session.topics_of(address.tenant.as_ref())?;
        session.ask(scope.admin().delete_topic(&scope.tenant, address.topic.as_str())).await?;
        Ok(Deleted::new("topic", address, address.json()))
    };
    several::delete("topic", &addresses, args.if_exists, delete_one).await
}
