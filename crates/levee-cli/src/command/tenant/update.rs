//! `levee tenant update`

use crate::cli::tenant::{OrNone, UpdateArgs};
use crate::command::tenant::change;
use crate::command::topic::properties;
use crate::failure::Failure;
use crate::output::View;
use crate::session::Session;
use levee_client::Admin;
use levee_types::{PlanName, TenantName};
use std::collections::HashMap;

pub(super) async fn run(args: &UpdateArgs, session: &Session) -> Result<View, Failure> {
    let UpdateArgs { name, plan, retention, retention_bytes } = args;
    let plan = plan.as_deref().map(PlanName::new).transpose()?;
    let (mut set, mut unset, mut says) = (HashMap::new(), Vec::new(), Vec::new());
    says.extend(plan.as_ref().map(|plan| format!("plan {plan}")));
    for (property, given) in [("retention.ms", retention), ("retention.bytes", retention_bytes)] {
        match given {
            None => {}
            Some(OrNone::None) => {
                unset.push(property.to_owned());
                says.push(format!("no {property} of its own"));
            }
            Some(OrNone::Value(value)) => {
                set.insert(property.to_owned(), value.clone());
                says.push(format!("{property} {}", properties::show(property, value)));
            }
        }
    }
    let update = async |admin: Admin, name: &TenantName| {
        admin.configure_tenant(name, plan.as_ref(), set.clone(), unset.clone()).await
    };
    change(name, session, update, &format!("has {}", says.join(", "))).await
}
