//! Administering groups, of consumers and of workers of a queue.

mod describe;
mod seek;

use super::visible::visible_groups;
use crate::authorize::{Authorizer, InTenant, Permit};
use crate::blocking::Blocking;
use crate::error::reply;
use crate::fields::{group_name, page_size, page_token, prefix, topic_name};
use crate::groups::{Groups, Hold};
use crate::operation::Operation;
use crate::queues::{Queues, Still};
use levee_proto::v1;
use levee_storage::{Group, Page};
use levee_types::acl::AclOperation;
use levee_types::group::GroupKind;
use levee_types::{ErrorCode, GroupName, LeveeError, TenantId};
use tonic::{Request, Response, Status};

/// `levee.v1.GroupService`.
pub(super) struct GroupsOfTenants {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
    pub(super) groups: Groups,
    pub(super) queues: Queues,
}

#[tonic::async_trait]
impl v1::group_service_server::GroupService for GroupsOfTenants {
    async fn list_groups(
        &self,
        request: Request<v1::ListGroupsRequest>,
    ) -> Result<Response<v1::ListGroupsResponse>, Status> {
        reply(self.list(&request).await)
    }

    async fn get_group(
        &self,
        request: Request<v1::GetGroupRequest>,
    ) -> Result<Response<v1::GetGroupResponse>, Status> {
        reply(self.get(&request).await)
    }

    async fn seek_group(
        &self,
        request: Request<v1::SeekGroupRequest>,
    ) -> Result<Response<v1::SeekGroupResponse>, Status> {
        reply(self.seek(request).await)
    }

    async fn delete_group(
        &self,
        request: Request<v1::DeleteGroupRequest>,
    ) -> Result<Response<v1::DeleteGroupResponse>, Status> {
        reply(self.delete(&request).await)
    }
}

