//! Keeps a copy of a table in memory, and keeps it fresh. First, against `leveed --dev`:
//!
//! ```sh
//! levee tenant create acme && levee topic create acme/users --config cleanup.policy=compact
//! echo 1 | levee produce acme/users --key alice
//! cargo run -p levee-client --example table_cache
//! ```
//!
//! Then produce more, and see it change. A record without a value deletes its key.

use bytes::Bytes;
use levee_client::{Client, ClientConfig, Identity, TableChange, TableWatch, TableWatcher};
use levee_types::TenantName;
use std::collections::HashMap;
use std::error::Error;

/// The copy: it is whole whenever it is current.
#[derive(Default)]
struct Cache {
    values: HashMap<Bytes, Bytes>,
    is_current: bool,
}

impl Cache {
    fn apply(&mut self, change: TableChange) {
        match change {
            // What keys have comes next: a key that is not among it was deleted meanwhile.
            TableChange::Begin => *self = Self::default(),
            TableChange::Put(read) => {
                let key = read.record.key.unwrap_or_default();
                self.values.insert(key, read.record.value.unwrap_or_default());
            }
            TableChange::Deleted { key, .. } => drop(self.values.remove(&key)),
            TableChange::Current => self.is_current = true,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let acme = Identity::DevTenant(TenantName::new("acme")?);
    let client = Client::new(ClientConfig::new("http://127.0.0.1:9400", acme))?;
    let watcher = client.tables().watch("users", TableWatch::default()).await?;
    keep_fresh(watcher).await?;
    Ok(())
}

async fn keep_fresh(mut watcher: TableWatcher) -> Result<(), levee_client::Error> {
    let mut cache = Cache::default();
    loop {
        cache.apply(watcher.next().await?);
        if cache.is_current {
            println!("{} keys: {:?}", cache.values.len(), cache.values);
        }
    }
}
