use super::{BadKeys, KeySet};
use jsonwebtoken::Algorithm;
use levee_types::limits::MAX_JWKS_KEYS;
use serde_json::{Value, json};
use std::sync::Arc;

/// `size` bytes in base64.
fn bytes(size: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(vec![0xa5; size])
}

fn rsa(kid: &str, bits: usize) -> Value {
    json!({"kid": kid, "kty": "RSA", "n": bytes(bits / 8), "e": "AQAB"})
}

fn ec(kid: &str, curve: &str, size: usize) -> Value {
    json!({"kid": kid, "kty": "EC", "crv": curve, "x": bytes(size), "y": bytes(size)})
}

fn parse(keys: &[Value]) -> Result<KeySet, BadKeys> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), &KeySet::default())
}

fn with(mut key: Value, name: &str, value: Value) -> Value {
    key[name] = value;
    key
}

/// The algorithms that a key serves.
fn served(key: Value) -> Vec<Algorithm> {
    let all = [
        Algorithm::HS256,
        Algorithm::HS384,
        Algorithm::HS512,
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];
    let keys = parse(&[key]).unwrap();
    let Some(key) = keys.get("k") else { return Vec::new() };
    all.into_iter().filter(|algorithm| key.fits(*algorithm)).collect()
}

#[test]
fn a_key_serves_the_algorithms_of_its_kind() {
    assert_eq!(
        served(rsa("k", 2048)),
        [
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512
        ]
    );
    assert_eq!(served(ec("k", "P-256", 32)), [Algorithm::ES256]);
    assert_eq!(served(ec("k", "P-384", 48)), [Algorithm::ES384]);
    let ed = json!({"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": bytes(32)});
    assert_eq!(served(ed), [Algorithm::EdDSA]);
    assert_eq!(served(with(rsa("k", 2048), "alg", json!("PS384"))), [Algorithm::PS384]);
    assert_eq!(served(with(ec("k", "P-256", 32), "alg", json!("RS256"))), []);
}

#[test]
fn other_keys_are_passed_over() {
    let good = ec("good", "P-256", 32);
    let others = [
        json!(1),
        json!({}),
        json!({"kid": "k", "kty": "oct", "k": "c2VjcmV0"}),
        json!({"kid": "k", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}),
        json!({"kid": "k", "kty": "AKP", "pub": bytes(1312)}),
        ec("k", "secp256k1", 32),
        ec("k", "P-521", 66),
        // The coordinates of another curve.
        ec("k", "P-256", 31),
        ec("k", "P-256", 48),
        ec("k", "P-384", 32),
        json!({"kid": "k", "kty": "OKP", "crv": "Ed448", "x": bytes(57)}),
        json!({"kid": "k", "kty": "OKP", "crv": "X25519", "x": bytes(32)}),
        json!({"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": bytes(31)}),
        json!({"kid": "k", "kty": "RSA", "n": bytes(256)}),
        rsa("k", 2040),
        rsa("k", 1024),
        rsa("k", 8200),
        // A modulus that zeros make longer.
        with(rsa("k", 0), "n", json!(format!("AAAA{}", bytes(255)))),
        with(rsa("k", 2048), "e", json!("AAAA")),
        with(rsa("k", 2048), "n", json!("not base64!")),
        with(rsa("k", 2048), "n", json!(format!("{}=", bytes(2048 / 8)))),
        with(rsa("k", 2048), "use", json!("enc")),
        with(rsa("k", 2048), "key_ops", json!(["encrypt"])),
        with(rsa("k", 2048), "key_ops", json!([])),
        with(rsa("k", 2048), "alg", json!("RSA-OAEP")),
        with(rsa("k", 2048), "alg", json!("HS256")),
        with(rsa("k", 2048), "kid", json!(7)),
        with(rsa("k", 2048), "kid", Value::Null),
    ];
    for other in others {
        let keys = parse(&[other.clone(), good.clone()]).unwrap();
        assert!(keys.get("good").is_some() && keys.len() == 1, "{other}");
    }
    for fine in [
        rsa("k", 2048),
        rsa("k", 8192),
        with(rsa("k", 2048), "use", json!("sig")),
        with(rsa("k", 2048), "key_ops", json!(["sign", "verify"])),
        with(rsa("k", 2048), "more", json!({"of": "anything"})),
    ] {
        assert_eq!(parse(std::slice::from_ref(&fine)).unwrap().len(), 1, "{fine}");
    }
}

#[test]
fn what_is_not_a_set_of_keys() {
    for document in ["", "[]", "{}", "{\"keys\": {}}", "{\"keys\": []} x", "null", "\u{feff}{\"keys\": []}"] {
        let result = KeySet::parse(document.as_bytes(), &KeySet::default());
        assert!(matches!(result, Err(BadKeys::NotJwks(_))), "{document}");
    }
    assert!(KeySet::parse(b"{\"keys\": [], \"more\": 1}", &KeySet::default()).is_ok());
}

#[test]
fn a_name_is_that_of_one_key() {
    let twice = parse(&[rsa("k", 2048), ec("k", "P-256", 32)]);
    assert_eq!(twice.err(), Some(BadKeys::Ambiguous("k".to_owned())));
    // Unless the other is of no use here.
    assert!(parse(&[rsa("k", 2048), with(rsa("k", 2048), "use", json!("enc"))]).is_ok());
}

#[test]
fn keys_have_a_limit() {
    let many =
        |count: usize| -> Vec<_> { (0..count).map(|number| ec(&number.to_string(), "P-256", 32)).collect() };
    assert_eq!(parse(&many(MAX_JWKS_KEYS)).unwrap().len(), MAX_JWKS_KEYS);
    assert_eq!(parse(&many(MAX_JWKS_KEYS + 1)).err(), Some(BadKeys::TooMany(MAX_JWKS_KEYS + 1)));
}

#[test]
fn a_key_that_stays_is_the_same_value() {
    let document = |keys: &[Value]| json!({ "keys": keys }).to_string().into_bytes();
    let before = parse(&[rsa("a", 2048), ec("b", "P-256", 32)]).unwrap();
    let kept = before.get("a").unwrap();
    let after = KeySet::parse(&document(&[with(rsa("a", 2048), "use", json!("sig"))]), &before).unwrap();
    assert!(Arc::ptr_eq(kept, after.get("a").unwrap()) && after.holds("a", kept));
    assert!(!after.is_same(&before) && !before.is_same(&after));
    let changed = document(&[with(rsa("a", 2048), "alg", json!("RS256")), rsa("b", 2048)]);
    let changed = KeySet::parse(&changed, &before).unwrap();
    assert!(!changed.holds("a", kept) && !changed.holds("b", before.get("b").unwrap()));
    assert!(!changed.is_same(&before));
}
