//! Copies a topic to another one, each record exactly once, however often this program and the broker are killed and
//! started again, and however many of them run. First, against `leveed --dev`:
//!
//! ```sh
//! levee tenant create acme && levee topic create acme/in acme/out -p 4
//! seq 100000 | levee produce acme/in
//! cargo run -p levee-client --example exactly_once_copy
//! ```

use levee_client::{
    Client, ClientConfig, Consumer, ConsumerSettings, Error, Identity, TransactionSettings,
    TransactionalProducer,
};
use levee_types::{ErrorCode, TenantName};
use std::time::Duration;
use tokio::time::timeout;

/// When a transaction is large enough.
const RECORDS: usize = 750;
/// How long it waits for records.
const PATIENCE: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let acme = Identity::DevTenant(TenantName::new("acme")?);
    let client = Client::new(ClientConfig::new("http://127.0.0.1:9400", acme))?;
    let mut consumer = client.consumer(ConsumerSettings::new("copier", ["in"])).await?;
    let mut producer = client.transactions(TransactionSettings::default()).await?;
    loop {
        match copy(&mut consumer, &mut producer).await {
            Ok(0) => println!("waiting"),
            Ok(records) => println!("{records} records"),
            // Nothing of the transaction is there, or all of it: what the group has committed says which.
            Err(error) if begins_again(&error) => {
                println!("again: {error}");
                consumer.rejoin();
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Copies some records in one transaction, with how far the group has come.
async fn copy(consumer: &mut Consumer, producer: &mut TransactionalProducer) -> Result<usize, Error> {
    let mut records = 0;
    let mut transaction = producer.begin();
    while records < RECORDS
        && let Ok(batch) = timeout(PATIENCE, consumer.next_batch()).await
    {
        let batch = batch?;
        records += batch.records.len();
        for record in batch.records {
            transaction.send_to("out", batch.partition, record).await?;
        }
    }
    transaction.commit_offsets(consumer.positions());
    transaction.commit().await?;
    Ok(records)
}

fn begins_again(error: &Error) -> bool {
    let codes = [
        ErrorCode::TransactionAborted,
        ErrorCode::MemberFenced,
        ErrorCode::ProducerFenced,
        ErrorCode::UnknownProducer,
    ];
    error.is_retryable()
        || error.is_outcome_unknown()
        || error.code().is_some_and(|code| codes.contains(&code))
}
