//! Prints the records that `produce` sent, and follows the topic until it is interrupted.

use levee_client::{Client, ClientConfig, Identity, Position, ReaderSettings, StartAt};
use levee_types::TenantName;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let acme = Identity::DevTenant(TenantName::new("acme")?);
    let client = Client::new(ClientConfig::new("http://127.0.0.1:9400", acme))?;
    let partitions = client.admin().get_topic("", "greetings").await?.partitions;
    let positions = partitions
        .iter()
        .map(|found| Position {
            topic: "greetings".to_owned(),
            partition: found.partition,
            from: StartAt::Start,
        })
        .collect();
    let mut reader = client.reader(positions, ReaderSettings::default()).await?;
    while let Some(read) = reader.next().await {
        let read = read?;
        let value = read.record.value.unwrap_or_default();
        println!("{}/{}: {}", read.partition, read.offset, String::from_utf8_lossy(&value));
    }
    Ok(())
}