impl GroupsOfTenants {
    async fn list(
        &self,
        request: &Request<v1::ListGroupsRequest>,
    ) -> Result<v1::ListGroupsResponse, LeveeError> {
        let v1::ListGroupsRequest { tenant, prefix: begins, page_size: size, page_token: token } =
            request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::ListGroups, tenant)?;
        let (begins, size, after) = (prefix(begins)?, page_size(*size)?, page_token(token)?);
        let Page { items, next } = visible_groups(&permit, &self.blocking, &begins, after, size).await?;
        Ok(v1::ListGroupsResponse {
            groups: items.iter().map(|group| self.to_proto(permit.tenant(), group)).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn get(&self, request: &Request<v1::GetGroupRequest>) -> Result<v1::GetGroupResponse, LeveeError> {
        let v1::GetGroupRequest { tenant, name } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::GetGroup, tenant)?;
        let group = find(&permit, &allowed(&permit, name)?)?;
        let shown = self.to_proto(permit.tenant(), &group);
        let view = self.groups.look(permit.tenant(), &group.name).unwrap_or_default();
        let workers = self.queues.members(permit.tenant(), group.id);
        let members = view.members.iter().map(describe::member);
        let members = members.chain(workers.iter().map(describe::worker)).collect();
        let leased = self.queues.leased(permit.tenant(), group.id);
        let generation = view.generation;
        let partitions = describe::partitions(&permit, &self.blocking, group.id, &view, &leased).await?;
        Ok(v1::GetGroupResponse { group: Some(shown), generation, members, partitions })
    }

    async fn seek(
        &self,
        request: Request<v1::SeekGroupRequest>,
    ) -> Result<v1::SeekGroupResponse, LeveeError> {
        let permit = self.authorizer.tenant(&request, Operation::SeekGroup, &request.get_ref().tenant)?;
        let v1::SeekGroupRequest { name, topic, partitions, to, dry_run, .. } = request.into_inner();
        let allowed = allowed(&permit, &name)?;
        // Where the logs of the topic begin and end is told.
        let topic_name = topic_name("topic", &topic)?;
        permit.require_for(AclOperation::Describe, topic_name.as_str())?;
        let group = find(&permit, &allowed)?;
        let asked = seek::check(&permit, &topic_name, &partitions, to)?;
        let _hold = self.hold(permit.tenant(), &group).await?;
        let view = self.groups.look(permit.tenant(), &group.name).unwrap_or_default();
        if view.topics.contains(&asked.topic.name) {
            return Err(active(&group.name, view.members.len()));
        }
        let places = seek::find(&permit, &self.blocking, group.id, &asked).await?;
        if !dry_run {
            let audit = permit.audit(format!("group:{name} topic:{topic}"));
            let to = places.iter().map(|place| (place.partition, place.to)).collect();
            permit.shard().seek_group(permit.tenant(), group.id, to, audit).await?;
        }
        Ok(v1::SeekGroupResponse { partitions: places.iter().map(seek::Sought::to_proto).collect() })
    }

    async fn delete(
        &self,
        request: &Request<v1::DeleteGroupRequest>,
    ) -> Result<v1::DeleteGroupResponse, LeveeError> {
        let v1::DeleteGroupRequest { tenant, name, dry_run } = request.get_ref();
        let permit = self.authorizer.tenant(request, Operation::DeleteGroup, tenant)?;
        let group = find(&permit, &allowed(&permit, name)?)?;
        let _hold = self.hold(permit.tenant(), &group).await?;
        let members = self.members(permit.tenant(), &group);
        if members > 0 {
            return Err(active(&group.name, members));
        }
        if !dry_run {
            let audit = permit.audit(format!("group:{name}"));
            permit.shard().delete_group(permit.tenant(), group.name, audit).await?;
        }
        Ok(v1::DeleteGroupResponse {})
    }

    /// Keeps others from becoming members of it. A queue has none then.
    async fn hold(&self, tenant: TenantId, group: &Group) -> Result<(Hold, Option<Still>), LeveeError> {
        let hold = self.groups.hold(tenant, &group.name)?;
        let still = match group.kind {
            GroupKind::Consumers => None,
            GroupKind::Queue(_) => Some(self.queues.hold_still(tenant, group.id).await?),
        };
        Ok((hold, still))
    }

    fn members(&self, tenant: TenantId, group: &Group) -> usize {
        match group.kind {
            GroupKind::Consumers => self.groups.members(tenant, &group.name),
            GroupKind::Queue(_) => self.queues.members(tenant, group.id).len(),
        }
    }

    fn to_proto(&self, tenant: TenantId, group: &Group) -> v1::Group {
        let kind = match group.kind {
            GroupKind::Consumers => v1::GroupKind::Consumers,
            GroupKind::Queue(_) => v1::GroupKind::Queue,
        };
        v1::Group {
            name: group.name.to_string(),
            kind: kind.into(),
            created_ms: group.created_ms,
            members: u32::try_from(self.members(tenant, group)).unwrap_or(u32::MAX),
        }
    }
}

/// The name of a group, if the caller may do with it what it asked to do.
fn allowed(permit: &Permit<InTenant>, name: &str) -> Result<GroupName, LeveeError> {
    let name = group_name("name", name)?;
    permit.require_group(name.as_str())?;
    Ok(name)
}

fn find(permit: &Permit<InTenant>, name: &GroupName) -> Result<Group, LeveeError> {
    permit.shard().group(permit.tenant(), name)?.ok_or_else(|| {
        LeveeError::new(ErrorCode::NotFound, format!("there is no group {:?}", name.as_str()))
            .with_hint(format!("see those that there are with: levee group ls {}", permit.tenant_name()))
    })
}

fn active(name: &GroupName, members: usize) -> LeveeError {
    let message = format!("group {:?} has {members} members", name.as_str());
    LeveeError::new(ErrorCode::GroupActive, message)
        .with_hint("stop its members; a static one that is away counts until its session timeout")
}
