//! What is addressed by an id or a token of the broker's: another tenant's is answered like one that does not exist,
//! and nothing happens to it.

use crate::harness::{Broker, produce_request, reason};
use crate::tenancy::{allow, named, user};
use crate::wire::Caller;
use levee_broker::operation::Operation as Op;
use levee_proto::v1;
use levee_proto::v1::produce_stream_response::Result as Outcome;
use prost::Message;
use std::fmt::Debug;
use tonic::Status;

const MANY: usize = 5;

/// What a tenant has that has an id.
struct Ids {
    tokens: Vec<String>,
    credentials: Vec<String>,
    rules: Vec<u64>,
    producers: Vec<v1::InitProducerResponse>,
    events: u64,
}

struct World {
    broker: Broker,
    operator: Caller,
    /// Of acme, who uses what is not its own.
    admin: Caller,
    acme: Ids,
    beta: Ids,
}

/// Makes a tenant with `count` of everything.
async fn fill(broker: &Broker, operator: &Caller, tenant: &str, count: usize) -> (Caller, Ids) {
    operator.make_tenant(tenant).await;
    operator.make_user(tenant, "admin", true, &[]).await;
    let (_, credential) = operator.full_token(tenant, "admin").await;
    let admin = Caller::new(broker, credential).await;
    let mut ids = Ids { tokens: vec![], credentials: vec![], rules: vec![], producers: vec![], events: 0 };
    for index in 0..count {
        admin.make_topic("", &format!("{tenant}-{index}")).await;
        admin.make_user("", &format!("{tenant}-{index}"), false, &[]).await;
        let (token, credential) = admin.full_token("", &format!("{tenant}-{index}")).await;
        ids.tokens.push(token);
        ids.credentials.push(credential);
        let rule = allow(user("filler"), &[1], named(&format!("{tenant}-{index}")));
        ids.rules.push(admin.make_rule("", rule).await);
        ids.producers.push(admin.must(Op::InitProducer, &v1::InitProducerRequest::default()).await);
    }
    let listed: v1::ListAuditEventsResponse =
        admin.must(Op::ListAuditEvents, &v1::ListAuditEventsRequest::default()).await;
    ids.events = listed.next_sequence;
    (admin, ids)
}

impl World {
    async fn new() -> Self {
        let (broker, credential) = Broker::start_real().await;
        let operator = Caller::new(&broker, credential).await;
        let (admin, acme) = fill(&broker, &operator, "acme", 2).await;
        let (_, beta) = fill(&broker, &operator, "beta", 2 * MANY).await;
        Self { broker, operator, admin, acme, beta }
    }

    async fn picture(&self) -> [String; 2] {
        [self.operator.picture("acme").await, self.operator.picture("beta").await]
    }

    /// Makes one call with what is beta's, and the same with what is nobody's.
    async fn same<R: Message + Default + PartialEq + Debug>(
        &self,
        operation: Op,
        foreign: (&str, &impl Message),
        absent: (&str, &impl Message),
        code: &str,
    ) {
        let before = self.picture().await;
        let mut seen = Vec::new();
        for (name, bytes) in [(foreign.0, foreign.1.encode_to_vec()), (absent.0, absent.1.encode_to_vec())] {
            let answer = self.admin.call(operation.path(), &[bytes], &[]).await;
            let status = answer.status();
            seen.push(match status.code() {
                tonic::Code::Ok => ("OK".to_owned(), String::new(), answer.messages::<R>()),
                _ => {
                    let (code, message) = reason(&status);
                    (code, message.replace(name, "?"), vec![])
                }
            });
        }
        assert_eq!(seen[0], seen[1], "{operation:?}");
        assert_eq!(seen[0].0, code, "{operation:?}: {seen:?}");
        assert_eq!(self.picture().await, before, "{operation:?} changed something");
    }
}

