//! A worker of a queue, as a client.

use crate::harness::{Broker, next, of_tenant, reason};
use levee_proto::v1;
use levee_proto::v1::work_request::Kind as Sent;
use levee_proto::v1::work_response::Kind as Answer;
use std::collections::VecDeque;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};

pub(crate) struct Worker {
    pub(crate) send: mpsc::Sender<v1::WorkRequest>,
    pub(crate) answers: Streaming<v1::WorkResponse>,
    pub(crate) started: v1::WorkStarted,
    /// Records that came before they were asked for.
    records: VecDeque<v1::Delivery>,
    settled: VecDeque<v1::WorkSettled>,
}

pub(crate) fn settings(topics: &[&str]) -> v1::QueueSettings {
    v1::QueueSettings {
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        ..Default::default()
    }
}

pub(crate) fn start(group: &str, settings: v1::QueueSettings) -> v1::WorkStart {
    v1::WorkStart { group: group.to_owned(), settings: Some(settings), lease_ms: 60_000, credit: 100 }
}

pub(crate) fn message(kind: Sent) -> v1::WorkRequest {
    v1::WorkRequest { kind: Some(kind) }
}

impl Worker {
    pub(crate) async fn start(broker: &Broker, start: v1::WorkStart) -> Self {
        let request = |stream| of_tenant("acme", stream);
        Self::try_start(broker, start, request)
            .await
            .unwrap_or_else(|(code, message)| panic!("{code}: {message}"))
    }

    pub(crate) async fn try_start(
        broker: &Broker,
        start: v1::WorkStart,
        by: impl FnOnce(ReceiverStream<v1::WorkRequest>) -> Request<ReceiverStream<v1::WorkRequest>>,
    ) -> Result<Self, (String, String)> {
        let (send, receiver) = mpsc::channel(16);
        send.send(message(Sent::Start(start))).await.unwrap();
        let answers = broker.queue().work(by(ReceiverStream::new(receiver))).await;
        let mut answers = answers.map_err(|status| reason(&status))?.into_inner();
        let first = next(&mut answers).await.map_err(|status| reason(&status))?;
        let Some(v1::WorkResponse { kind: Some(Answer::Started(started)) }) = first else {
            panic!("{first:?}")
        };
        Ok(Self { send, answers, started, records: VecDeque::new(), settled: VecDeque::new() })
    }

    pub(crate) async fn credit(&self, records: u32) {
        self.send.send(message(Sent::Credit(v1::WorkCredit { records }))).await.unwrap();
    }

    async fn answer(&mut self) {
        let answer = next(&mut self.answers).await.unwrap().expect("the stream goes on");
        match answer.kind.unwrap() {
            Answer::Deliveries(deliveries) => {
                assert!(!deliveries.deliveries.is_empty());
                self.records.extend(deliveries.deliveries);
            }
            Answer::Settled(settled) => self.settled.push_back(settled),
            Answer::Started(_) => panic!("started again"),
        }
    }

    /// The next record.
    pub(crate) async fn record(&mut self) -> v1::Delivery {
        loop {
            if let Some(record) = self.records.pop_front() {
                return record;
            }
            self.answer().await;
        }
    }

    pub(crate) async fn records(&mut self, count: usize) -> Vec<v1::Delivery> {
        let mut records = Vec::new();
        while records.len() < count {
            records.push(self.record().await);
        }
        records
    }

    /// Settles, and tells the codes of what failed.
    pub(crate) async fn settle(&mut self, settle: v1::WorkSettle) -> Vec<(u64, String)> {
        self.send.send(message(Sent::Settle(settle))).await.unwrap();
        while self.settled.is_empty() {
            self.answer().await;
        }
        let settled = self.settled.pop_front().unwrap();
        let code = |failure: v1::SettleFailure| {
            let error = failure.error.unwrap();
            assert!(!error.message.is_empty() && !error.hint.is_empty(), "{error:?}");
            (failure.delivery_id, error.code().as_str_name().trim_start_matches("ERROR_CODE_").to_owned())
        };
        settled.failures.into_iter().map(code).collect()
    }

    pub(crate) async fn acknowledge(&mut self, records: &[v1::Delivery]) {
        let acknowledge = records.iter().map(|record| record.delivery_id).collect();
        let failures = self.settle(v1::WorkSettle { acknowledge, ..Default::default() }).await;
        assert_eq!(failures, vec![]);
    }

    pub(crate) async fn reject(&mut self, record: &v1::Delivery, delay_ms: u32, dead: bool, reason: &str) {
        let reject =
            v1::WorkReject { delivery_id: record.delivery_id, delay_ms, dead, reason: reason.to_owned() };
        let failures = self.settle(v1::WorkSettle { reject: vec![reject], ..Default::default() }).await;
        assert_eq!(failures, vec![]);
    }

    /// The code with which the stream ends; what comes before is dropped.
    pub(crate) async fn end(&mut self) -> String {
        loop {
            match next(&mut self.answers).await {
                Ok(Some(_)) => {}
                Ok(None) => return "OK".to_owned(),
                Err(status) => return reason(&status).0,
            }
        }
    }
}

pub(crate) fn value(record: &v1::Delivery) -> String {
    let value = record.record.as_ref().unwrap().value.clone().unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}

pub(crate) fn values(records: &[v1::Delivery]) -> Vec<String> {
    records.iter().map(value).collect()
}
