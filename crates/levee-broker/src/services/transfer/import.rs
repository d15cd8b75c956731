//! An import: checks each part, has it made, and at last makes the tenant whole, or leaves nothing of it.

use super::convert::{AS_IT_IS, FORMAT, suspension};
use super::half::Half;
use super::pending::{Item, Pending};
use super::{resource, to_proto};
use crate::authorize::{OnNode, Permit};
use crate::error::explain;
use crate::fields::{invalid, plan_name, tenant_name};
use crate::services::quota::convert::quotas;
use crate::services::user::convert::certificate_name;
use crate::transport::connection::draining;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use incoming::Incoming;
use levee_proto::v1;
use levee_proto::v1::tenant_part::Kind;
use levee_storage::Suspension;
use levee_types::limits::MAX_CERTIFICATES_PER_PART;
use levee_types::quota::Quotas;
use levee_types::topic::{Properties, check_defaults};
use levee_types::{ErrorCode, LeveeError, PlanName, TenantName};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

mod incoming;

/// What comes, in its order.
pub(super) struct Messages {
    stream: BoxStream<'static, Result<v1::ImportTenantRequest, Status>>,
    idle_timeout: Duration,
    retire: CancellationToken,
}

impl Messages {
    /// `retire`: the connection is to go.
    pub(super) fn new(
        stream: BoxStream<'static, Result<v1::ImportTenantRequest, Status>>,
        idle_timeout: Duration,
        retire: CancellationToken,
    ) -> Self {
        Self { stream, idle_timeout, retire }
    }

    async fn next(&mut self) -> Result<Option<v1::ImportTenantRequest>, LeveeError> {
        let broken_off = |message: String| {
            LeveeError::new(ErrorCode::Unavailable, message).with_hint("import the whole of it again")
        };
        tokio::select! {
            biased;
            () = self.retire.cancelled() => Err(draining()),
            message = timeout(self.idle_timeout, self.stream.try_next()) => match message {
                Ok(Ok(message)) => Ok(message),
                Ok(Err(status)) => {
                    Err(explain(&status).unwrap_or_else(|| broken_off("the import was broken off".to_owned())))
                }
                Err(_) => {
                    let waited = self.idle_timeout.as_millis();
                    Err(broken_off(format!("nothing more of the import came for {waited} ms")))
                }
            },
        }
    }
}

/// What the header says.
struct Header {
    name: TenantName,
    plan: PlanName,
    state: Suspension,
    quotas: Quotas,
    topic_defaults: Properties,
}

/// An import that goes on.
pub(super) struct Import {
    permit: Permit<OnNode>,
    tasks: TaskTracker,
    header: Option<Header>,
    /// Made when everything that is looked at before was.
    half: Option<Half>,
    pending: Pending,
    incoming: Incoming,
    counts: v1::TransferCounts,
    /// Place of the last part in the order of parts.
    place: u8,
    end: Option<v1::TransferCounts>,
}

impl Import {
    pub(super) fn new(permit: Permit<OnNode>, tasks: TaskTracker) -> Self {
        Self {
            permit,
            tasks,
            header: None,
            half: None,
            pending: Pending::Nothing,
            incoming: Incoming::default(),
            counts: v1::TransferCounts::default(),
            place: 0,
            end: None,
        }
    }

