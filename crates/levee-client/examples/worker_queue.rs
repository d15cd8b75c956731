//! Works on the records of a topic as a queue: several workers share them, each record for itself; what fails is tried
//! again, and in the end goes to a dead letter topic. First, against `leveed --dev`:
//!
//! ```sh
//! levee tenant create acme && levee topic create acme/mails acme/mails.dead
//! seq 20 | levee produce acme/mails
//! cargo run -p levee-client --example worker_queue
//! ```

use levee_client::{Client, ClientConfig, Identity, Leased, QueueSettings, WorkerSettings};
use levee_types::TenantName;
use std::error::Error;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let acme = Identity::DevTenant(TenantName::new("acme")?);
    let client = Client::new(ClientConfig::new("http://127.0.0.1:9400", acme))?;
    let queue = QueueSettings {
        dead_letter_topic: Some("mails.dead".to_owned()),
        max_deliveries: 3,
        ..QueueSettings::new(["mails"])
    };
    let settings = WorkerSettings { queue: Some(queue), credit: 10, ..WorkerSettings::new("mailer") };
    let mut worker = client.worker(settings).await?;

    // Whatever is not settled when this ends is handed out again.
    while let Ok(leased) = tokio::time::timeout(Duration::from_secs(5), worker.next()).await {
        work(leased?).await?;
    }
    worker.close().await;
    Ok(())
}

async fn work(leased: Leased) -> Result<(), levee_client::Error> {
    let value = leased.record.record.value.clone().unwrap_or_default();
    let text = String::from_utf8_lossy(&value);
    let settled = match text.parse::<u32>() {
        Ok(number) if number.is_multiple_of(7) => {
            println!("{text}: not this time, which is number {}", leased.deliveries);
            leased.reject(Duration::from_millis(200))
        }
        Ok(_) => {
            println!("{text}: sent");
            leased.ack()
        }
        Err(_) => leased.dead("not a number"),
    };
    // It is durable now. Who need not know goes on without waiting.
    settled.await
}
