//! Backups of the node, and tenants that are made of them. For operators.
//!
//! A backup goes on when its caller leaves: whoever asked at night would otherwise have none. The restore of a tenant
//! ends with its caller, and leaves nothing.

use super::tenant::resource;
use super::transfer::restored::Takeover;
use crate::authorize::{Authorizer, OnNode, Permit};
use crate::backup::create::{Creation, Progress};
use crate::backup::restore::{At, Fetching, Plan, Wanted};
use crate::backup::{Pace, Place, Summaries, Summary};
use crate::blocking::{Blocking, Turn};
use crate::codec::ProtocolCodec;
use crate::error::reply;
use crate::fields::{invalid, tenant_name};
use crate::operation::Operation;
use crate::settings::BackupSettings;
use crate::transport::connection::ConnectionContext;
use futures::FutureExt as _;
use futures::stream::BoxStream;
use levee_proto::v1;
use levee_storage::{Shard, ShardSettings};
use levee_types::{Clock, ErrorCode, LeveeError, Random, TenantName};
use scratch::Scratch;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use told::told;
use tonic::{Request, Response, Status};

mod scratch;
mod told;

/// Memory for blocks of the index of a backup that a tenant is taken out of, in bytes: the least that there is.
const SCRATCH_BLOCK_CACHE: u64 = 8 * 1024 * 1024;

/// `levee.v1.BackupService`.
#[derive(Clone)]
pub(super) struct Backups {
    authorizer: Authorizer,
    blocking: Blocking,
    tasks: TaskTracker,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    idle_timeout: Duration,
    settings: Arc<BackupSettings>,
    pace: Arc<Pace>,
    /// The broker is to stop.
    stop: CancellationToken,
    /// Each takes room on the disk, so there is one at a time.
    slot: Arc<Semaphore>,
    /// How many there were, which names what each has on the disk.
    count: Arc<AtomicU64>,
}

#[tonic::async_trait]
impl v1::backup_service_server::BackupService for Backups {
    type CreateBackupStream = BoxStream<'static, Result<v1::CreateBackupResponse, Status>>;

    async fn create_backup(
        &self,
        request: Request<v1::CreateBackupRequest>,
    ) -> Result<Response<Self::CreateBackupStream>, Status> {
        reply(self.create(&request))
    }

    async fn list_backups(
        &self,
        request: Request<v1::ListBackupsRequest>,
    ) -> Result<Response<v1::ListBackupsResponse>, Status> {
        reply(self.list(&request).await)
    }

    type RestoreTenantStream = BoxStream<'static, Result<v1::RestoreTenantResponse, Status>>;

    async fn restore_tenant(
        &self,
        request: Request<v1::RestoreTenantRequest>,
    ) -> Result<Response<Self::RestoreTenantStream>, Status> {
        reply(self.restore(&request))
    }
}

/// What backups take from their surroundings.
pub(super) struct Surroundings {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) settings: BackupSettings,
    pub(super) idle_timeout: Duration,
    pub(super) stop: CancellationToken,
}

impl Backups {
    pub(super) fn new(
        authorizer: Authorizer,
        blocking: Blocking,
        tasks: TaskTracker,
        surroundings: Surroundings,
    ) -> Self {
        let Surroundings { clock, random, settings, idle_timeout, stop } = surroundings;
        Self {
            authorizer,
            blocking,
            tasks,
            pace: Arc::new(Pace::new(settings.bytes_per_second, Arc::clone(&clock))),
            clock,
            random,
            idle_timeout,
            settings: Arc::new(settings),
            stop,
            slot: Arc::new(Semaphore::new(1)),
            count: Arc::default(),
        }
    }

