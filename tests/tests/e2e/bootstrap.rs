//! A broker that asks everybody who they are: its first operator, and a new user's way from there to records.

use crate::small;
use levee_client::{Admin, Client, Error, Position, ProducerSettings, ReaderSettings, Record, StartAt, v1};
use levee_tests::broker::{Broker, Setup};
use levee_tests::raw::Raw;
use levee_tests::tenancy::{bearer, name, operator, topic};
use levee_tests::wait;
use levee_types::ErrorCode;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The first start tells a token; later ones do not, also after a crash.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_start_tells_a_token_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data")).with_authentication();
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    let token = told(&broker).await;
    let me = bearer(&endpoint, &token).admin().who_am_i().await.expect("it is good");
    assert_eq!((me.tenant.as_str(), me.user.as_str(), me.admin), ("", "bootstrap", true));
    bearer(&endpoint, &token).admin().status().await.expect("it is an operator's");
    check_strangers(&endpoint, &token).await;
    broker.kill();
    check_log(&broker.log().complete(), &token, 1);

    for crashes in [true, false] {
        broker = Broker::start(&setup).await;
        bearer(&endpoint, &token).admin().status().await.expect("it is still good");
        if crashes {
            broker.kill();
            check_log(&broker.log().complete(), &token, 0);
        } else {
            assert_eq!(broker.bootstrap_token(), None);
            broker.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_of_a_file_is_the_first_operators() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, token) = token_file(dir.path());
    let setup = small(&dir.path().join("data")).with_authentication();
    let with_file = setup.clone().set_text("bootstrap_token_file", &text(&file));
    let broker = Broker::start(&with_file).await;
    let endpoint = broker.endpoint();
    bearer(&endpoint, &token).admin().status().await.expect("it is an operator's");
    assert_eq!(broker.bootstrap_token(), None, "who gave it knows it");
    broker.stop().await;
    // Once there is an operator nobody needs the file.
    fs::remove_file(&file).expect("the file");
    let broker = Broker::start(&with_file).await;
    bearer(&endpoint, &token).admin().status().await.expect("it is still good");
    broker.stop().await;
    let broker = Broker::start(&setup).await;
    assert_eq!(broker.bootstrap_token(), None);
    broker.stop().await;
}

/// Each is refused with the key that is wrong and what to do; nothing of the file is shown, and nothing is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_token_file_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, token) = token_file(dir.path());
    let setup =
        small(&dir.path().join("data")).with_authentication().set_text("bootstrap_token_file", &text(&file));
    let bad = [
        String::new(),
        "canary-of-a-bad-file".to_owned(),
        token.replace("levee_00000000", "levee_00000001"),
        token.to_uppercase(),
        token[..token.len() - 1].to_owned(),
        format!("{token}0"),
        format!("{token}\n{token}"),
        token.replace("levee_", "Bearer levee_"),
    ];
    for content in bad {
        fs::write(&file, &content).expect("the file");
        let refusal = Broker::try_start(&setup).await.expect_err("it is no token of an operator");
        assert!(!refusal.status.success());
        for expected in ["bootstrap_token_file", &text(&file), "openssl rand -hex"] {
            assert!(refusal.log.contains(expected), "{content:?}: no {expected:?} in {refusal}");
        }
        let secret = content.rsplit('_').next().unwrap_or_default().trim();
        assert!(secret.len() < 8 || !refusal.log.contains(secret), "it shows the file: {refusal}");
    }
    fs::remove_file(&file).expect("the file");
    let refusal = Broker::try_start(&setup).await.expect_err("there is no file");
    assert!(refusal.log.contains("bootstrap_token_file") && refusal.log.contains("cannot read"), "{refusal}");
    // The advice of the refusal, to the letter.
    fs::write(&file, format!("  {token}\n\n")).expect("the file");
    let broker = Broker::start(&setup).await;
    bearer(&broker.endpoint(), &token).admin().status().await.expect("white space around it is no fault");
    broker.stop().await;
}

