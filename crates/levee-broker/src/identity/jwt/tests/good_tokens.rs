use super::signer::Signer;
use super::*;
use crate::identity::jwt::Bound;
use crate::identity::jwt::issuers::ALGORITHMS;
use levee_types::TenantName;
use levee_types::limits::{MAX_CACHED_JWTS, MAX_JWT_BYTES};

fn acme() -> Bound {
    Bound::Tenant(TenantName::new("acme").unwrap())
}

/// An issuer with one key, of a file.
fn with_key(algorithm: &str) -> (Files, Arc<ManualClock>, Arc<Jwts>, Signer) {
    let (files, clock) = (Files::new(), ManualClock::new());
    let signer = Signer::new("k1", algorithm);
    files.write("keys.json", jwks(&[signer.jwk()]));
    let jwts = files.load(&of_file(&[algorithm]), Arc::clone(&clock) as Arc<dyn Clock>, None);
    (files, clock, jwts, signer)
}

#[tokio::test]
async fn a_token_of_each_algorithm_is_accepted() {
    let (files, clock) = (Files::new(), ManualClock::new());
    let names = ALGORITHMS.map(|(name, _)| name);
    let signers = names.map(|name| Signer::new(name, name));
    // With and without the one algorithm that a key is for.
    for declares in [true, false] {
        let jwk = |signer: &Signer| match declares {
            true => but(signer.jwk(), &json!({"alg": signer.header()["alg"]})),
            false => signer.jwk(),
        };
        files.write("keys.json", jwks(&signers.each_ref().map(jwk)));
        let jwts = files.load(&of_file(&names), Arc::clone(&clock) as Arc<dyn Clock>, None);
        for signer in &signers {
            let verified = verified(&jwts, &signer.token(&claims())).await;
            assert_eq!((verified.subject.as_str(), &verified.bound_to), ("alice", &acme()));
            assert_eq!(verified.expires_ms, (NOW_S + 3_600 + 30) * 1_000);
        }
    }
}

#[tokio::test]
async fn claims_and_headers_may_be_written_in_other_ways() {
    let (_files, _clock, jwts, signer) = with_key("ES256");
    let exact = NOW_S as f64;
    for changes in [
        json!({"aud": ["levee"]}),
        json!({"exp": exact + 3_600.5, "nbf": exact - 0.25}),
        json!({"nbf": 0, "iat": "whenever", "more": {"of": ["anything"]}}),
        json!({"exp": 253_402_300_799_i64}),
    ] {
        verified(&jwts, &signer.token(&claims_but(&changes))).await;
    }
    for changes in [
        json!({"typ": null}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "application/at+JWT"}),
        json!({"jku": "https://127.0.0.1:1/keys", "x5u": "https://127.0.0.1:1/cert", "cty": "x"}),
    ] {
        verified(&jwts, &signer.token_with(&but(signer.header(), &changes), &claims())).await;
    }
}

#[tokio::test]
async fn the_issuer_and_the_audience_together_say_for_whom() {
    let (files, clock) = (Files::new(), ManualClock::new());
    let signers = ["k1", "k2", "k3"].map(|kid| Signer::new(kid, "ES256"));
    let section = |index: usize, issuer: &str, audience: &str, bound: &str| {
        files.write(&format!("{index}.json"), jwks(&[signers[index].jwk()]));
        format!(
            "[[issuer]]\nissuer = \"{issuer}\"\naudience = \"{audience}\"\nalgorithms = [\"ES256\"]\n\
             jwks_file = \"{index}.json\"\n{bound}\n"
        )
    };
    let content = section(0, ISSUER, "levee", "tenant = \"acme\"")
        + &section(1, ISSUER, "levee-b", "tenant = \"bravo\"")
        + &section(2, "https://staff.test", "levee", "operators = true");
    let jwts = files.load(&content, clock, None);
    let staff = claims_but(&json!({"iss": "https://staff.test"}));
    let bravo = claims_but(&json!({"aud": "levee-b"}));
    assert_eq!(verified(&jwts, &signers[0].token(&claims())).await.bound_to, acme());
    assert_eq!(
        verified(&jwts, &signers[1].token(&bravo)).await.bound_to,
        Bound::Tenant(TenantName::new("bravo").unwrap())
    );
    assert_eq!(verified(&jwts, &signers[2].token(&staff)).await.bound_to, Bound::Operators);
    // Nobody speaks for another.
    for (signer, claims) in [(0, &staff), (0, &bravo), (1, &staff), (2, &bravo)] {
        assert_eq!(reason(&jwts, &signers[signer].token(claims)).await, Reason::UnknownKey);
    }
}

