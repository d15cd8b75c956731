//! Parts of the catalog that were checked and are written together: each write of the catalog has a group of its
//! own, so that one for each part would take as many.

use super::convert::{self, AS_IT_IS};
use super::groups;
use crate::fields::invalid;
use levee_proto::v1;
use levee_storage::{ImportedGroup, NewTopic, QuotaTarget, Shard, StorageError, User};
use levee_types::acl::AclRule;
use levee_types::quota::Quotas;
use levee_types::{LeveeError, TenantId};

/// Parts that wait, all of one kind.
pub(super) enum Pending {
    Nothing,
    Users(Vec<User>),
    Rules(Vec<AclRule>),
    Topics(Vec<(NewTopic, i64)>),
    Quotas(Vec<(QuotaTarget, Quotas)>),
    /// One at a time: how far it has come may be long.
    Group(Box<ImportedGroup>),
}

/// A part of the catalog.
pub(super) enum Item {
    User(v1::User),
    Rule(v1::AclRule),
    Topic(v1::ExportedTopic),
    Quotas(v1::ExportedQuotas),
    Group(v1::ExportedGroup),
    Progress(v1::ExportedProgress),
}

impl Pending {
    /// Adds a part; gives back those of another kind, which must be written first.
    pub(super) fn add(&mut self, item: Item) -> Result<Option<Self>, LeveeError> {
        let of_its_own = match (&mut *self, item) {
            (Self::Users(users), Item::User(user)) => {
                users.push(convert::user(&user)?);
                return Ok(None);
            }
            (Self::Rules(rules), Item::Rule(rule)) => {
                rules.push(convert::rule(&rule)?);
                return Ok(None);
            }
            (Self::Topics(topics), Item::Topic(topic)) => {
                topics.push(convert::topic(topic)?);
                return Ok(None);
            }
            (Self::Quotas(quotas), Item::Quotas(set)) => {
                quotas.push(convert::exported_quotas(&set)?);
                return Ok(None);
            }
            (Self::Group(group), Item::Progress(progress)) => {
                group.progress.push(groups::progress(progress)?);
                return Ok(None);
            }
            (_, Item::Group(group)) => Self::Group(Box::new(groups::group(group)?)),
            (_, Item::Progress(_)) => {
                return Err(invalid("progress", "there is no group before it", AS_IT_IS));
            }
            (_, Item::User(user)) => Self::Users(vec![convert::user(&user)?]),
            (_, Item::Rule(rule)) => Self::Rules(vec![convert::rule(&rule)?]),
            (_, Item::Topic(topic)) => Self::Topics(vec![convert::topic(topic)?]),
            (_, Item::Quotas(set)) => Self::Quotas(vec![convert::exported_quotas(&set)?]),
        };
        Ok(Some(std::mem::replace(self, of_its_own)))
    }

    /// Writes them.
    pub(super) async fn write(self, shard: &Shard, tenant: TenantId) -> Result<(), StorageError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Users(users) => shard.import_users(tenant, users).await,
            Self::Rules(rules) => shard.import_acl_rules(tenant, rules).await,
            Self::Topics(topics) => shard.import_topics(tenant, topics).await,
            Self::Quotas(quotas) => shard.import_quotas(tenant, quotas).await,
            Self::Group(group) => shard.import_group(tenant, *group).await,
        }
    }
}