/// What was made without authentication is not open to everybody, nor closed to all, once there is some.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_development_gets_an_operator() {
    let dir = tempfile::tempdir().expect("a directory");
    let setup = small(&dir.path().join("data"));
    let broker = Broker::start(&setup).await;
    operator(&broker.endpoint()).create_tenant(&name("acme"), None, false).await.expect("a tenant");
    broker.stop().await;
    let broker = Broker::start(&setup.clone().with_authentication()).await;
    let endpoint = broker.endpoint();
    let token = told(&broker).await;
    check_strangers(&endpoint, &token).await;
    let listed = bearer(&endpoint, &token).admin().list_tenants(0, "").await.expect("tenants");
    assert_eq!(listed.tenants.len(), 1);
    assert_eq!(listed.tenants[0].plan, "unlimited", "it keeps the plan that it was made with");
    broker.stop().await;
}

/// A configuration file is enough; what is wrong in it is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_file_is_enough() {
    let dir = tempfile::tempdir().expect("a directory");
    let (token_file, token) = token_file(dir.path());
    let config = dir.path().join("leveed.toml");
    let good =
        format!("bootstrap_token_file = {:?}\n[tenants]\ndefault_plan = \"unlimited\"\n", text(&token_file));
    fs::write(&config, &good).expect("a file");
    let setup = Setup::new(&dir.path().join("data")).with_authentication().with_config(&config);
    let broker = Broker::start(&setup).await;
    let admin = bearer(&broker.endpoint(), &token).admin();
    let made = admin.create_tenant(&name("acme"), None, false).await.expect("a tenant");
    assert_eq!(made.tenant.expect("a tenant").plan, "unlimited");
    broker.stop().await;
    fs::write(&config, good.replace("bootstrap_token_file", "bootstrap_token_fil")).expect("a file");
    let refusal = Broker::try_start(&setup).await.expect_err("no such key");
    assert!(refusal.log.contains("bootstrap_token_file"), "it does not name the nearest key: {refusal}");
}

/// From the operator's token to records, as a new user goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_user_gets_to_work() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, token) = token_file(dir.path());
    let setup = small(&dir.path().join("data")).with_authentication();
    let setup = setup.set_text("bootstrap_token_file", &text(&file));
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    let root = bearer(&endpoint, &token).admin();
    let ann = admin_of(&root, &endpoint, "acme").await;
    let eve = admin_of(&root, &endpoint, "evil").await;

    ann.admin()
        .create_topics("", vec![topic("orders", 2, &[]), topic("secret", 1, &[])], false)
        .await
        .expect("topics");
    let svc = user_with_token(&ann, &endpoint, "svc", "orders").await;
    let theirs = user_with_token(&eve, &endpoint, "svc", "orders").await;
    work(&svc, 0).await;
    check_bounds(&svc, &eve, &theirs).await;
    broker.kill();
    broker = Broker::start(&setup).await;
    work(&svc, 5).await;
    check_bounds(&svc, &eve, &theirs).await;
    a_token_ends(&ann, &endpoint).await;
    broker.stop().await;
}

/// What the broker says of its first token, once it does.
async fn told(broker: &Broker) -> String {
    wait::until("the token is told", Duration::from_secs(10), || broker.bootstrap_token()).await
}

/// The token stands in the log so many times, on a line of its own, and in no line of the log that is kept.
fn check_log(log: &str, token: &str, times: usize) {
    assert_eq!(log.matches(token).count(), times, "{log}");
    let secret = token.rsplit('_').next().expect("a secret");
    let is_json = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    let lines: Vec<_> = log.lines().filter(is_json).collect();
    assert!(lines.len() >= 2, "these are the lines: {lines:?}");
    assert!(lines.iter().all(|line| !line.contains(secret)), "it is in the log: {lines:?}");
}

