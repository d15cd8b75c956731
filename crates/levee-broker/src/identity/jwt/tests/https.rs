use super::server::{Answer, Server};
use super::signer::Signer;
use super::*;
use crate::identity::jwt::endpoint::{Endpoint, GetError};
use crate::identity::jwt::tls::Configs;
use futures::future::join_all;
use http::StatusCode;
use levee_types::limits::{MAX_JWKS_BYTES, MAX_JWKS_HEAD_BYTES, MAX_WAITING_FOR_KEYS};

fn of_url(server: &Server, name: &str) -> String {
    format!(
        "[[issuer]]\nissuer = \"{name}\"\naudience = \"levee\"\nalgorithms = [\"ES256\"]\n\
         jwks_url = \"{}\"\nca_file = \"ca-{}.pem\"\ntenant = \"acme\"\n",
        server.url,
        ca_of(server)
    )
}

fn ca_of(server: &Server) -> String {
    server.url.chars().filter(char::is_ascii_digit).collect()
}

/// Issuers whose keys those servers have; the first is [`ISSUER`].
fn load(files: &Files, servers: &[&Server], clock: Arc<ManualClock>) -> Arc<Jwts> {
    let names = (0..).map(|number| match number {
        0 => ISSUER.to_owned(),
        _ => format!("{ISSUER}/{number}"),
    });
    let issuers: String = servers
        .iter()
        .zip(names)
        .map(|(server, name)| {
            files.write(&format!("ca-{}.pem", ca_of(server)), &server.ca);
            of_url(server, &name)
        })
        .collect();
    files.load(&issuers, clock, None)
}

fn endpoint(files: &Files, url: &str, ca: &str) -> Endpoint {
    let ca = files.write("ca.pem", ca);
    Endpoint::new(url.parse().unwrap(), &Configs::default().get(Some(&ca)).unwrap())
}

async fn get(server: &Server) -> Result<Vec<u8>, GetError> {
    let files = Files::new();
    soon(endpoint(&files, &server.url, &server.ca).get()).await
}