fn code<T>(result: Result<T, Status>) -> String {
    result.err().map_or("OK".to_owned(), |status| reason(&status).0)
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_tokens_and_rules() {
    let world = World::new().await;
    let foreign = &world.beta.tokens[0];
    // Of this tenant, of the other one, and of one that there is not.
    for absent in [
        format!("{}{}", &world.acme.tokens[0][..8], "7".repeat(24)),
        format!("{}{}", &foreign[..8], "7".repeat(24)),
        "7".repeat(32),
        "0".repeat(32),
    ] {
        let revoke = |id: &str| v1::RevokeTokenRequest { tenant: String::new(), id: id.to_owned() };
        let (theirs, nobodys) = (revoke(foreign), revoke(&absent));
        world
            .same::<v1::RevokeTokenResponse>(
                Op::RevokeToken,
                (foreign, &theirs),
                (&absent, &nobodys),
                "NOT_FOUND",
            )
            .await;
    }
    let delete = |ids: Vec<u64>| v1::DeleteAclRulesRequest { tenant: String::new(), ids };
    let foreign = *world.beta.rules.last().unwrap();
    let (theirs, nobodys) = (delete(vec![foreign]), delete(vec![777]));
    let shown = foreign.to_string();
    world
        .same::<v1::DeleteAclRulesResponse>(
            Op::DeleteAclRules,
            (&shown, &theirs),
            ("777", &nobodys),
            "NOT_FOUND",
        )
        .await;
    // Together with one of its own: all or none.
    let own = world.acme.rules[0];
    let (theirs, nobodys) = (delete(vec![own, foreign]), delete(vec![own, 777]));
    world
        .same::<v1::DeleteAclRulesResponse>(
            Op::DeleteAclRules,
            (&shown, &theirs),
            ("777", &nobodys),
            "NOT_FOUND",
        )
        .await;
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_producers() {
    let world = World::new().await;
    let foreign = *world.beta.producers.last().unwrap();
    let absent = v1::InitProducerResponse { producer_id: 777, ..foreign };
    for epoch in [None, Some(foreign.epoch)] {
        let init = |producer: v1::InitProducerResponse| v1::InitProducerRequest {
            producer_id: Some(producer.producer_id),
            epoch,
        };
        world
            .same::<v1::InitProducerResponse>(
                Op::InitProducer,
                ("", &init(foreign)),
                ("", &init(absent)),
                "UNKNOWN_PRODUCER",
            )
            .await;
    }
    let produce = |producer: v1::InitProducerResponse| {
        let v1::InitProducerResponse { producer_id, epoch } = producer;
        let producer = Some(v1::ProducerSequence { producer_id, epoch, sequence: 0 });
        v1::ProduceRequest { producer, ..produce_request("acme-0", 0, &["x"]) }
    };
    world
        .same::<v1::ProduceResponse>(
            Op::Produce,
            ("", &produce(foreign)),
            ("", &produce(absent)),
            "UNKNOWN_PRODUCER",
        )
        .await;
    let stream = |producer| v1::ProduceStreamRequest { correlation_id: 1, request: Some(produce(producer)) };
    world
        .same::<v1::ProduceStreamResponse>(
            Op::ProduceStream,
            ("", &stream(foreign)),
            ("", &stream(absent)),
            "OK",
        )
        .await;
    let answer = world.admin.call(Op::ProduceStream.path(), &[stream(foreign).encode_to_vec()], &[]).await;
    match answer.messages::<v1::ProduceStreamResponse>().remove(0).result {
        Some(Outcome::Error(error)) => assert_eq!(error.code(), v1::ErrorCode::UnknownProducer),
        other => panic!("{other:?}"),
    }
    world.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_producers_and_for_topics_of_others() {
    let world = World::new().await;
    let foreign = *world.beta.producers.last().unwrap();
    let absent = v1::InitProducerResponse { producer_id: 777, ..foreign };
    let stage = |producer: v1::InitProducerResponse| {
        let v1::InitProducerResponse { producer_id, epoch } = producer;
        let place = v1::TransactionSequence { producer_id, epoch, number: 1, ..Default::default() };
        v1::ProduceRequest { transaction: Some(place), ..produce_request("acme-0", 0, &["x"]) }
    };
    world
        .same::<v1::ProduceResponse>(
            Op::Produce,
            ("", &stage(foreign)),
            ("", &stage(absent)),
            "UNKNOWN_PRODUCER",
        )
        .await;
    let commit = |producer: v1::InitProducerResponse, staged, topics: &[&str]| {
        let batch = |topic: &&str| {
            let v1::ProduceRequest { topic, partition, batch, .. } = produce_request(topic, 0, &["x"]);
            v1::TransactionBatch { topic, partition, batch, batch_crc32c: None }
        };
        let v1::InitProducerResponse { producer_id, epoch } = producer;
        let batches = topics.iter().map(batch).collect();
        v1::CommitTransactionRequest { producer_id, epoch, number: 1, staged, batches, offsets: vec![] }
    };
    for staged in [0, 1] {
        world
            .same::<v1::CommitTransactionResponse>(
                Op::CommitTransaction,
                ("", &commit(foreign, staged, &["acme-0"])),
                ("", &commit(absent, staged, &["acme-0"])),
                "UNKNOWN_PRODUCER",
            )
            .await;
    }
    let abort = |producer: v1::InitProducerResponse| {
        let v1::InitProducerResponse { producer_id, epoch } = producer;
        v1::AbortTransactionRequest { producer_id, epoch, number: 1 }
    };
    world
        .same::<v1::AbortTransactionResponse>(
            Op::AbortTransaction,
            ("", &abort(foreign)),
            ("", &abort(absent)),
            "UNKNOWN_PRODUCER",
        )
        .await;
    // T6: one topic of another tenant, and nothing of the transaction is done.
    let own = world.acme.producers[0];
    world
        .same::<v1::CommitTransactionResponse>(
            Op::CommitTransaction,
            ("beta-3", &commit(own, 0, &["acme-0", "beta-3"])),
            ("nobodys", &commit(own, 0, &["acme-0", "nobodys"])),
            "NOT_FOUND",
        )
        .await;
    world.broker.stop().await;
}

/// Pages begin behind what is named, whether there is such a thing or not.
#[tokio::test(flavor = "multi_thread")]
async fn page_tokens_and_sequences() {
    let world = World::new().await;
    let size = u32::try_from(MANY).unwrap();
    let beta = || "beta".to_owned();
    let topics = |tenant, page_token: &str| v1::ListTopicsRequest {
        tenant,
        page_size: size,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let users = |tenant, page_token: &str| v1::ListUsersRequest {
        tenant,
        page_size: size,
        page_token: page_token.to_owned(),
    };
    let tokens = |tenant, page_token: &str| v1::ListTokensRequest {
        tenant,
        page_size: size,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let rules = |tenant, page_token: &str| v1::ListAclRulesRequest {
        tenant,
        page_size: size,
        page_token: page_token.to_owned(),
    };
    let operator = &world.operator;
    let page: v1::ListTopicsResponse = operator.must(Op::ListTopics, &topics(beta(), "")).await;
    let (theirs, nobodys) =
        (topics(String::new(), &page.next_page_token), topics(String::new(), "beta-nobody"));
    world.same::<v1::ListTopicsResponse>(Op::ListTopics, ("", &theirs), ("", &nobodys), "OK").await;
    let page: v1::ListUsersResponse = operator.must(Op::ListUsers, &users(beta(), "")).await;
    let (theirs, nobodys) =
        (users(String::new(), &page.next_page_token), users(String::new(), "beta-nobody"));
    world.same::<v1::ListUsersResponse>(Op::ListUsers, ("", &theirs), ("", &nobodys), "OK").await;
    let page: v1::ListTokensResponse = operator.must(Op::ListTokens, &tokens(beta(), "")).await;
    assert!(!page.next_page_token.is_empty());
    let absent = "7".repeat(32);
    let (theirs, nobodys) = (tokens(String::new(), &page.next_page_token), tokens(String::new(), &absent));
    let name = &page.next_page_token;
    world
        .same::<v1::ListTokensResponse>(Op::ListTokens, (name, &theirs), (&absent, &nobodys), "NOT_FOUND")
        .await;
    let page: v1::ListAclRulesResponse = operator.must(Op::ListAclRules, &rules(beta(), "")).await;
    let (theirs, nobodys) = (rules(String::new(), &page.next_page_token), rules(String::new(), "777"));
    world.same::<v1::ListAclRulesResponse>(Op::ListAclRules, ("", &theirs), ("", &nobodys), "OK").await;
    assert!(world.beta.events > world.acme.events);
    let events = |from_sequence| v1::ListAuditEventsRequest { from_sequence, ..Default::default() };
    let (theirs, nobodys) = (events(world.beta.events - 1), events(777));
    let mut seen = Vec::new();
    for request in [theirs, nobodys] {
        let page: v1::ListAuditEventsResponse = world.admin.must(Op::ListAuditEvents, &request).await;
        assert!(page.next_sequence == request.from_sequence || page.next_sequence == world.acme.events);
        seen.push(page.events);
    }
    assert_eq!(seen, [vec![], vec![]]);
    world.broker.stop().await;
}

/// The id of a token says whose it is; only with its own secret does it count.
#[tokio::test(flavor = "multi_thread")]
async fn ids_of_tokens_with_secrets_of_others() {
    let world = World::new().await;
    let parts = |credential: &str| {
        let (id, secret) = credential.strip_prefix("Bearer levee_").unwrap().split_once('_').unwrap();
        (id.to_owned(), secret.to_owned())
    };
    let (own, own_secret) = parts(&world.acme.credentials[0]);
    let (theirs, _) = parts(&world.beta.credentials[0]);
    let mut seen = Vec::new();
    for id in [
        theirs.clone(),
        // An id as beta's would be, and its own one moved there and to the operators.
        format!("{}{}", &theirs[..8], "7".repeat(24)),
        format!("{}{}", &theirs[..8], &own[8..]),
        format!("{}{}", "0".repeat(8), &own[8..]),
        format!("{}{}", "7".repeat(8), &own[8..]),
    ] {
        let caller = Caller::new(&world.broker, format!("Bearer levee_{id}_{own_secret}")).await;
        let answer: Result<v1::WhoAmIResponse, _> = caller.ask(Op::WhoAmI, &v1::WhoAmIRequest {}).await;
        seen.push(reason(&answer.unwrap_err()));
    }
    assert_eq!(seen[0].0, "UNAUTHENTICATED");
    assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:?}");
    let caller = Caller::new(&world.broker, world.acme.credentials[0].clone()).await;
    assert_eq!(code(caller.ask::<v1::WhoAmIResponse>(Op::WhoAmI, &v1::WhoAmIRequest {}).await), "OK");
    world.broker.stop().await;
}
