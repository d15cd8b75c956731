use super::ReadStream;
use crate::admission::{NodeAdmission, NodeRates};
use crate::ambient::{SystemClock, SystemRandom};
use crate::authorize::Authorizer;
use crate::blocking::Blocking;
use crate::identity::{Authenticator, Mode};
use crate::operation::Operation;
use crate::running_shard::RunningShard;
use crate::tenants::Tenants;
use crate::transport::outgoing::Outlet;
use bytes::Bytes;
use futures::StreamExt as _;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use hyper::body::{Body, Frame};
use levee_proto::v1;
use levee_proto::v1::read_request::Kind;
use levee_storage::{AuditEvent, NewTopic, ShardSettings};
use levee_types::{Clock, PlanName, TenantName, TopicName};
use prost::Message as _;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::codec::{DecodeBuf, Decoder};
use tonic::{Request, Status, Streaming};

const MESSAGES: usize = 10_000;

/// A client that has another message ready at every moment.
struct Flood {
    first: Bytes,
    then: Bytes,
    taken: Arc<AtomicUsize>,
}

impl Body for Flood {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let message = if taken == 0 { &self.first } else { &self.then };
        // It comes to an end, so that the test does.
        Poll::Ready((taken < MESSAGES).then(|| Ok(Frame::data(message.clone()))))
    }
}

struct Requests;

impl Decoder for Requests {
    type Item = v1::ReadRequest;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<v1::ReadRequest>, Status> {
        v1::ReadRequest::decode(source).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

fn message(kind: Kind) -> Bytes {
    let message = v1::ReadRequest { kind: Some(kind) }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, &message].concat().into()
}

#[tokio::test]
async fn a_flood_of_credit_leaves_the_worker_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let settings = ShardSettings { segment_bytes: 16 << 20, ..ShardSettings::default() };
    let storage =
        RunningShard::start(dir.path(), settings, Arc::new(SystemClock::new()), &SystemRandom).unwrap();
    let name = TenantName::new("acme").unwrap();
    let plan = PlanName::new("unlimited").unwrap();
    let audit = AuditEvent::default;
    let tenant = storage.shard.create_tenant(name, plan, audit()).await.unwrap().0.id;
    let topic = NewTopic { name: TopicName::new("orders").unwrap(), partitions: 1, set: BTreeMap::new() };
    storage.shard.create_topics(tenant, vec![topic], audit()).await.unwrap().remove(0).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let node = Arc::new(NodeAdmission::new(NodeRates::default()));
    let tenants = Tenants::new(storage.shard.clone(), clock, node);
    let authenticator = Arc::new(Authenticator::new(tenants.clone(), Mode::Dev));
    let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Dev tenant acme"))]);
    let principal = authenticator.authenticate(&headers, None, [127, 0, 0, 1].into()).await.unwrap();
    let mut request = Request::new(());
    request.extensions_mut().insert(principal);
    let (audit, _refusals) = crate::audit::channel(storage.shard.clone());
    let permit =
        Authorizer::new(tenants, authenticator, audit).tenant(&request, Operation::Read, "").unwrap();

    let spec = v1::offset_spec::Spec::Edge(v1::OffsetEdge::Start as i32);
    let position = v1::ReadPosition {
        topic: "orders".to_owned(),
        partition: 0,
        from: Some(v1::OffsetSpec { spec: Some(spec) }),
    };
    let start = v1::ReadStart { positions: vec![position], credit_bytes: 1, stop_at_end: false };
    let taken = Arc::new(AtomicUsize::new(0));
    let flood = Flood {
        first: message(Kind::Start(start)),
        then: message(Kind::Credit(v1::ReadCredit { bytes: 1 })),
        taken: Arc::clone(&taken),
    };
    let requests = Streaming::new_request(Requests, flood, None, None);
    let blocking = Blocking::new(TaskTracker::new(), 1);
    let (retire, outlet) = (CancellationToken::new(), Outlet::default());
    let stream = ReadStream::new(Arc::new(permit), blocking, requests, retire, outlet);
    let mut messages = stream.into_messages();
    messages.next().await.unwrap().unwrap();
    let mut most = 0;
    poll_fn(|cx| {
        let before = taken.load(Ordering::Relaxed);
        assert!(messages.poll_next_unpin(cx).is_pending(), "there is nothing to read");
        let after = taken.load(Ordering::Relaxed);
        most = most.max(after - before);
        if after > MESSAGES { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    assert!(most < MESSAGES / 10, "{most} at once");
    drop((messages, request));
    assert!(storage.stop().await);
}
