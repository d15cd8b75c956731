//! What a producer knows of topics: how many partitions they have, which of them a record goes to, and how
//! large a batch may be.

use crate::backoff::Backoff;
use crate::client::Client;
use crate::config::ProducerSettings;
use crate::error::Error;
use crate::partitioner::{Sticky, by_key};
use levee_types::TopicName;
use levee_types::limits::MAX_BATCH_BYTES;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an answer is believed: when partitions are added, keyed records move to them and others are
/// spread over them after this time.
const MAX_AGE: Duration = Duration::from_secs(60);
/// When the broker is asked again that could not be asked.
const RETRY_AFTER: Duration = Duration::from_secs(5);

pub(crate) struct Topics {
    client: Client,
    settings: ProducerSettings,
    topics: Mutex<HashMap<String, Arc<Topic>>>,
}

struct Topic {
    name: Arc<str>,
    known: Mutex<Option<Known>>,
    /// Held by whoever asks while nothing is known; the others who need the answer wait for it.
    asking: tokio::sync::Mutex<()>,
}

struct Known {
    facts: Facts,
    /// When to ask again; none while that is under way.
    ask_at: Option<Duration>,
    sticky: Sticky,
}

/// What the broker says of a topic.
#[derive(Clone, Copy)]
struct Facts {
    partitions: u32,
    max_message_bytes: usize,
}

/// Where a record goes.
pub(crate) struct Place {
    /// The name of the topic, shared.
    pub(crate) topic: Arc<str>,
    pub(crate) partition: u32,
    /// The bytes of a batch that has more records than this one.
    pub(crate) batch_bytes: usize,
}

impl Topics {
    pub(crate) fn new(client: Client, settings: ProducerSettings) -> Self {
        Self { client, settings, topics: Mutex::default() }
    }

    /// Where a record of `bytes` bytes goes: to this partition, or to that of its key, or in turn. Waits for
    /// the broker only if the topic is new.
    pub(crate) async fn place(
        &self,
        topic: &str,
        partition: Option<u32>,
        key: Option<&[u8]>,
        bytes: usize,
    ) -> Result<Place, Error> {
        let topic = self.topic(topic)?;
        let place = |known: &mut Known| {
            let Facts { partitions, max_message_bytes } = known.facts;
            let batch_bytes = self.settings.batch_bytes.min(max_message_bytes);
            let partition = match (partition, key) {
                (Some(partition), _) => partition,
                (None, Some(key)) => by_key(key, partitions),
                (None, None) => known.sticky.next(bytes, batch_bytes, partitions),
            };
            Place { topic: Arc::clone(&topic.name), partition, batch_bytes }
        };
        match self.known(&topic, place) {
            Some(place) => Ok(place),
            None => self.find(&topic, place).await,
        }
    }

    /// The broker did not find the topic: ask before the next record.
    pub(crate) fn forget(&self, topic: &str) {
        lock(&self.topics).remove(topic);
    }

    fn topic(&self, name: &str) -> Result<Arc<Topic>, Error> {
        let mut topics = lock(&self.topics);
        if let Some(topic) = topics.get(name) {
            return Ok(Arc::clone(topic));
        }
        TopicName::new(name).map_err(|error| Error::invalid(error.to_string()))?;
        let topic = Arc::new(Topic {
            name: name.into(),
            known: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        });
        topics.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }

    /// Makes use of what is known, however old; sees to it that it is asked for again when that is due.
    fn known<T>(&self, topic: &Arc<Topic>, make_use: impl Fn(&mut Known) -> T) -> Option<T> {
        let now = self.client.clock().monotonic();
        let mut slot = lock(&topic.known);
        let known = slot.as_mut()?;
        if known.ask_at.take_if(|due| *due <= now).is_some() {
            // Nobody waits for it: the broker may be away, and what was true a minute ago is better than
            // nothing.
            self.client.tasks().spawn(ask_again(self.client.clone(), Arc::clone(topic)));
        }
        Some(make_use(known))
    }

    /// Finds out about a new topic, for as long as a record may take.
    async fn find<T>(&self, topic: &Arc<Topic>, make_use: impl Fn(&mut Known) -> T) -> Result<T, Error> {
        let timeout = self.settings.delivery_timeout;
        let find = async {
            loop {
                let asking = topic.asking.lock().await;
                if let Some(found) = self.known(topic, &make_use) {
                    return Ok(found);
                }
                let facts = self.look_up(&topic.name).await.inspect_err(|_| self.forget(&topic.name))?;
                let ask_at = Some(self.client.clock().monotonic() + MAX_AGE);
                *lock(&topic.known) = Some(Known { facts, ask_at, sticky: self.any_partition() });
                drop(asking);
            }
        };
        tokio::time::timeout(timeout, find).await.unwrap_or_else(|_| {
            self.forget(&topic.name);
            Err(Error::timeout(format!("topic was not found within {} ms", timeout.as_millis())))
        })
    }

    async fn look_up(&self, topic: &str) -> Result<Facts, Error> {
        let mut backoff = Backoff::new(Arc::clone(self.client.random()));
        let deadline = self.client.clock().monotonic() + self.settings.delivery_timeout;
        loop {
            let error = match ask(&self.client, topic).await {
                Ok(facts) => return Ok(facts),
                Err(error) => error,
            };
            let wait = backoff.next(error.retry_after());
            // The error says more than that it took too long.
            if !error.is_retryable() || self.client.clock().monotonic() + wait >= deadline {
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

async fn ask(client: &Client, topic: &str) -> Result<Facts, Error> {
    let topic = client.admin().get_topic("", topic).await?.topic.unwrap_or_default();
    if topic.partitions == 0 {
        return Err(Error::protocol("the broker knows a topic without partitions"));
    }
    let limit = topic.config.iter().find(|property| property.name == "max.message.bytes");
    let max_message_bytes = limit.and_then(|limit| limit.value.parse().ok()).unwrap_or(MAX_BATCH_BYTES);
    Ok(Facts { partitions: topic.partitions, max_message_bytes })
}

async fn ask_again(client: Client, topic: Arc<Topic>) {
    let answer = ask(&client, &topic.name).await;
    let now = client.clock().monotonic();
    let mut slot = lock(&topic.known);
    match answer {
        Ok(facts) => {
            if let Some(known) = slot.as_mut() {
                known.facts = facts;
                known.ask_at = Some(now + MAX_AGE);
            }
        }
        Err(error) if error.is_retryable() => {
            if let Some(known) = slot.as_mut() {
                known.ask_at = Some(now + RETRY_AFTER);
            }
        }
        // The next record asks once more, and is told.
        Err(_) => *slot = None,
    }
}

/// Between any two statements what is locked is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
