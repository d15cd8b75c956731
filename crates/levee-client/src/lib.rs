//! Async client of Levee.
//!
//! A [`Client`] is one connection to a broker. From it come a [`Producer`], which batches records and
//! sends them again when needed without storing them twice or out of order; a [`Reader`], which follows
//! partitions and resumes where it was; a [`Consumer`], which shares partitions with the other members of its group; a
//! [`Worker`], which takes single records of a queue; a [`TransactionalProducer`], whose records and offsets are
//! committed together; an [`Appender`], which appends if nobody else has; [`Tables`], which are read by key; and
//! [`Admin`], the calls of administration.
//!
//! ```no_run
//! # async fn example() -> Result<(), levee_client::Error> {
//! use levee_client::{Client, ClientConfig, Identity, ProducerSettings, Record};
//! use levee_types::TenantName;
//!
//! let tenant = Identity::DevTenant(TenantName::new("acme").expect("a valid name"));
//! let client = Client::new(ClientConfig::new("http://127.0.0.1:9400", tenant))?;
//! let producer = client.producer(ProducerSettings::default()).await?;
//! let record = Record { value: Some("hello".into()), ..Record::default() };
//! let acked = producer.send("greetings", record).await?.await?;
//! println!("stored in partition {} at offset {}", acked.partition, acked.offset);
//! producer.close().await
//! # }
//! ```
//!
//! Must hold: nothing is read from the environment or from files, but for the authorities that the system
//! trusts; no secret shows in `Debug`, logs or errors; tasks run on a tracker of the client;
//! time and randomness come through `levee_types::{Clock, Random}`.

mod admin;
mod ambient;
mod appender;
mod backoff;
mod client;
mod config;
mod consumer;
mod error;
mod identity;
mod partitioner;
mod position;
mod producer;
mod reader;
mod record;
mod secret;
mod stored;
mod table;
pub mod tenant_file;
mod tls;
mod transaction;
mod worker;

pub use admin::{
    Admin, BackupProgress, CreatedTopics, IssuedToken, RestoreProgress, TenantExport, TopicCompaction,
    TopicVerification,
};
pub use ambient::SystemClock;
pub use appender::{Appender, AppenderSettings};
pub use client::Client;
pub use config::{ClientConfig, ProducerSettings, ReaderSettings};
pub use consumer::{Consumer, ConsumerSettings, Positions, RebalanceListener};
pub use error::{Error, ErrorKind};
pub use identity::Identity;
pub use levee_proto::v1;
pub use levee_proto::v1::Compression;
pub use position::{Offsets, PartitionOffset, Position, StartAt};
pub use producer::{Acked, Delivery, Producer};
pub use reader::Reader;
pub use record::{ReadBatch, ReadRecord, Record};
pub use secret::Secret;
pub use table::{TableAt, TableChange, TableScan, TableScanner, TableWatch, TableWatcher, Tables};
pub use tls::TlsSettings;
pub use transaction::{Committed, CommittedBatch, Transaction, TransactionSettings, TransactionalProducer};
pub use worker::{Leased, QueueSettings, Settled, Worker, WorkerSettings};
