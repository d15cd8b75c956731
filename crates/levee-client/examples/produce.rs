//! Sends a few records. First, against `leveed --dev`:
//!
//! ```sh
//! levee tenant create acme && levee topic create acme/greetings -p 3
//! cargo run -p levee-client --example produce
//! ```

use levee_client::{Client, ClientConfig, Identity, ProducerSettings, Record};
use levee_types::TenantName;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let acme = Identity::DevTenant(TenantName::new("acme")?);
    let client = Client::new(ClientConfig::new("http://127.0.0.1:9400", acme))?;
    let producer = client.producer(ProducerSettings::default()).await?;

    // `send` only queues: keep the deliveries, and look at them later.
    let mut deliveries = Vec::new();
    for number in 0..10 {
        let record = Record {
            key: Some(format!("key-{}", number % 4).into()),
            value: Some(format!("hello {number}").into()),
            ..Record::default()
        };
        deliveries.push(producer.send("greetings", record).await?);
    }
    for delivery in deliveries {
        let acked = delivery.await?;
        println!("partition {} offset {}", acked.partition, acked.offset);
    }
    producer.close().await?;
    Ok(())
}