#[tokio::test]
async fn a_token_counts_from_nbf_to_exp_give_or_take_the_leeway() {
    let (_files, clock, jwts, signer) = with_key("EdDSA");
    let token = signer.token(&claims_but(&json!({"nbf": NOW_S + 31, "exp": NOW_S + 60})));
    assert_eq!(reason(&jwts, &token).await, Reason::NotYetValid);
    clock.advance(Duration::from_millis(999));
    assert_eq!(reason(&jwts, &token).await, Reason::NotYetValid);
    clock.advance(Duration::from_millis(1));
    let verified = verified(&jwts, &token).await;
    clock.advance(Duration::from_millis(88_999));
    assert!(jwts.cached(&token).is_some() && jwts.holds(&verified));
    clock.advance(Duration::from_millis(1));
    assert!(jwts.cached(&token).is_none() && !jwts.holds(&verified));
    assert_eq!(reason(&jwts, &token).await, Reason::Expired);
    assert_eq!(jwts.verified.len(), 0, "it is still remembered");
}

#[tokio::test]
async fn a_token_is_verified_once() {
    let (_files, _clock, jwts, signer) = with_key("ES384");
    let token = signer.token(&claims());
    assert!(jwts.cached(&token).is_none());
    let first = verified(&jwts, &token).await;
    assert!(Arc::ptr_eq(&first, &verified(&jwts, &token).await));
    assert!(Arc::ptr_eq(&first, &jwts.cached(&token).unwrap()));
}

#[tokio::test]
async fn the_tokens_that_are_remembered_are_bounded() {
    let (_files, _clock, jwts, signer) = with_key("EdDSA");
    for number in 0..MAX_CACHED_JWTS + 2_000 {
        verified(&jwts, &signer.token(&claims_but(&json!({"jti": number})))).await;
    }
    let remembered = jwts.verified.len();
    assert!((MAX_CACHED_JWTS / 2..=MAX_CACHED_JWTS + 100).contains(&remembered), "{remembered}");
}

#[tokio::test]
async fn a_token_at_the_limit_of_its_length() {
    let (_files, _clock, jwts, signer) = with_key("EdDSA");
    // Not every length can be had by the claims alone: in base64, none is one more than a multiple of 4.
    let padded = |header: usize, claims: usize| {
        signer.token_with(
            &but(signer.header(), &json!({"cty": "x".repeat(header)})),
            &claims_but(&json!({"pad": "x".repeat(claims)})),
        )
    };
    let token_of = |length: usize| {
        let lengths = (0..3).flat_map(|header| (0..length).rev().map(move |claims| (header, claims)));
        // Those that are far too long are not made.
        let mut tokens = lengths.filter(|(_, claims)| *claims < length * 3 / 4).map(|(h, c)| padded(h, c));
        tokens.find(|token| token.len() == length).unwrap()
    };
    let token = token_of(MAX_JWT_BYTES);
    assert_eq!(token.len(), MAX_JWT_BYTES);
    verified(&jwts, &token).await;
    let longer = token_of(MAX_JWT_BYTES + 1);
    assert_eq!(longer.len(), MAX_JWT_BYTES + 1);
    assert_eq!(reason(&jwts, &longer).await, Reason::Malformed);
    assert!(jwts.cached(&longer).is_none());
}
