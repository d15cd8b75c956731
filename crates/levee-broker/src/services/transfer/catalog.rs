//! What an export shows beside records: read at one moment, and held until it is sent, in the form in which it is
//! sent. That moment must not last as long as a client takes, for the index cannot let go of what changes meanwhile.

use super::convert::{exported_quotas_to_proto, header_to_proto, partition_to_proto, topic_to_proto};
use super::groups::{group_to_proto, progress_to_proto};
use super::logs::Log;
use super::parts::Parts;
use crate::services::acl;
use crate::services::user::convert::user_to_proto;
use levee_proto::v1;
use levee_proto::v1::exported_quotas::Part;
use levee_proto::v1::tenant_part::Kind;
use levee_storage::{QuotaPart, TenantView};
use levee_types::limits::{MAX_CERTIFICATES_PER_PART, MAX_EXPORT_CATALOG_BYTES};
use levee_types::quota::Quotas;
use levee_types::{ErrorCode, LeveeError, PartitionId, TopicId};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A catalog that was read.
#[derive(Default)]
pub(super) struct Catalog {
    pub(super) messages: VecDeque<v1::TenantParts>,
    /// The logs whose records come behind it.
    pub(super) logs: VecDeque<Log>,
    /// The groups, which come behind the records.
    pub(super) behind: VecDeque<v1::TenantParts>,
    pub(super) counts: v1::TransferCounts,
    open: Parts,
    bytes: usize,
}

impl Catalog {
    /// Reads the catalog of a tenant, and where its logs end. May block.
    pub(super) fn read(view: &TenantView<'_>, now_ms: i64) -> Result<Self, LeveeError> {
        let mut catalog = Self::default();
        let mut quotas: HashMap<QuotaPart, Quotas> = view.quotas()?.into_iter().collect();
        let own = quotas.remove(&QuotaPart::Tenant).unwrap_or_default();
        let tenant = view.tenant()?;
        catalog.add(Kind::Header(header_to_proto(&tenant, &own, now_ms)))?;
        catalog.add_certificates(view)?;
        let (mut of_parts, mut topics) = (Vec::new(), HashMap::new());
        view.users(|user| {
            if let Some(set) = quotas.remove(&QuotaPart::User(user.id)) {
                of_parts.push(exported_quotas_to_proto(Part::User(user.name.to_string()), &set));
            }
            catalog.counts.users += 1;
            catalog.add(Kind::User(user_to_proto(&user)))
        })?;
        view.acl_rules(|rule| {
            catalog.counts.rules += 1;
            catalog.add(Kind::Rule(acl::to_proto(&rule)))
        })?;
        view.topics(|topic| {
            if let Some(set) = quotas.remove(&QuotaPart::Topic(topic.id)) {
                of_parts.push(exported_quotas_to_proto(Part::Topic(topic.name.to_string()), &set));
            }
            catalog.counts.topics += 1;
            catalog.add(Kind::Topic(topic_to_proto(&topic)))?;
            let name: Arc<str> = topic.name.as_str().into();
            topics.insert(topic.id, Arc::clone(&name));
            for partition in 0..topic.partitions {
                let id = PartitionId { tenant: tenant.id, topic: topic.id, partition };
                catalog.add_log(&name, id, view)?;
            }
            Ok::<_, LeveeError>(())
        })?;
        for set in of_parts {
            catalog.counts.quotas += 1;
            catalog.add(Kind::Quotas(set))?;
        }
        catalog.close();
        let before = std::mem::take(&mut catalog.messages);
        catalog.add_groups(view, &topics)?;
        catalog.close();
        catalog.behind = std::mem::replace(&mut catalog.messages, before);
        Ok(catalog)
    }

    /// Each group, with how far it has come in the topics that there are.
    fn add_groups(
        &mut self,
        view: &TenantView<'_>,
        topics: &HashMap<TopicId, Arc<str>>,
    ) -> Result<(), LeveeError> {
        view.groups(|group| {
            self.counts.groups += 1;
            self.add(Kind::Group(group_to_proto(&group)))?;
            view.progress(group.id, |partition, progress| match topics.get(&partition.topic) {
                Some(topic) => {
                    self.add(Kind::Progress(progress_to_proto(topic, partition.partition, &progress)))
                }
                None => Ok(()),
            })
        })
    }

    /// Ends the message that is being filled.
    fn close(&mut self) {
        let last = std::mem::take(&mut self.open);
        self.messages.extend(last.finish());
    }

    /// Those of all users, before anything else: the other broker looks at them before it makes anything.
    fn add_certificates(&mut self, view: &TenantView<'_>) -> Result<(), LeveeError> {
        let mut names = Vec::new();
        view.users(|user| {
            names.extend(user.certificates);
            match names.len() >= MAX_CERTIFICATES_PER_PART / 2 {
                true => self.add(certificates(std::mem::take(&mut names))),
                false => Ok(()),
            }
        })?;
        if names.is_empty() { Ok(()) } else { self.add(certificates(names)) }
    }

    /// A partition that has ever had a record.
    fn add_log(
        &mut self,
        topic: &Arc<str>,
        id: PartitionId,
        view: &TenantView<'_>,
    ) -> Result<(), LeveeError> {
        let bounds = view.bounds(id)?;
        if bounds.end > 0 {
            self.counts.partitions += 1;
            self.hold(size_of::<Log>())?;
            self.logs.push_back(Log::new(Arc::clone(topic), id, bounds));
        }
        Ok(())
    }

    fn add(&mut self, kind: Kind) -> Result<(), LeveeError> {
        if let Err(kind) = self.open.add(kind) {
            let full = std::mem::take(&mut self.open);
            self.hold(full.bytes())?;
            self.messages.extend(full.finish());
            // Into an empty one it fits.
            let _ = self.open.add(kind);
        }
        Ok(())
    }

    fn hold(&mut self, bytes: usize) -> Result<(), LeveeError> {
        self.bytes += bytes;
        if self.bytes <= MAX_EXPORT_CATALOG_BYTES {
            return Ok(());
        }
        let message = format!(
            "users, rules, topics, partitions and groups of the tenant take more than {} MiB, which is the limit of an export",
            MAX_EXPORT_CATALOG_BYTES / (1024 * 1024)
        );
        Err(LeveeError::new(ErrorCode::TooLarge, message)
            .with_hint("delete topics and groups that are not needed any more"))
    }
}

fn certificates(names: Vec<String>) -> Kind {
    Kind::Certificates(v1::CertificateNames { names })
}

/// How a log is announced.
pub(super) fn announcement(log: &Log) -> Kind {
    Kind::Partition(partition_to_proto(&log.topic, log.id.partition, log.bounds))
}