#[tokio::test]
async fn keys_come_over_https_and_the_first_caller_waits_for_them() {
    let (files, clock, signer) = (Files::new(), ManualClock::new(), Signer::new("k1", "ES256"));
    let server = Server::start(Answer::Keys(jwks(&[signer.jwk()]))).await;
    let jwts = load(&files, &[&server], clock);
    let token = signer.token(&claims());
    let _following = Following::new(&jwts);
    verified(&jwts, &token).await;
    assert_eq!(server.requests(), ["/keys?version=1"]);
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_is_not_asked() {
    let files = Files::new();
    let keys = || Answer::Keys(jwks(&[]));
    let (server, other) = (Server::start(keys()).await, Server::start_as("login.test", keys()).await);
    let of_another_ca = soon(endpoint(&files, &server.url, &other.ca).get()).await;
    assert!(matches!(of_another_ca, Err(GetError::Connect(_))), "{of_another_ca:?}");
    assert!(matches!(get(&other).await, Err(GetError::Connect(_))), "a certificate for another name");
    let plain = server.url.replace("https", "http");
    assert!(matches!(soon(endpoint(&files, &plain, &server.ca).get()).await, Err(GetError::Connect(_))));
    assert!(server.requests().is_empty() && other.requests().is_empty());
    assert!(get(&server).await.is_ok());
}

#[tokio::test]
async fn only_an_answer_that_is_one_counts() {
    let server = Server::start(Answer::Redirect("/elsewhere".to_owned())).await;
    assert!(matches!(get(&server).await, Err(GetError::Status(StatusCode::FOUND))));
    assert_eq!(server.requests(), ["/keys?version=1"], "it followed");
    for status in [StatusCode::NOT_FOUND, StatusCode::NO_CONTENT, StatusCode::INTERNAL_SERVER_ERROR] {
        server.answer(Answer::Status(status));
        assert!(matches!(get(&server).await, Err(GetError::Status(other)) if other == status));
    }
}

#[tokio::test]
async fn an_answer_has_a_limit() {
    let server = Server::start(Answer::Keys("x".repeat(MAX_JWKS_BYTES))).await;
    assert_eq!(get(&server).await.unwrap().len(), MAX_JWKS_BYTES);
    server.answer(Answer::Keys("x".repeat(MAX_JWKS_BYTES + 1)));
    assert!(matches!(get(&server).await, Err(GetError::TooLarge)));
    // What the library counts is its buffer, so the end is not sharp.
    server.answer(Answer::Head(MAX_JWKS_HEAD_BYTES / 2));
    assert!(get(&server).await.is_ok());
    server.answer(Answer::Head(MAX_JWKS_HEAD_BYTES));
    assert!(matches!(get(&server).await, Err(GetError::Exchange(_))));
}

#[tokio::test]
async fn a_server_that_is_silent_is_given_up() {
    let server = Server::start(Answer::Silence).await;
    let files = Files::new();
    let endpoint = endpoint(&files, &server.url, &server.ca);
    let result = soon(endpoint.get_within(Duration::from_millis(200))).await;
    assert!(matches!(result, Err(GetError::Timeout)), "{result:?}");
}

#[tokio::test]
async fn a_server_that_is_silent_delays_no_other_issuer() {
    let (files, clock, signer) = (Files::new(), ManualClock::new(), Signer::new("k1", "ES256"));
    let silent = Server::start(Answer::Silence).await;
    let server = Server::start(Answer::Keys(jwks(&[signer.jwk()]))).await;
    let jwts = load(&files, &[&silent, &server], clock);
    let _following = Following::new(&jwts);
    silent.asked(1).await;
    verified(&jwts, &signer.token(&claims_but(&json!({"iss": format!("{ISSUER}/1")})))).await;
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_no_flood_of_requests() {
    let (files, clock, signer) = (Files::new(), ManualClock::new(), Signer::new("k1", "ES256"));
    let server = Server::start(Answer::Keys(jwks(&[signer.jwk()]))).await;
    let jwts = load(&files, &[&server], Arc::clone(&clock));
    let _following = Following::new(&jwts);
    verified(&jwts, &signer.token(&claims())).await;
    let stranger = Signer::new("unknown", "ES256");
    let flood = async |first: usize| {
        // Each with another kid, many at once.
        let tokens: Vec<_> = (first..first + 1_000)
            .map(|number| stranger.token_with(&json!({"alg": "ES256", "kid": number.to_string()}), &claims()))
            .collect();
        let verdicts = join_all(tokens.iter().map(|token| reason(&jwts, token))).await;
        assert!(verdicts.iter().all(|reason| *reason == Reason::UnknownKey));
    };
    flood(0).await;
    assert_eq!(server.requests().len(), 1);
    for round in 1..=3 {
        clock.advance(Duration::from_millis(29_999));
        flood(0).await;
        assert_eq!(server.requests().len(), round, "sooner than 30 s after the last");
        clock.advance(Duration::from_millis(1));
        flood(0).await;
        flood(1_000).await;
        assert_eq!(server.requests().len(), round + 1);
    }
    verified(&jwts, &signer.token(&claims_but(&json!({"jti": 1})))).await;
}

#[tokio::test]
async fn not_many_wait_for_the_same_keys() {
    let (files, clock, signer) = (Files::new(), ManualClock::new(), Signer::new("k1", "ES256"));
    let server = Server::start(Answer::Silence).await;
    let jwts = load(&files, &[&server], clock);
    let _following = Following::new(&jwts);
    server.asked(1).await;
    let token = signer.token(&claims());
    let mut waiting: Vec<_> = (0..MAX_WAITING_FOR_KEYS).map(|_| Box::pin(jwts.verify(&token))).collect();
    for waiter in &mut waiting {
        assert!(futures::poll!(waiter).is_pending());
    }
    assert_eq!(reason(&jwts, &token).await, Reason::StaleKeys);
    // One that is given up makes room.
    waiting.pop();
    assert!(futures::poll!(Box::pin(jwts.verify(&token))).is_pending());
}

#[tokio::test]
async fn a_new_key_is_found_when_it_is_first_used() {
    let (files, clock) = (Files::new(), ManualClock::new());
    let [old, new] = ["old", "new"].map(|kid| Signer::new(kid, "ES256"));
    let server = Server::start(Answer::Keys(jwks(&[old.jwk()]))).await;
    let jwts = load(&files, &[&server], Arc::clone(&clock));
    let _following = Following::new(&jwts);
    let before = verified(&jwts, &old.token(&claims())).await;
    server.answer(Answer::Keys(jwks(&[old.jwk(), new.jwk()])));
    clock.advance(Duration::from_secs(30));
    verified(&jwts, &new.token(&claims())).await;
    assert!(jwts.holds(&before), "an old key counts as long as it is there");
}

#[tokio::test]
async fn keys_that_cannot_be_looked_at_for_too_long_count_no_more() {
    let (files, clock, signer) = (Files::new(), ManualClock::new(), Signer::new("k1", "ES256"));
    let mut server = Server::start(Answer::Keys(jwks(&[signer.jwk()]))).await;
    let jwts = load(&files, &[&server], Arc::clone(&clock));
    let _following = Following::new(&jwts);
    let token = signer.token(&claims_but(&json!({"exp": NOW_S + 86_400})));
    let seen = verified(&jwts, &token).await;
    let mut changed = jwts.changed();
    changed.mark_unchanged();
    server.stop().await;
    clock.advance(Duration::from_secs(3_600));
    assert!(jwts.cached(&token).is_some() && jwts.holds(&seen));
    clock.advance(Duration::from_millis(1));
    assert!(jwts.cached(&token).is_none() && !jwts.holds(&seen));
    assert_eq!(reason(&jwts, &token).await, Reason::StaleKeys);
    // Whoever goes on because of it hears of it.
    soon(changed.changed()).await.unwrap();
    assert_eq!(jwts.verified.len(), 0);
}
