//! The tokens that other brokers and libraries are known to have accepted, and more of their kind.

use super::signer::{Signer, base64};
use super::*;
use Reason::{Algorithm, Expired, Malformed, NotYetValid, Signature, UnknownIssuer, UnknownKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use levee_types::LeveeError;

/// What the issuer has, and what an attacker has.
struct Keys {
    rsa: Signer,
    p256: Signer,
    p384: Signer,
    pss: Signer,
    encryption: Signer,
    attacker: Signer,
}

impl Keys {
    fn new() -> Self {
        Self {
            rsa: Signer::new("rsa", "RS256"),
            p256: Signer::new("p256", "ES256"),
            p384: Signer::new("p384", "ES384"),
            pss: Signer::new("pss", "PS256"),
            encryption: Signer::new("encryption", "RS256"),
            // Under the name of a key of the issuer.
            attacker: Signer::new("rsa", "RS256"),
        }
    }

    fn jwks(&self) -> String {
        jwks(&[
            self.rsa.jwk(),
            self.p256.jwk(),
            self.p384.jwk(),
            but(self.pss.jwk(), &json!({"alg": "PS256"})),
            but(self.encryption.jwk(), &json!({"use": "enc"})),
            json!({"kid": "shared", "kty": "oct", "alg": "HS256", "k": base64("secret")}),
        ])
    }
}

/// A token with a shared secret.
fn hs256(kid: &str, secret: &[u8]) -> String {
    let header = json!({"alg": "HS256", "kid": kid, "typ": "JWT"});
    let message = format!("{}.{}", base64(header.to_string()), base64(claims().to_string()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{message}.{}", base64(hmac::sign(&key, message.as_bytes())))
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// Tokens whose text is not that of a token.
fn not_tokens(keys: &Keys) -> Vec<(&'static str, String, Reason)> {
    let good = keys.rsa.token(&claims());
    let parts: Vec<_> = good.split('.').collect();
    let (header, body, signature) = (parts[0], parts[1], parts[2]);
    let padded = URL_SAFE.encode(keys.rsa.header().to_string() + " ");
    let of = |header: &str, claims: &str| keys.rsa.token_of(header, claims);
    let (header_json, claims_json) = (keys.rsa.header().to_string(), claims().to_string());
    let deep = format!("\"x\":{}{},", "[".repeat(999), "]".repeat(999));
    let list = json!([ISSUER, "levee", NOW_S + 60, NOW_S, "alice"]).to_string();
    vec![
        ("nothing", String::new(), Malformed),
        ("one dot", ".".to_owned(), Malformed),
        ("two dots", "..".to_owned(), Malformed),
        ("no signature part", format!("{header}.{body}"), Malformed),
        ("four parts", format!("{good}.{signature}"), Malformed),
        ("five parts, as if encrypted", format!("{good}.{signature}.{signature}"), Malformed),
        ("with its scheme", format!("Bearer {good}"), Malformed),
        ("a space before", format!(" {good}"), Malformed),
        ("a space behind", format!("{good} "), Signature),
        ("a line end behind", format!("{good}\n"), Signature),
        ("a zero behind", format!("{good}\0"), Signature),
        ("padded base64", format!("{padded}.{body}.{signature}"), Malformed),
        ("the other base64", format!("+/{header}.{body}.{signature}"), Malformed),
        ("a header that is no JSON", of("alg=RS256", &claims_json), Malformed),
        ("a header that is a list", of("[\"RS256\", \"rsa\"]", &claims_json), Malformed),
        ("claims that are no JSON", of(&header_json, "sub=alice"), Malformed),
        ("claims that are a text", of(&header_json, "\"alice\""), Malformed),
        ("claims that are a list", of(&header_json, &list), Malformed),
        ("something behind the claims", of(&header_json, &format!("{claims_json}{{}}")), Malformed),
        (
            "a header that is nested",
            of(&header_json.replacen('{', &format!("{{{deep}"), 1), &claims_json),
            Signature,
        ),
        ("a claim twice", of(&header_json, &claims_json.replacen('{', "{\"sub\":\"root\",", 1)), Malformed),
        ("a header twice", of(&header_json.replacen('{', "{\"alg\":\"none\",", 1), &claims_json), Malformed),
        ("a byte order mark", of(&header_json, &format!("\u{feff}{claims_json}")), Malformed),
    ]
}

/// Tokens that make the broker choose the wrong algorithm or key.
fn wrong_keys(keys: &Keys) -> Vec<(&'static str, String, Reason)> {
    let with = |changes: Value| keys.rsa.token_with(&but(keys.rsa.header(), &changes), &claims());
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "kid": "rsa"}).to_string();
        format!("{}.{}.", base64(header), base64(claims().to_string()))
    };
    let (n, _) = keys.rsa.rsa_components();
    let attacker = &keys.attacker;
    let offers = |changes: Value| attacker.token_with(&but(attacker.header(), &changes), &claims());
    let chain = json!([STANDARD.encode(attacker.rsa_der())]);
    vec![
        ("none", unsigned("none"), Algorithm),
        ("None", unsigned("None"), Algorithm),
        ("nOnE", unsigned("nOnE"), Algorithm),
        ("NONE", unsigned("NONE"), Algorithm),
        ("an empty algorithm", unsigned(""), Algorithm),
        ("none, but signed", with(json!({"alg": "none"})), Algorithm),
        ("no algorithm", with(json!({"alg": null})), Malformed),
        ("an algorithm in lower case", with(json!({"alg": "rs256"})), Algorithm),
        ("a list of algorithms", with(json!({"alg": ["RS256"]})), Malformed),
        ("the public key as a secret, DER", hs256("rsa", &keys.rsa.rsa_der()), Algorithm),
        ("the public key as a secret, PEM", hs256("rsa", pem(&keys.rsa.rsa_der()).as_bytes()), Algorithm),
        ("the public key as a secret, modulus", hs256("rsa", &n), Algorithm),
        ("the public key as a secret, JWK", hs256("rsa", keys.rsa.jwk().to_string().as_bytes()), Algorithm),
        ("an empty secret", hs256("rsa", b""), Algorithm),
        ("a secret that is in the JWKS", hs256("shared", b"secret"), Algorithm),
        ("an algorithm that is not allowed", with(json!({"alg": "RS384"})), Algorithm),
        ("a family that is not allowed", keys.p384.token(&claims()), Algorithm),
        ("an RSA key for an EC algorithm", with(json!({"alg": "ES256"})), Algorithm),
        ("an EC key for an RSA algorithm", with(json!({"kid": "p256"})), Algorithm),
        ("a key of another curve", with(json!({"alg": "ES256", "kid": "p384"})), Algorithm),
        ("a key that is for another algorithm", with(json!({"kid": "pss"})), Algorithm),
        ("a key that is for encryption", keys.encryption.token(&claims()), UnknownKey),
        ("a shared secret by a public algorithm", with(json!({"kid": "shared"})), UnknownKey),
        ("no kid", with(json!({"kid": null})), Malformed),
        ("a kid that is a number", with(json!({"kid": 1})), Malformed),
        ("an unknown kid", with(json!({"kid": "other"})), UnknownKey),
        ("an empty kid", with(json!({"kid": ""})), UnknownKey),
        ("a kid that is a path", with(json!({"kid": "../../../../dev/null"})), UnknownKey),
        ("a kid that is a query", with(json!({"kid": "x' UNION SELECT 'secret"})), UnknownKey),
        ("a key in the header", offers(json!({"jwk": attacker.jwk()})), Signature),
        ("a new key in the header", offers(json!({"kid": "new", "jwk": attacker.jwk()})), UnknownKey),
        ("an address of keys in the header", offers(json!({"jku": "https://127.0.0.1:1/keys"})), Signature),
        ("an address of a certificate", offers(json!({"x5u": "https://127.0.0.1:1/cert"})), Signature),
        ("a certificate in the header", offers(json!({"x5c": chain})), Signature),
        ("what must be understood", with(json!({"crit": ["exp"]})), Malformed),
        ("a payload as it is", with(json!({"crit": ["b64"], "b64": false})), Malformed),
        ("nothing that must be understood", with(json!({"crit": []})), Malformed),
        ("a token for something else", with(json!({"typ": "logout+jwt"})), Malformed),
        ("a type that is a number", with(json!({"typ": 1})), Malformed),
    ]
}

/// Tokens whose signature is not that of their text.
fn wrong_signatures(keys: &Keys) -> Vec<(&'static str, String, Reason)> {
    let good = keys.rsa.token(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let signed = keys.rsa.sign(message.as_bytes());
    let with = |signature: &[u8]| format!("{message}.{}", base64(signature));
    let mut flipped = signed.clone();
    flipped[255] ^= 1;
    let root = base64(claims_but(&json!({"sub": "root"})).to_string());
    let header = message.split('.').next().unwrap();
    let ec = keys.p256.token(&claims());
    let (ec_message, ec_signature) = ec.rsplit_once('.').unwrap();
    let fixed = keys.p256.sign(ec_message.as_bytes());
    let ec_with = |signature: &[u8]| format!("{ec_message}.{}", base64(signature));
    let der = [&[0x30, 0x44, 0x02, 0x20], &fixed[..32], &[0x02, 0x20], &fixed[32..]].concat();
    let other_body = base64(claims_but(&json!({"exp": NOW_S + 9_999})).to_string());
    vec![
        ("no signature", format!("{message}."), Signature),
        ("half of a signature", with(&signed[..128]), Signature),
        ("more than a signature", with(&[&signed[..], &[0]].concat()), Signature),
        ("one bit of it", with(&flipped), Signature),
        ("zeros", with(&[0; 256]), Signature),
        ("one", with(&[&[0; 255][..], &[1]].concat()), Signature),
        ("a signature that is not base64", format!("{message}.{}!", &signature[1..]), Signature),
        ("of another key", keys.attacker.token(&claims()), Signature),
        ("other claims", format!("{header}.{root}.{signature}"), Signature),
        ("a longer time", format!("{header}.{other_body}.{signature}"), Signature),
        ("zeros for an EC key", ec_with(&[0; 64]), Signature),
        ("an EC signature in DER", ec_with(&der), Signature),
        (
            "an EC signature with its halves swapped",
            ec_with(&[&fixed[32..], &fixed[..32]].concat()),
            Signature,
        ),
        ("of an RSA key for an EC key", format!("{ec_message}.{signature}"), Signature),
        ("of an EC key for an RSA key", format!("{message}.{ec_signature}"), Signature),
    ]
}

/// Tokens that are signed as they should be, with claims as they should not be.
fn wrong_claims(keys: &Keys) -> Vec<(&'static str, String, Reason)> {
    let with = |changes: Value| keys.rsa.token(&claims_but(&changes));
    // A member that is null, which `claims_but` would take away.
    let null = |name: &str| {
        let mut claims = claims();
        claims[name] = Value::Null;
        keys.rsa.token(&claims)
    };
    let exact = |name: &str, number: &str| {
        let claims =
            claims_but(&json!({name: null})).to_string().replacen('{', &format!("{{\"{name}\":{number},"), 1);
        keys.rsa.token_of(&keys.rsa.header().to_string(), &claims)
    };
    vec![
        ("no exp", with(json!({"exp": null})), Malformed),
        ("exp null", null("exp"), Malformed),
        ("exp as text", with(json!({"exp": "9999999999"})), Malformed),
        ("exp negative", with(json!({"exp": -1})), Malformed),
        ("exp true", with(json!({"exp": true})), Malformed),
        ("exp as a list", with(json!({"exp": [NOW_S + 60]})), Malformed),
        ("exp as an object", with(json!({"exp": {"s": NOW_S + 60}})), Malformed),
        ("exp after the year 9999", with(json!({"exp": 253_402_300_800_i64})), Malformed),
        ("exp at the end of 64 bits", with(json!({"exp": u64::MAX})), Malformed),
        ("exp beyond 64 bits", exact("exp", "99999999999999999999999"), Malformed),
        ("exp beyond all numbers", exact("exp", "1e999"), Malformed),
        ("exp not a number", exact("exp", "NaN"), Malformed),
        ("exp 0", with(json!({"exp": 0})), Expired),
        ("exp past", with(json!({"exp": NOW_S - 30})), Expired),
        ("exp past, in milliseconds' clothes", with(json!({"exp": 1.0})), Expired),
        ("no nbf", with(json!({"nbf": null})), Malformed),
        ("nbf null", null("nbf"), Malformed),
        ("nbf as text", with(json!({"nbf": "0"})), Malformed),
        ("nbf negative", with(json!({"nbf": -1})), Malformed),
        ("nbf to come", with(json!({"nbf": NOW_S + 31})), NotYetValid),
        ("no sub", with(json!({"sub": null})), Malformed),
        ("sub null", null("sub"), Malformed),
        ("sub as a number", with(json!({"sub": 0})), Malformed),
        ("sub as a list", with(json!({"sub": ["alice"]})), Malformed),
        ("sub empty", with(json!({"sub": ""})), Malformed),
        ("sub that no user can have", with(json!({"sub": "alice\0"})), Malformed),
        ("sub of the system", with(json!({"sub": "_system"})), Malformed),
        ("sub too long", with(json!({"sub": "a".repeat(65)})), Malformed),
        ("no iss", with(json!({"iss": null})), Malformed),
        ("iss as a list", with(json!({"iss": [ISSUER]})), Malformed),
        ("another iss", with(json!({"iss": "https://login.test.evil.test"})), UnknownIssuer),
        ("iss with a slash", with(json!({"iss": format!("{ISSUER}/")})), UnknownIssuer),
        ("iss in upper case", with(json!({"iss": ISSUER.to_uppercase()})), UnknownIssuer),
        ("iss empty", with(json!({"iss": ""})), UnknownIssuer),
        ("no aud", with(json!({"aud": null})), Malformed),
        ("aud null", null("aud"), Malformed),
        ("another aud", with(json!({"aud": "levee2"})), UnknownIssuer),
        ("the beginning of aud", with(json!({"aud": "leve"})), UnknownIssuer),
        ("aud empty", with(json!({"aud": ""})), UnknownIssuer),
        ("aud as an empty list", with(json!({"aud": []})), Malformed),
        ("aud with others", with(json!({"aud": ["levee", "other"]})), Malformed),
        ("aud behind others", with(json!({"aud": ["other", "levee"]})), Malformed),
        ("aud as a list of another", with(json!({"aud": ["other"]})), UnknownIssuer),
        ("aud in a list in a list", with(json!({"aud": [["levee"]]})), Malformed),
        ("aud as an object", with(json!({"aud": {"levee": true}})), Malformed),
        ("aud as a number", with(json!({"aud": 0})), Malformed),
    ]
}

#[tokio::test]
async fn bad_tokens_are_refused_and_all_in_the_same_way() {
    let (files, clock, keys) = (Files::new(), ManualClock::new(), Keys::new());
    files.write("keys.json", keys.jwks());
    let jwts = files.load(&of_file(&["RS256", "ES256"]), clock, None);
    // What the table changes is good.
    verified(&jwts, &keys.rsa.token(&claims())).await;
    verified(&jwts, &keys.p256.token(&claims())).await;
    jwts.verified.clear();

    let table = [not_tokens(&keys), wrong_keys(&keys), wrong_signatures(&keys), wrong_claims(&keys)].concat();
    assert!(table.len() > 100, "{}", table.len());
    let told = LeveeError::from(Rejected { reason: Malformed });
    for (name, token, expected) in table {
        let Err(rejected) = soon(jwts.verify(&token)).await else { panic!("{name} is accepted: {token}") };
        assert_eq!(rejected.reason, expected, "{name}");
        assert_eq!(LeveeError::from(rejected), told, "{name}");
        assert!(jwts.cached(&token).is_none(), "{name}");
    }
    assert_eq!(jwts.verified.len(), 0);
}
