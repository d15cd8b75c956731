use super::{ApiToken, Secret, hash, matches};
use crate::ambient::SystemRandom;
use levee_types::{Random, TenantId, TokenId, hex};
use proptest::prelude::*;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ID: &str = "0000002a202122232425262728292a2b";
const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// SHA-256 of the bytes 0x00 to 0x1f.
const HASH: &str = "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd";

fn golden() -> String {
    format!("levee_{ID}_{SECRET}")
}

fn is_token(text: &str) -> bool {
    ApiToken::parse(text).is_ok()
}

/// Counts up, each call from its length.
struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let start = if bytes.len() == 12 { 0x20 } else { 0 };
        bytes.iter_mut().zip(start..).for_each(|(byte, value)| *byte = value);
    }
}

#[test]
fn the_text_of_a_token_is_as_it_always_was() {
    let token = ApiToken::generate(TenantId(42), &Counting);
    assert_eq!(token.expose(), golden());
    let read = ApiToken::parse(&golden()).unwrap();
    assert_eq!(read.id.to_string(), ID);
    assert_eq!(read.id.tenant(), TenantId(42));
    assert_eq!(hex::encode(&hash(&read.secret)), HASH);
}

#[test]
fn nothing_else_is_a_token() {
    let whole = golden();
    let refused = [
        String::new(),
        "levee_".to_owned(),
        format!(" {whole}"),
        format!("{whole} "),
        format!("{whole}\n"),
        format!("{whole}0"),
        format!("{whole}_"),
        whole[1..].to_owned(),
        whole[..whole.len() - 1].to_owned(),
        whole.to_uppercase(),
        whole.replace("levee", "Levee"),
        whole.replace("levee_", "levee-"),
        whole.replace(SECRET, &SECRET.to_uppercase()),
        whole.replace(ID, &ID.to_uppercase()),
        format!("levee_{ID}_"),
        format!("levee__{SECRET}"),
        format!("levee_{SECRET}_{ID}"),
        format!("levee_{ID}{SECRET}"),
        format!("levee_{ID}__{SECRET}"),
        format!("levee_{}_{SECRET}", &ID[1..]),
        format!("levee_{ID}_{}", &SECRET[2..]),
        format!("levee_{ID}_+{}", &SECRET[1..]),
        format!("levee_{ID}_é{}", &SECRET[2..]),
    ];
    for text in refused {
        assert!(!is_token(&text), "{text:?}");
    }
    assert!(is_token(&whole));
}

#[test]
fn a_secret_is_never_printed() {
    let token = ApiToken::parse(&golden()).unwrap();
    let printed = format!("{token:?} {token:#?} {:?}", token.secret);
    assert!(printed.contains(ID) && !printed.contains("0102") && !printed.contains("1, 2"), "{printed}");
    let error = ApiToken::parse(&format!("{}0", golden())).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("0102"));
}

#[test]
fn tokens_differ() {
    let tokens = [0; 2].map(|_| ApiToken::generate(TenantId(7), &SystemRandom));
    assert_eq!(tokens[0].id.tenant(), TenantId(7));
    assert_ne!(tokens[0].id, tokens[1].id);
    assert_ne!(hash(&tokens[0].secret), hash(&tokens[1].secret));
}

#[test]
fn only_the_secret_itself_matches() {
    let secret = ApiToken::parse(&golden()).unwrap().secret;
    let stored = hash(&secret);
    assert!(matches(&secret, Some(&stored)));
    assert!(!matches(&secret, None));
    assert!(!matches(&secret, Some(&[0; 32])));
    assert!(!matches(&secret, Some(&secret.0)));
    for bit in 0..256 {
        let mut other = stored;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!matches(&secret, Some(&other)), "bit {bit} does not count");
    }
}

/// Guards the rule that an unknown id does the work of a wrong secret. Rounds of both kinds take turns, so
/// that what else the machine does hits both, and the quickest rounds are compared, which it did not hit.
/// It finds an early return (hashing left out is several times quicker), not the few nanoseconds by which a
/// comparison byte for byte would differ: against that stands `verify_slices_are_equal`.
#[test]
fn an_unknown_id_takes_as_long_as_a_wrong_secret() {
    let secret = ApiToken::parse(&golden()).unwrap().secret;
    let mut wrong = hash(&secret);
    wrong[31] ^= 1;
    let (mut unknown_id, mut wrong_secret) = (Duration::MAX, Duration::MAX);
    for _ in 0..300 {
        unknown_id = unknown_id.min(round(&secret, None));
        wrong_secret = wrong_secret.min(round(&secret, Some(&wrong)));
    }
    let (short, long) = (unknown_id.min(wrong_secret), unknown_id.max(wrong_secret));
    assert!(long < short * 3 / 2, "unknown id {unknown_id:?}, wrong secret {wrong_secret:?}");
}

#[expect(clippy::disallowed_methods, reason = "this measures how long real code takes")]
fn round(secret: &Secret, stored: Option<&[u8; 32]>) -> Duration {
    let start = Instant::now();
    for _ in 0..100 {
        black_box(matches(black_box(secret), black_box(stored)));
    }
    start.elapsed()
}

proptest! {
    #[test]
    fn every_token_can_be_read_back(id: [u8; 16], secret: [u8; 32]) {
        let token = ApiToken { id: TokenId(id), secret: Secret(secret) };
        let read = ApiToken::parse(&token.expose()).unwrap();
        prop_assert_eq!(read.id, token.id);
        prop_assert_eq!(read.secret.0, secret);
    }

    #[test]
    fn any_text_is_a_token_in_one_way_only(text in "levee_[0-9a-fA-F_]{90,100}|.{0,120}") {
        if let Ok(token) = ApiToken::parse(&text) {
            prop_assert_eq!(token.expose(), text);
        }
    }
}
