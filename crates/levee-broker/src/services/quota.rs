//! Administration of plans and quotas, and what they did.

pub(super) mod convert;

use crate::authorize::{Authorizer, InTenant, Permit};
use crate::blocking::{Blocking, Turn};
use crate::error::reply;
use crate::fields::{invalid, page_size, page_token, plan_name, topic_name, user_name};
use crate::operation::Operation;
use convert::{change, effective_to_proto, held_up_to_proto, plan_to_proto, quotas, weight};
use levee_proto::v1;
use levee_proto::v1::quota_target::Part;
use levee_storage::{NamedPlan, Page, QuotaPart, StorageError};
use levee_types::quota::{Dimension, Effective, Plan, Quotas, Source};
use levee_types::{ErrorCode, LeveeError};
use tonic::{Request, Response, Status};

/// `levee.v1.QuotaService`.
pub(super) struct QuotasOfTenants {
    pub(super) authorizer: Authorizer,
    pub(super) blocking: Blocking,
}

#[tonic::async_trait]
impl v1::quota_service_server::QuotaService for QuotasOfTenants {
    async fn create_plan(
        &self,
        request: Request<v1::CreatePlanRequest>,
    ) -> Result<Response<v1::CreatePlanResponse>, Status> {
        reply(self.create_plan(&request).await)
    }

    async fn get_plan(
        &self,
        request: Request<v1::GetPlanRequest>,
    ) -> Result<Response<v1::GetPlanResponse>, Status> {
        reply(self.plan(&request))
    }

    async fn list_plans(
        &self,
        request: Request<v1::ListPlansRequest>,
    ) -> Result<Response<v1::ListPlansResponse>, Status> {
        reply(self.plans(&request).await)
    }

    async fn update_plan(
        &self,
        request: Request<v1::UpdatePlanRequest>,
    ) -> Result<Response<v1::UpdatePlanResponse>, Status> {
        reply(self.update_plan(&request).await)
    }

    async fn delete_plan(
        &self,
        request: Request<v1::DeletePlanRequest>,
    ) -> Result<Response<v1::DeletePlanResponse>, Status> {
        reply(self.delete_plan(&request).await)
    }

    async fn set_quotas(
        &self,
        request: Request<v1::SetQuotasRequest>,
    ) -> Result<Response<v1::SetQuotasResponse>, Status> {
        reply(self.set(&request).await)
    }

    async fn get_quotas(
        &self,
        request: Request<v1::GetQuotasRequest>,
    ) -> Result<Response<v1::GetQuotasResponse>, Status> {
        reply(self.get(&request).await)
    }

    async fn explain_quotas(
        &self,
        request: Request<v1::ExplainQuotasRequest>,
    ) -> Result<Response<v1::ExplainQuotasResponse>, Status> {
        reply(self.explain(&request))
    }
}

