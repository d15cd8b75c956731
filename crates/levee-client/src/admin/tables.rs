//! What is done with tables, and with topics as a whole, while they are in use.

use super::Admin;
use crate::error::{Error, RequestId};
use bytes::Bytes;
use levee_proto::v1;
use tonic::{Request, Streaming};

/// A compaction that goes on. It goes on also when this is dropped.
pub struct TopicCompaction {
    stream: Streaming<v1::CompactTopicResponse>,
    id: Option<RequestId>,
}

impl TopicCompaction {
    /// How far it has come; none when every partition is compacted.
    ///
    /// # Errors
    /// What the broker says; the connection is lost.
    pub async fn next(&mut self) -> Result<Option<v1::CompactTopicResponse>, Error> {
        self.stream.message().await.map_err(|status| Error::from(status).of_request(self.id.as_ref()))
    }
}

/// A verification that goes on. Dropping it ends it.
pub struct TopicVerification {
    stream: Streaming<v1::VerifyTopicResponse>,
    id: Option<RequestId>,
    is_done: bool,
}

impl TopicVerification {
    /// How far it has come; the last one, which says so, is the result; then none.
    ///
    /// # Errors
    /// What the broker says; the connection is lost; the stream ends before the result.
    pub async fn next(&mut self) -> Result<Option<v1::VerifyTopicResponse>, Error> {
        let message = self.stream.message().await;
        match message.map_err(|status| Error::from(status).of_request(self.id.as_ref()))? {
            Some(message) => {
                self.is_done |= message.is_done;
                Ok(Some(message))
            }
            None if self.is_done => Ok(None),
            None => Err(Error::protocol("it ended before its result").of_request(self.id.as_ref())),
        }
    }
}

/// Topics of a tenant: an operator names it; a caller that belongs to one leaves it empty or names its own.
impl Admin {
    /// Compacts a table now.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn compact_topic(&self, tenant: &str, name: &str) -> Result<TopicCompaction, Error> {
        let request = v1::CompactTopicRequest { tenant: tenant.to_owned(), name: name.to_owned() };
        // Without a time: it lasts as long as the topic is large.
        let response = self.client.topics().compact_topic(Request::new(request)).await?;
        let id = RequestId::of(response.metadata());
        Ok(TopicCompaction { stream: response.into_inner(), id })
    }

    /// Reads a topic as it is now to its end, and proves that it is undamaged, and that the keys of a table are those
    /// of its log.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn verify_topic(&self, tenant: &str, name: &str) -> Result<TopicVerification, Error> {
        let request = v1::VerifyTopicRequest { tenant: tenant.to_owned(), name: name.to_owned() };
        let response = self.client.topics().verify_topic(Request::new(request)).await?;
        let id = RequestId::of(response.metadata());
        Ok(TopicVerification { stream: response.into_inner(), id, is_done: false })
    }

    /// Removes every record of a key of 1 to 64 KiB from a topic. It can be read no more when this is answered; when
    /// its bytes are gone from the disk, the audit log has an event with the receipt.
    ///
    /// # Errors
    /// As [`Admin`] says. Then ask again: a part of the records may be gone.
    pub async fn erase_key(
        &self,
        tenant: &str,
        topic: &str,
        key: impl Into<Bytes>,
    ) -> Result<v1::EraseKeyResponse, Error> {
        let (tenant, topic) = (tenant.to_owned(), topic.to_owned());
        let request = v1::EraseKeyRequest { tenant, topic, key: key.into() };
        // Without a time: all of the topic is looked through.
        Ok(self.client.tables_of(None).erase_key(Request::new(request)).await?.into_inner())
    }
}