    fn create(
        &self,
        request: &Request<v1::CreateBackupRequest>,
    ) -> Result<BoxStream<'static, Result<v1::CreateBackupResponse, Status>>, LeveeError> {
        let permit = self.authorizer.node(request, Operation::CreateBackup)?;
        let (place, slot) = (self.place()?, self.slot()?);
        let shard = permit.shard().clone();
        let progress = Arc::new(Progress::default());
        let creation = Creation {
            shard: shard.clone(),
            place,
            blocking: self.blocking.clone(),
            pace: Arc::clone(&self.pace),
            scratch: shard.scratch(&self.name("backup")),
            stop: self.stop.clone(),
            progress: Arc::clone(&progress),
        };
        let mut audit = permit.audit("node");
        let (sender, answer) = oneshot::channel();
        self.tasks.spawn(async move {
            let made = async {
                let backup = creation.run().await?;
                let Summary { id, sequence, bytes, written_bytes, .. } = &backup;
                audit.note = format!("backup {id}: {bytes} bytes, {written_bytes} of them written");
                shard.note_backup(audit).await?;
                tracing::info!(id, sequence, bytes, written_bytes, "a backup was made");
                Ok(backup)
            };
            let result = made.await;
            if let Err(error) = &result {
                tracing::warn!(%error, "a backup failed");
            }
            drop(slot);
            // Whoever asked may be gone.
            let _ = sender.send(result);
        });
        let made = answer.map(|answer| answer.unwrap_or_else(|_| Err(defect())));
        let message = move |backup: Option<Summary>| v1::CreateBackupResponse {
            done_bytes: progress.done.load(Ordering::Relaxed),
            bytes: progress.all.load(Ordering::Relaxed),
            backup: backup.as_ref().map(to_proto),
        };
        Ok(told(permit, ConnectionContext::retire(request), made.boxed(), message))
    }

    async fn list(
        &self,
        request: &Request<v1::ListBackupsRequest>,
    ) -> Result<v1::ListBackupsResponse, LeveeError> {
        let _permit = self.authorizer.node(request, Operation::ListBackups)?;
        let Summaries { whole, damaged } = self.place()?.summaries().await?;
        let damaged = damaged.into_iter().map(|(id, error)| {
            let problem = format!("{}; {}", error.message, error.hint);
            v1::DamagedBackup { id, problem }
        });
        let backups = whole.iter().map(to_proto).collect();
        Ok(v1::ListBackupsResponse { backups, damaged: damaged.collect() })
    }

    fn restore(
        &self,
        request: &Request<v1::RestoreTenantRequest>,
    ) -> Result<BoxStream<'static, Result<v1::RestoreTenantResponse, Status>>, LeveeError> {
        let permit = self.authorizer.node(request, Operation::RestoreTenant)?;
        let v1::RestoreTenantRequest { name, new_name, backup_id, at_ms } = request.get_ref();
        let name = tenant_name("name", name)?;
        let new_name = if new_name.is_empty() { name.clone() } else { tenant_name("new_name", new_name)? };
        let is_id =
            backup_id.len() <= 64 && backup_id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if !is_id {
            return Err(invalid("backup_id", "it is no id of a backup", "see them with: levee backup ls"));
        }
        let wanted =
            Wanted { backup: Some(backup_id).filter(|id| !id.is_empty()).cloned(), at: at_ms.map(At::Time) };
        if permit.shard().tenant(&new_name)?.is_some() {
            let message = format!("there is a tenant {:?} already", new_name.as_str());
            return Err(LeveeError::new(ErrorCode::AlreadyExists, message)
                .with_hint("restore it under another name, with --as"));
        }
        let (place, slot) = (self.place()?, self.slot()?);
        let retire = ConnectionContext::retire(request);
        let done = Arc::new(AtomicU64::new(0));
        let told_done = Arc::clone(&done);
        let restoring = Restoring {
            permit: permit.renew()?,
            place,
            name,
            new_name,
            wanted,
            retire: retire.clone(),
            done,
            _slot: slot,
        };
        let service = self.clone();
        let made = async move { service.run(restoring).await };
        let message = move |tenant: Option<v1::Tenant>| v1::RestoreTenantResponse {
            done_bytes: told_done.load(Ordering::Relaxed),
            tenant,
        };
        Ok(told(permit, retire, made.boxed(), message))
    }

    async fn run(&self, restoring: Restoring) -> Result<v1::Tenant, LeveeError> {
        let Restoring { permit, place, name, new_name, wanted, retire, done, _slot } = restoring;
        let plan = Plan::find(&place, &wanted).await?;
        // What is fetched, and the records of the tenant once more.
        let needed = plan.bytes().saturating_mul(2);
        let free = permit.shard().status().disk_free_bytes;
        if free < needed {
            let message = format!("{free} bytes are free on the broker's disk, and it may take {needed}");
            return Err(LeveeError::new(ErrorCode::StorageFull, message)
                .with_hint("free space, or restore the node elsewhere and move the tenant from there"));
        }
        let scratch = Scratch::new(permit.shard().scratch(&self.name("restore")), self.tasks.clone());
        let fetching = Fetching {
            place,
            blocking: self.blocking.clone(),
            pace: Arc::clone(&self.pace),
            random: Arc::clone(&self.random),
            done: Arc::clone(&done),
        };
        let restored = fetching.run(plan, scratch.path().to_owned()).await?;
        let shard = self.open(&scratch).await?;
        tracing::info!(
            tenant = %name,
            backup = restored.backup,
            sequence = restored.sequence,
            resource = resource(&new_name),
            "a tenant is restored"
        );
        let takeover = Takeover {
            permit,
            blocking: self.blocking.clone(),
            tasks: self.tasks.clone(),
            idle_timeout: self.idle_timeout,
            retire,
            done,
        };
        takeover.run(shard, &name, &new_name).await
    }

    /// Opens what was restored. Nothing is ever written there, so it needs no committer.
    async fn open(&self, scratch: &Scratch) -> Result<Shard, LeveeError> {
        let (path, clock, random) =
            (scratch.path().to_owned(), Arc::clone(&self.clock), Arc::clone(&self.random));
        let settings = ShardSettings {
            tail_cache_bytes: 0,
            block_cache_bytes: SCRATCH_BLOCK_CACHE,
            ..ShardSettings::default()
        };
        let open = move || match Shard::open(&path, settings, Arc::new(ProtocolCodec), clock, random.as_ref())
        {
            Ok((shard, _committer)) => Ok(shard),
            Err(error) => {
                tracing::error!(%error, "what was restored does not open");
                Err(LeveeError::new(ErrorCode::DataCorrupt, "what was restored does not open")
                    .with_hint("see the broker's log, and choose another backup"))
            }
        };
        self.blocking.run(Turn::SYSTEM, open).await
    }

    fn name(&self, kind: &str) -> String {
        format!("{kind}-{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    fn place(&self) -> Result<Place, LeveeError> {
        if self.settings.url.is_empty() {
            return Err(LeveeError::new(ErrorCode::InvalidArgument, "there is no place for backups")
                .with_hint("set backup.url in the configuration of the broker, and restart it"));
        }
        Place::open(&self.settings.url, &self.settings).map_err(|problem| {
            LeveeError::new(ErrorCode::Unavailable, format!("the place for backups: {problem}"))
                .with_hint("see the settings under [backup] of the broker")
        })
    }

    fn slot(&self) -> Result<OwnedSemaphorePermit, LeveeError> {
        Arc::clone(&self.slot).try_acquire_owned().map_err(|_| {
            LeveeError::new(ErrorCode::Overloaded, "a backup, or the restore of a tenant, goes on already")
                .with_hint("wait for it")
        })
    }
}

/// What the restore of a tenant is about.
struct Restoring {
    permit: Permit<OnNode>,
    place: Place,
    name: TenantName,
    new_name: TenantName,
    wanted: Wanted,
    retire: CancellationToken,
    done: Arc<AtomicU64>,
    _slot: OwnedSemaphorePermit,
}

fn defect() -> LeveeError {
    LeveeError::new(ErrorCode::Internal, "the broker met a defect of its own")
}

fn to_proto(summary: &Summary) -> v1::Backup {
    let Summary { id, created_ms, sequence, bytes, written_bytes } = summary;
    v1::Backup {
        id: id.clone(),
        created_ms: *created_ms,
        sequence: *sequence,
        bytes: *bytes,
        written_bytes: *written_bytes,
    }
}