/// Nobody else gets in: no credential, that of development, a wrong secret, an unknown id. All hear the same.
async fn check_strangers(endpoint: &str, token: &str) {
    let mut wrong = token.to_owned();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    let (id, secret) = token.rsplit_once('_').expect("two parts");
    let mut unknown = id.to_owned();
    let last = if unknown.pop() == Some('0') { '1' } else { '0' };
    let unknown = format!("{unknown}{last}_{secret}");
    let mut heard = Vec::new();
    for stranger in [wrong, unknown, "nonsense".to_owned()] {
        let error = bearer(endpoint, &stranger).admin().status().await.expect_err("a stranger");
        assert_eq!(error.code(), Some(ErrorCode::Unauthenticated), "{error}");
        heard.push((error.message().to_owned(), error.hint().to_owned()));
    }
    assert!(heard.iter().all(|first| *first == heard[0]), "they hear different things: {heard:?}");
    for raw in [Raw::operator(endpoint), Raw::tenant(endpoint, "acme")] {
        let status = raw.status().await.expect_err("a stranger");
        assert_eq!(status.code(), tonic::Code::Unauthenticated, "{status}");
    }
}

/// A file with a token that nobody else has.
fn token_file(dir: &Path) -> (PathBuf, String) {
    let mut seed = levee_tests::seed::Seed::from_env("bootstrap");
    let id = format!("{:016x}{:08x}", seed.next(), seed.next() >> 32);
    let secret: String = (0..4).map(|_| format!("{:016x}", seed.next())).collect();
    let token = format!("levee_00000000{id}_{secret}");
    let file = dir.join("token");
    fs::write(&file, format!("{token}\n")).expect("a file");
    (file, token)
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of text").to_owned()
}

/// A tenant, and its administrator with a token.
async fn admin_of(root: &Admin, endpoint: &str, tenant: &str) -> Client {
    root.create_tenant(&name(tenant), None, false).await.expect("a tenant");
    let ann = v1::CreateUserRequest {
        tenant: tenant.to_owned(),
        name: "ann".to_owned(),
        admin: true,
        ..Default::default()
    };
    root.create_user(ann).await.expect("an administrator");
    let issue =
        v1::IssueTokenRequest { tenant: tenant.to_owned(), user: "ann".to_owned(), ..Default::default() };
    let issued = root.issue_token(issue).await.expect("a token");
    bearer(endpoint, issued.secret.expose())
}

/// A user who may produce to and consume from one topic, with a token for that which is good for an hour.
async fn user_with_token(admin: &Client, endpoint: &str, user: &str, topic: &str) -> Client {
    let made = v1::CreateUserRequest { name: user.to_owned(), ..Default::default() };
    admin.admin().create_user(made).await.expect("a user");
    let pattern = v1::TopicPattern { kind: Some(v1::topic_pattern::Kind::Name(topic.to_owned())) };
    let operations = vec![v1::AclOperation::Produce.into(), v1::AclOperation::Consume.into()];
    let rule = v1::AclRule {
        effect: v1::AclEffect::Allow.into(),
        subject: Some(v1::AclSubject { kind: Some(v1::acl_subject::Kind::User(user.to_owned())) }),
        operations: operations.clone(),
        topics: Some(pattern.clone()),
        ..Default::default()
    };
    admin.admin().create_acl_rules("", vec![rule]).await.expect("a rule");
    let issue = v1::IssueTokenRequest {
        user: user.to_owned(),
        expires_in_ms: Some(3_600_000),
        scopes: vec![v1::TokenScope { operations, topics: Some(pattern), ..Default::default() }],
        ..Default::default()
    };
    let issued = admin.admin().issue_token(issue).await.expect("a token");
    bearer(endpoint, issued.secret.expose())
}

