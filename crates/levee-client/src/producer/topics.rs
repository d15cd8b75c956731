//! How many partitions topics have, and which of them a record goes to.

use crate::backoff::Backoff;
use crate::client::Client;
use crate::config::ProducerSettings;
use crate::error::Error;
use crate::partitioner::{Sticky, by_key};
use levee_types::TopicName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the number of partitions is believed: when some are added, keyed records move to them and
/// others are spread over them after this time.
const MAX_AGE: Duration = Duration::from_secs(60);

pub(super) struct Topics {
    client: Client,
    settings: ProducerSettings,
    topics: Mutex<HashMap<String, Arc<Topic>>>,
}

struct Topic {
    name: Arc<str>,
    /// Held while the broker is asked: whoever needs the answer waits for it, and others do not.
    known: tokio::sync::Mutex<Option<Known>>,
}

struct Known {
    partitions: u32,
    since: Duration,
    sticky: Sticky,
}

impl Topics {
    pub(super) fn new(client: Client, settings: ProducerSettings) -> Self {
        Self { client, settings, topics: Mutex::default() }
    }

    /// The name of a topic, checked and shared.
    pub(super) fn name(&self, topic: &str) -> Result<Arc<str>, Error> {
        Ok(Arc::clone(&self.topic(topic)?.name))
    }

    /// Where a record of `bytes` bytes goes.
    pub(super) async fn place(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        bytes: usize,
    ) -> Result<(Arc<str>, u32), Error> {
        let topic = self.topic(topic)?;
        let mut slot = topic.known.lock().await;
        let now = self.client.clock().monotonic();
        let known = match slot.take() {
            Some(known) if now - known.since < MAX_AGE => known,
            old => match self.look_up(&topic.name, old.is_some()).await {
                Ok(partitions) => {
                    let sticky = old.map_or_else(|| self.any_partition(), |old| old.sticky);
                    Known { partitions, since: now, sticky }
                }
                // What was true a minute ago is better than nothing while the broker is away.
                Err(error) if error.is_retryable() && old.is_some() => old.ok_or(error)?,
                Err(error) => {
                    self.forget(&topic.name);
                    return Err(error);
                }
            },
        };
        let known = slot.insert(known);
        let partition = match key {
            Some(key) => by_key(key, known.partitions),
            None => known.sticky.next(bytes, self.settings.batch_bytes, known.partitions),
        };
        Ok((Arc::clone(&topic.name), partition))
    }

    /// The broker did not find the topic: ask before the next record.
    pub(super) fn forget(&self, topic: &str) {
        self.lock().remove(topic);
    }

    fn topic(&self, name: &str) -> Result<Arc<Topic>, Error> {
        let mut topics = self.lock();
        if let Some(topic) = topics.get(name) {
            return Ok(Arc::clone(topic));
        }
        TopicName::new(name).map_err(|error| Error::invalid(error.to_string()))?;
        let topic = Arc::new(Topic { name: name.into(), known: tokio::sync::Mutex::default() });
        topics.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Topic>>> {
        // The map is whole between any two statements.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the broker, for as long as a record may take, or once if there is an older answer.
    async fn look_up(&self, topic: &str, once: bool) -> Result<u32, Error> {
        let mut backoff = Backoff::new(Arc::clone(self.client.random()));
        let deadline = self.client.clock().monotonic() + self.settings.delivery_timeout;
        loop {
            let error = match self.client.admin().get_topic("", topic).await {
                Ok(response) => match response.topic.map_or(0, |topic| topic.partitions) {
                    0 => return Err(Error::protocol("the broker knows a topic without partitions")),
                    partitions => return Ok(partitions),
                },
                Err(error) => error,
            };
            let wait = backoff.next();
            if once || !error.is_retryable() || self.client.clock().monotonic() + wait >= deadline {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn any_partition(&self) -> Sticky {
        let mut bytes = [0; 4];
        self.client.random().fill(&mut bytes);
        Sticky::starting_at(u32::from_le_bytes(bytes))
    }
}
