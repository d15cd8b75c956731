use super::server::{Answer, Server};
use super::signer::Signer;
use super::*;
use crate::ambient::SystemClock;
use http::StatusCode;

/// So often that a test sees it.
const QUICK: Pace = Pace { regular: Duration::from_millis(20), gap: Duration::from_millis(20) };

fn claims_now() -> Value {
    let now_s = SystemClock::new().unix_ms() / 1_000;
    claims_but(&json!({"nbf": now_s - 60, "exp": now_s + 3_600}))
}

/// Where the keys of an issuer are, so that a test can change them.
enum Place {
    File(Files),
    Server(Files, Server),
}

impl Place {
    fn in_file(keys: &str) -> Self {
        let files = Files::new();
        files.write("keys.json", keys);
        Self::File(files)
    }

    async fn on_server(keys: &str) -> Self {
        let files = Files::new();
        let server = Server::start(Answer::Keys(keys.to_owned())).await;
        files.write("ca.pem", &server.ca);
        Self::Server(files, server)
    }

    fn load(&self) -> Arc<Jwts> {
        let issuer = of_file(&["ES256"]);
        let clock = Arc::new(SystemClock::new());
        match self {
            Self::File(files) => files.load(&issuer, clock, Some(QUICK)),
            Self::Server(files, server) => {
                let keys = format!("jwks_url = \"{}\"\nca_file = \"ca.pem\"", server.url);
                files.load(&issuer.replace("jwks_file = \"keys.json\"", &keys), clock, Some(QUICK))
            }
        }
    }

    fn set(&self, keys: &str) {
        match self {
            Self::File(files) => drop(files.write("keys.json", keys)),
            Self::Server(_, server) => server.answer(Answer::Keys(keys.to_owned())),
        }
    }

    fn take_away(&self) {
        match self {
            Self::File(files) => fs::remove_file(files.dir.path().join("keys.json")).unwrap(),
            Self::Server(_, server) => server.answer(Answer::Status(StatusCode::BAD_GATEWAY)),
        }
    }
}

async fn places(keys: &str) -> [Place; 2] {
    [Place::in_file(keys), Place::on_server(keys).await]
}

#[tokio::test]
async fn a_key_that_is_gone_ends_its_tokens_at_once_and_is_told() {
    let [old, new] = ["old", "new"].map(|kid| Signer::new(kid, "ES256"));
    for place in places(&jwks(&[old.jwk(), new.jwk()])).await {
        let jwts = place.load();
        let _following = Following::new(&jwts);
        let (token, other) = (old.token(&claims_now()), new.token(&claims_now()));
        let (ended, goes_on) = (verified(&jwts, &token).await, verified(&jwts, &other).await);
        let mut changed = jwts.changed();
        changed.mark_unchanged();
        place.set(&jwks(&[new.jwk()]));
        soon(changed.changed()).await.unwrap();
        assert_eq!(jwts.verified.len(), 1, "what ended is still remembered");
        assert!(!jwts.holds(&ended) && jwts.cached(&token).is_none());
        assert_eq!(reason(&jwts, &token).await, Reason::UnknownKey);
        assert!(jwts.holds(&goes_on) && jwts.cached(&other).is_some());
    }
}

#[tokio::test]
async fn another_key_of_the_same_name_ends_the_tokens_of_the_first() {
    let [first, second] = ["k1"; 2].map(|kid| Signer::new(kid, "ES256"));
    for place in places(&jwks(&[first.jwk()])).await {
        let jwts = place.load();
        let _following = Following::new(&jwts);
        let token = first.token(&claims_now());
        let ended = verified(&jwts, &token).await;
        let mut changed = jwts.changed();
        changed.mark_unchanged();
        place.set(&jwks(&[second.jwk()]));
        soon(changed.changed()).await.unwrap();
        assert!(!jwts.holds(&ended));
        assert_eq!(reason(&jwts, &token).await, Reason::Signature);
        verified(&jwts, &second.token(&claims_now())).await;
    }
}

#[tokio::test]
async fn keys_that_are_unreadable_for_a_while_stay_as_they_were() {
    let [old, new] = ["old", "new"].map(|kid| Signer::new(kid, "ES256"));
    for place in places(&jwks(&[old.jwk()])).await {
        let jwts = place.load();
        let _following = Following::new(&jwts);
        let token = old.token(&claims_now());
        let seen = verified(&jwts, &token).await;
        for bad in ["", "{", "{\"keys\": 1}", "<html>down</html>", &jwks(&[new.jwk(), new.jwk()])] {
            place.set(bad);
            looked(&jwts).await;
            assert!(jwts.holds(&seen), "{bad}");
        }
        place.take_away();
        looked(&jwts).await;
        assert!(jwts.holds(&seen) && jwts.cached(&token).is_some());
        let mut changed = jwts.changed();
        changed.mark_unchanged();
        place.set(&jwks(&[new.jwk()]));
        soon(changed.changed()).await.unwrap();
        assert!(!jwts.holds(&seen));
    }
}

#[tokio::test]
async fn the_same_keys_in_another_document_change_nothing() {
    let [one, two] = ["one", "two"].map(|kid| Signer::new(kid, "ES256"));
    for place in places(&jwks(&[one.jwk(), two.jwk()])).await {
        let jwts = place.load();
        let _following = Following::new(&jwts);
        let seen = verified(&jwts, &one.token(&claims_now())).await;
        let mut changed = jwts.changed();
        changed.mark_unchanged();
        place.set(&jwks(&[two.jwk(), but(one.jwk(), &json!({"use": "sig", "x5t": "abc"}))]));
        looked(&jwts).await;
        assert!(jwts.holds(&seen));
        assert!(!changed.has_changed().unwrap());
    }
}

#[tokio::test]
async fn no_keys_are_an_answer_too() {
    let signer = Signer::new("k1", "ES256");
    for place in places(&jwks(&[signer.jwk()])).await {
        let jwts = place.load();
        let _following = Following::new(&jwts);
        let seen = verified(&jwts, &signer.token(&claims_now())).await;
        let mut changed = jwts.changed();
        changed.mark_unchanged();
        place.set(&jwks(&[]));
        soon(changed.changed()).await.unwrap();
        assert!(!jwts.holds(&seen));
    }
}

/// Resolves when a look that began after now has ended.
async fn looked(jwts: &Jwts) {
    for _ in 0..2 {
        soon(jwts.issuers[0].keyring.looked()).await;
    }
}