    /// Takes everything that the client sends, and answers.
    pub(super) async fn run(mut self, messages: Messages) -> Result<v1::ImportTenantResponse, LeveeError> {
        match self.take(messages).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.give_up(error).await),
        }
    }

    async fn take(&mut self, mut messages: Messages) -> Result<v1::ImportTenantResponse, LeveeError> {
        while let Some(message) = messages.next().await? {
            // What was taken away from the caller meanwhile, is.
            self.permit = self.permit.renew()?;
            let v1::ImportTenantRequest { name, plan, parts } = message;
            for part in parts.unwrap_or_default().parts {
                let kind = part.kind.ok_or_else(|| invalid("parts", "one of them is empty", AS_IT_IS))?;
                self.part(kind, &name, &plan).await?;
            }
            self.write().await?;
        }
        self.finish().await
    }

    async fn part(&mut self, kind: Kind, name: &str, plan: &str) -> Result<(), LeveeError> {
        let place = place(&kind);
        let is_single = matches!(kind, Kind::Header(_) | Kind::End(_));
        if self.header.is_none() != (place == HEADER)
            || place < self.place
            || (is_single && place == self.place)
        {
            return Err(out_of_order());
        }
        self.place = place;
        match kind {
            Kind::Header(header) => self.header = Some(self.open(&header, name, plan)?),
            Kind::Certificates(certificates) => self.look_at(&certificates.names)?,
            Kind::User(user) => {
                self.counts.users += 1;
                self.add(Item::User(user)).await?;
            }
            Kind::Rule(rule) => {
                self.counts.rules += 1;
                self.add(Item::Rule(rule)).await?;
            }
            Kind::Topic(topic) => {
                self.counts.topics += 1;
                self.add(Item::Topic(topic)).await?;
            }
            Kind::Quotas(set) => {
                self.counts.quotas += 1;
                self.add(Item::Quotas(set)).await?;
            }
            Kind::Partition(partition) => {
                self.write().await?;
                self.begin().await?;
                let half = self.half.as_ref().ok_or_else(out_of_order)?;
                self.incoming.begin(half, &partition).await?;
                self.counts.partitions += 1;
            }
            Kind::Batch(batch) => {
                let (records, bytes) = (u64::from(batch.record_count), batch.batch.len() as u64);
                let half = self.half.as_ref().ok_or_else(out_of_order)?;
                self.incoming.add(half, batch).await?;
                self.counts.batches += 1;
                self.counts.records += records;
                self.counts.batch_bytes += bytes;
            }
            Kind::Group(group) => {
                self.counts.groups += 1;
                self.incoming.finish().await?;
                self.add(Item::Group(group)).await?;
            }
            Kind::Progress(progress) => self.add(Item::Progress(progress)).await?,
            Kind::End(end) => self.end = Some(end.counts.unwrap_or_default()),
        }
        Ok(())
    }

    /// Checks what can be checked before anything is made.
    fn open(&self, header: &v1::ExportHeader, name: &str, plan: &str) -> Result<Header, LeveeError> {
        if !(1..=FORMAT).contains(&header.format) {
            let problem =
                format!("the export has format {}, and this broker reads 1 to {FORMAT}", header.format);
            return Err(invalid("header.format", problem, "import it into a newer broker"));
        }
        let or = |given: &str, exported: &str| if given.is_empty() { exported } else { given }.to_owned();
        let name = tenant_name("name", &or(name, &header.tenant))?;
        let plan = plan_name("plan", &or(plan, &header.plan))?;
        let shard = self.permit.shard();
        if shard.tenant(&name)?.is_some() {
            let message = format!("there is a tenant {:?} already", name.as_str());
            return Err(LeveeError::new(ErrorCode::AlreadyExists, message)
                .with_hint("import it under another name, with --name"));
        }
        if shard.plan(&plan)?.is_none() {
            let message = format!("there is no plan {:?} here, which the tenant is to have", plan.as_str());
            return Err(LeveeError::new(ErrorCode::NotFound, message)
                .with_hint("create it with levee plan create, or give the tenant another one with --plan"));
        }
        let state = suspension(header.state())?;
        let topic_defaults = header.topic_defaults.clone().into_iter().collect();
        check_defaults(&topic_defaults)?;
        let quotas = quotas("header.quotas", &header.quotas)?;
        Ok(Header { name, plan, state, quotas, topic_defaults })
    }

    /// Client certificates are the whole broker's: who has one already keeps it.
    fn look_at(&self, names: &[String]) -> Result<(), LeveeError> {
        if names.len() > MAX_CERTIFICATES_PER_PART {
            let problem = format!("there are {}; it takes {MAX_CERTIFICATES_PER_PART}", names.len());
            return Err(invalid("certificates.names", problem, AS_IT_IS));
        }
        for (index, name) in names.iter().enumerate() {
            certificate_name(&format!("certificates.names[{index}]"), name)?;
            if self.permit.shard().user_of_certificate(name)?.is_some() {
                let message = format!("the certificate name {name:?} belongs to another user of this broker");
                let hint =
                    "take it from that user first, or from the user of the tenant before it is exported";
                return Err(LeveeError::new(ErrorCode::AlreadyExists, message).with_hint(hint));
            }
        }
        Ok(())
    }

    /// Makes the tenant, unless that was done.
    async fn begin(&mut self) -> Result<(), LeveeError> {
        if let (None, Some(header)) = (&self.half, &self.header) {
            let (name, plan, quotas) = (header.name.clone(), header.plan.clone(), header.quotas.clone());
            let audit = self.permit.audit(resource(&name));
            let (shard, tasks) = (self.permit.shard().clone(), self.tasks.clone());
            let half = self.half.insert(Half::begin(shard, tasks, name, plan, quotas, audit).await?);
            if !header.topic_defaults.is_empty() {
                half.shard().import_topic_defaults(half.id(), header.topic_defaults.clone()).await?;
            }
        }
        Ok(())
    }

    async fn add(&mut self, item: Item) -> Result<(), LeveeError> {
        match self.pending.add(item)? {
            Some(before) => self.make(before).await,
            None => Ok(()),
        }
    }

    /// Has what waits made.
    async fn write(&mut self) -> Result<(), LeveeError> {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        self.make(pending).await
    }

    async fn make(&mut self, pending: Pending) -> Result<(), LeveeError> {
        if matches!(pending, Pending::Nothing) {
            return Ok(());
        }
        self.begin().await?;
        let half = self.half.as_ref().ok_or_else(out_of_order)?;
        Ok(pending.write(half.shard(), half.id()).await?)
    }

    async fn finish(&mut self) -> Result<v1::ImportTenantResponse, LeveeError> {
        let Some(told) = self.end else {
            return Err(invalid("parts", "the last one is missing: the export is not whole", AS_IT_IS));
        };
        self.incoming.finish().await?;
        let counts = self.counts;
        if counts != told {
            let problem = format!("{counts:?} came, and there should be {told:?}");
            return Err(invalid("end.counts", problem, AS_IT_IS));
        }
        self.begin().await?;
        let (Some(half), Some(header)) = (&mut self.half, &self.header) else {
            return Err(out_of_order());
        };
        let mut audit = self.permit.audit(resource(&header.name));
        let v1::TransferCounts { topics, records, batch_bytes, .. } = counts;
        audit.note = format!("{topics} topics, {records} records, {batch_bytes} bytes of batches");
        let tenant = half.finish(header.state, audit).await?;
        Ok(v1::ImportTenantResponse { tenant: Some(to_proto(&tenant)), counts: Some(counts) })
    }

    /// Deletes what was made, and says so.
    async fn give_up(&mut self, error: LeveeError) -> LeveeError {
        let name = self.header.as_ref().map(|header| header.name.to_string()).unwrap_or_default();
        let LeveeError { code, message, mut hint, .. } = error;
        if code == ErrorCode::LimitExceeded {
            // A quota of the tenant cannot be raised: it is gone.
            "import it with a plan that has room for it, with --plan".clone_into(&mut hint);
        }
        let left = match self.half.take() {
            None => "nothing was made".to_owned(),
            Some(half) => match half.discard().await {
                Ok(()) => format!("nothing is left of tenant {name}"),
                Err(failure) => {
                    tracing::warn!(tenant = name, %failure, "half a tenant that was being imported stays");
                    hint = format!("delete it with: levee tenant delete {name} --grace 0s");
                    format!("half of tenant {name} is left")
                }
            },
        };
        LeveeError { message: format!("{message}; {left}"), hint, ..error }
    }
}

fn out_of_order() -> LeveeError {
    invalid("parts", "they are not in their order", AS_IT_IS)
}

const HEADER: u8 = 1;

/// Its place in the order of parts.
fn place(kind: &Kind) -> u8 {
    match kind {
        Kind::Header(_) => HEADER,
        Kind::Certificates(_) => 2,
        Kind::User(_) => 3,
        Kind::Rule(_) => 4,
        Kind::Topic(_) => 5,
        Kind::Quotas(_) => 6,
        Kind::Partition(_) | Kind::Batch(_) => 7,
        Kind::Group(_) | Kind::Progress(_) => 8,
        Kind::End(_) => 9,
    }
}