/// Sends five records, and reads all that there are by now.
async fn work(svc: &Client, before: usize) {
    let producer = svc.producer(ProducerSettings::default()).await.expect("a producer");
    for number in before..before + 5 {
        let record = Record { value: Some(number.to_string().into()), ..Record::default() };
        producer.send_to("orders", 0, record).await.expect("it is taken").await.expect("it is stored");
    }
    producer.close().await.expect("it is done");
    let position = Position { topic: "orders".to_owned(), partition: 0, from: StartAt::Start };
    let settings = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
    let mut reader = svc.reader(vec![position], settings).await.expect("a reader");
    let mut read = Vec::new();
    while let Some(record) = reader.next().await {
        read.push(record.expect("a record").record.value.expect("a value"));
    }
    let expected: Vec<_> = (0..before + 5).map(|number| bytes::Bytes::from(number.to_string())).collect();
    assert_eq!(read, expected);
}

/// `svc` may do what it was allowed to, and the other tenant sees nothing.
async fn check_bounds(svc: &Client, eve: &Client, theirs: &Client) {
    assert_eq!(denied(send(svc, "secret").await), ErrorCode::PermissionDenied);
    assert_eq!(
        denied(send(svc, "no-such-topic").await),
        ErrorCode::PermissionDenied,
        "the same as for one that there is"
    );
    assert_eq!(denied(svc.admin().list_users("", 0, "").await), ErrorCode::PermissionDenied);
    assert_eq!(denied(svc.admin().list_tenants(0, "").await), ErrorCode::PermissionDenied);
    assert_eq!(denied(svc.admin().delete_topic("", "orders").await), ErrorCode::PermissionDenied);

    let listed = eve.admin().list_topics("", "", 0, "").await.expect("a list");
    assert_eq!(listed.topics, Vec::new());
    assert_eq!(denied(eve.admin().get_topic("", "orders").await), ErrorCode::NotFound);
    let foreign = eve.admin().get_topic("acme", "orders").await.expect_err("another tenant's");
    let missing = eve.admin().get_topic("nobody", "orders").await.expect_err("nobody's");
    assert_eq!(foreign.code(), Some(ErrorCode::NotFound));
    assert_eq!(
        foreign.message().replace("acme", "nobody"),
        missing.message(),
        "they differ in more than the name"
    );
    assert_eq!(
        denied(eve.admin().list_usage("acme", levee_tests::tenancy::now_ms(), 0).await),
        ErrorCode::NotFound
    );
    assert_eq!(denied(theirs.offsets(vec![start_of_orders()]).await), ErrorCode::NotFound);
    let users = eve.admin().list_users("", 0, "").await.expect("users").users;
    assert_eq!(users.len(), 2, "its own");
}

fn start_of_orders() -> Position {
    Position { topic: "orders".to_owned(), partition: 0, from: StartAt::Start }
}

async fn send(client: &Client, topic: &str) -> Result<(), Error> {
    let producer = client.producer(ProducerSettings::default()).await?;
    producer.send_to(topic, 0, Record { value: Some("x".into()), ..Record::default() }).await?.await.map(drop)
}

fn denied<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorCode {
    let error = result.expect_err("it must be refused");
    error.code().unwrap_or_else(|| panic!("{error}"))
}

/// A token ends when its time has come, and at once when it is revoked.
async fn a_token_ends(ann: &Client, endpoint: &str) {
    let issue =
        |expires_in_ms| v1::IssueTokenRequest { user: "svc".to_owned(), expires_in_ms, ..Default::default() };
    let short = ann.admin().issue_token(issue(Some(1_500))).await.expect("a token");
    let long = ann.admin().issue_token(issue(None)).await.expect("a token");
    let (short_lived, long_lived) =
        (bearer(endpoint, short.secret.expose()), bearer(endpoint, long.secret.expose()));
    long_lived.offsets(vec![start_of_orders()]).await.expect("it is good");
    ann.admin().revoke_token("", &long.token.id).await.expect("it can be revoked");
    assert_eq!(denied(long_lived.offsets(vec![start_of_orders()]).await), ErrorCode::Unauthenticated);
    let is_over = async || short_lived.offsets(vec![start_of_orders()]).await.err();
    let error = wait::poll("the token expires", Duration::from_secs(10), is_over).await;
    assert_eq!(error.code(), Some(ErrorCode::Unauthenticated), "{error}");
}