impl QuotasOfTenants {
    async fn create_plan(
        &self,
        request: &Request<v1::CreatePlanRequest>,
    ) -> Result<v1::CreatePlanResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::CreatePlan)?;
        let v1::CreatePlanRequest { plan, if_not_exists } = request.get_ref();
        let given =
            plan.as_ref().ok_or_else(|| invalid("plan", "it is missing", "give a plan with its name"))?;
        let name = plan_name("plan.name", &given.name)?;
        let plan = Plan {
            weight: weight("plan.weight", given.weight)?,
            quotas: quotas("plan.quotas", &given.quotas)?,
        };
        plan.check()?;
        let audit = permit.audit(format!("plan:{name}"));
        let (plan, created) = permit.shard().create_plan(name, plan, audit).await?;
        if !created && !if_not_exists {
            return Err(LeveeError::new(
                ErrorCode::AlreadyExists,
                format!("there is a plan {:?} already", plan.name.as_str()),
            )
            .with_hint("choose another name, or set if_not_exists to leave it as it is"));
        }
        Ok(v1::CreatePlanResponse { plan: Some(plan_to_proto(&plan)), created })
    }

    fn plan(&self, request: &Request<v1::GetPlanRequest>) -> Result<v1::GetPlanResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::GetPlan)?;
        let name = plan_name("name", &request.get_ref().name)?;
        let plan = permit.shard().plan(&name)?.ok_or(StorageError::NoPlan)?;
        Ok(v1::GetPlanResponse { plan: Some(plan_to_proto(&plan)) })
    }

    async fn plans(
        &self,
        request: &Request<v1::ListPlansRequest>,
    ) -> Result<v1::ListPlansResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::ListPlans)?;
        let size = page_size(request.get_ref().page_size)?;
        let after = page_token(&request.get_ref().page_token)?;
        let shard = permit.shard().clone();
        let Page { items, next } =
            self.blocking.run(Turn::SYSTEM, move || shard.list_plans(after.as_deref(), size)).await?;
        Ok(v1::ListPlansResponse {
            plans: items.iter().map(plan_to_proto).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn update_plan(
        &self,
        request: &Request<v1::UpdatePlanRequest>,
    ) -> Result<v1::UpdatePlanResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::UpdatePlan)?;
        let v1::UpdatePlanRequest { name, weight: given, set, unset } = request.get_ref();
        let name = plan_name("name", name)?;
        let weight = if *given == 0 { None } else { Some(weight("weight", *given)?) };
        let change = change(set, unset)?;
        if weight.is_none() && change.set.is_empty() && change.unset.is_empty() {
            return Err(invalid(
                "set",
                "there is nothing to change",
                "give a weight, or quotas in `set` or `unset`",
            ));
        }
        let audit = permit.audit(format!("plan:{name}"));
        let plan = permit.shard().update_plan(name, weight, change, audit).await?;
        Ok(v1::UpdatePlanResponse { plan: Some(plan_to_proto(&plan)) })
    }

    async fn delete_plan(
        &self,
        request: &Request<v1::DeletePlanRequest>,
    ) -> Result<v1::DeletePlanResponse, LeveeError> {
        let permit = self.authorizer.node(request, Operation::DeletePlan)?;
        let name = plan_name("name", &request.get_ref().name)?;
        let audit = permit.audit(format!("plan:{name}"));
        permit.shard().delete_plan(name, audit).await?;
        Ok(v1::DeletePlanResponse {})
    }

    async fn set(
        &self,
        request: &Request<v1::SetQuotasRequest>,
    ) -> Result<v1::SetQuotasResponse, LeveeError> {
        let v1::SetQuotasRequest { target, set, unset } = request.get_ref();
        let (tenant, part) = parts(target.as_ref());
        let permit = self.authorizer.tenant(request, Operation::SetQuotas, tenant)?;
        if part.is_none() {
            // Otherwise a tenant's administrator could give it what it does not pay for.
            permit.require_operator("the quotas of a tenant are set by operators")?;
        }
        let change = change(set, unset)?;
        if change.set.is_empty() && change.unset.is_empty() {
            return Err(invalid("set", "there is nothing to change", "give quotas in `set` or `unset`"));
        }
        let (part, shown) = resolve(&permit, part)?;
        if part != QuotaPart::Tenant {
            change.set.iter().copied().collect::<Quotas>().check_part()?;
        }
        let audit = permit.audit(format!("quotas:{shown}"));
        permit.shard().set_quotas(permit.tenant(), part, change, audit).await?;
        let (_, quotas) = self.effective(&permit, part).await?;
        Ok(v1::SetQuotasResponse { quotas })
    }

    async fn get(
        &self,
        request: &Request<v1::GetQuotasRequest>,
    ) -> Result<v1::GetQuotasResponse, LeveeError> {
        let (tenant, part) = parts(request.get_ref().target.as_ref());
        let permit = self.authorizer.tenant(request, Operation::GetQuotas, tenant)?;
        let (part, _) = resolve(&permit, part)?;
        let (plan, quotas) = self.effective(&permit, part).await?;
        Ok(v1::GetQuotasResponse { plan, quotas })
    }

    fn explain(
        &self,
        request: &Request<v1::ExplainQuotasRequest>,
    ) -> Result<v1::ExplainQuotasResponse, LeveeError> {
        let permit = self.authorizer.tenant(request, Operation::ExplainQuotas, &request.get_ref().tenant)?;
        let events = permit.entry().admission.held_up();
        Ok(v1::ExplainQuotasResponse { events: events.into_iter().map(held_up_to_proto).collect() })
    }

    /// The plan, and what holds for the tenant or the part.
    async fn effective(
        &self,
        permit: &Permit<InTenant>,
        part: QuotaPart,
    ) -> Result<(String, Vec<v1::EffectiveQuota>), LeveeError> {
        let (shard, id) = (permit.shard().clone(), permit.tenant());
        let (tenant, plan, set) = self
            .blocking
            .run(permit.turn(0), move || {
                let tenant = shard.tenant_by_id(id)?.ok_or(StorageError::NoTenant)?;
                let NamedPlan { plan, .. } = shard.plan(&tenant.plan)?.ok_or(StorageError::NoPlan)?;
                Ok::<_, StorageError>((tenant, plan, shard.quotas(id)?))
            })
            .await?;
        let of = |wanted| {
            let found = set.iter().find(|(part, _)| *part == wanted);
            found.map(|(_, quotas)| quotas.clone()).unwrap_or_default()
        };
        let own = of(part);
        let used = |dimension| match dimension {
            Dimension::Storage => tenant.stored_bytes,
            Dimension::Topics => tenant.topics,
            Dimension::Partitions => tenant.partitions,
            dimension => permit.entry().admission.used(dimension),
        };
        let quotas =
            Dimension::ALL.into_iter().filter(|dimension| part == QuotaPart::Tenant || dimension.of_part());
        let quotas = quotas.map(|dimension| match part {
            QuotaPart::Tenant => {
                effective_to_proto(dimension, Effective::of_tenant(dimension, &plan, &own), used(dimension))
            }
            QuotaPart::User(_) => {
                effective_to_proto(dimension, Effective::of_part(dimension, &own, Source::User), 0)
            }
            QuotaPart::Topic(_) => {
                effective_to_proto(dimension, Effective::of_part(dimension, &own, Source::Topic), 0)
            }
        });
        Ok((tenant.plan.to_string(), quotas.collect()))
    }
}

/// The tenant and the part that a target names.
fn parts(target: Option<&v1::QuotaTarget>) -> (&str, Option<&Part>) {
    target.map_or(("", None), |target| (target.tenant.as_str(), target.part.as_ref()))
}

/// Whose quotas are meant, and how that stands in the audit log.
fn resolve(permit: &Permit<InTenant>, part: Option<&Part>) -> Result<(QuotaPart, String), LeveeError> {
    match part {
        None => Ok((QuotaPart::Tenant, format!("tenant:{}", permit.tenant_name()))),
        Some(Part::User(name)) => {
            let name = user_name("target.user", name)?;
            let user = permit.shard().user(permit.tenant(), &name)?.ok_or(StorageError::NoUser)?;
            Ok((QuotaPart::User(user.id), format!("user:{name}")))
        }
        Some(Part::Topic(name)) => {
            let name = topic_name("target.topic", name)?;
            let topic = permit.shard().topic(permit.tenant(), &name)?.ok_or(StorageError::NoTopic)?;
            Ok((QuotaPart::Topic(topic.id), format!("topic:{name}")))
        }
    }
}
