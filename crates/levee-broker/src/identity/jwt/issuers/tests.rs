use super::{Bound, Issuer, KeysAt, parse};
use jsonwebtoken::Algorithm;
use levee_types::TenantName;
use levee_types::limits::{MAX_ISSUER_TEXT, MAX_ISSUERS};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const GOOD: &str = "[[issuer]]\nissuer = \"https://login.test\"\naudience = \"levee\"\n\
                    algorithms = [\"RS256\", \"ES256\"]\njwks_url = \"https://login.test/keys\"\n\
                    ca_file = \"system\"\ntenant = \"acme\"\n";

fn read(text: &str) -> Result<Vec<Issuer>, Vec<String>> {
    parse(text, Path::new("/etc/levee"))
}

fn errors(text: &str) -> Vec<String> {
    read(text).err().unwrap_or_default()
}

/// The good issuer with a line replaced, and what is wrong with it then.
fn error_with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let errors = errors(&GOOD.replace(from, to));
    assert_eq!(errors.len(), 1, "{to}: {errors:?}");
    errors[0].clone()
}

#[test]
fn an_issuer_with_its_defaults() {
    let expected = Issuer {
        place: "issuer[0].".to_owned(),
        issuer: "https://login.test".to_owned(),
        audience: "levee".to_owned(),
        algorithms: vec![Algorithm::RS256, Algorithm::ES256],
        keys_at: KeysAt::Url { url: "https://login.test/keys".parse().unwrap(), ca_file: None },
        bound_to: Bound::Tenant(TenantName::new("acme").unwrap()),
        leeway: Duration::from_secs(30),
        max_stale: Duration::from_secs(3_600),
    };
    assert_eq!(read(GOOD), Ok(vec![expected]));
}

#[test]
fn everything_that_can_be_set() {
    let text = GOOD
        .replace("tenant = \"acme\"", "operators = true\nleeway_s = 0\nmax_stale_s = 600")
        .replace("\"system\"", "\"ca.pem\"");
    let issuer = read(&text).unwrap().remove(0);
    assert_eq!(issuer.bound_to, Bound::Operators);
    assert_eq!((issuer.leeway, issuer.max_stale), (Duration::ZERO, Duration::from_secs(600)));
    let KeysAt::Url { ca_file, .. } = issuer.keys_at else { panic!("it is a file") };
    assert_eq!(ca_file, Some(PathBuf::from("/etc/levee/ca.pem")));
    let file = |name: &str| {
        let url = "jwks_url = \"https://login.test/keys\"\nca_file = \"system\"";
        let text = GOOD.replace(url, &format!("jwks_file = \"{name}\""));
        read(&text).unwrap().remove(0).keys_at
    };
    assert_eq!(file("keys.json"), KeysAt::File(PathBuf::from("/etc/levee/keys.json")));
    assert_eq!(file("/run/keys.json"), KeysAt::File(PathBuf::from("/run/keys.json")));
}

#[test]
fn the_shipped_example_can_be_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/issuers.toml");
    let example = fs::read_to_string(path).unwrap();
    let bounds: Vec<_> = read(&example).unwrap().into_iter().map(|issuer| issuer.bound_to).collect();
    assert_eq!(bounds, [Bound::Tenant(TenantName::new("acme").unwrap()), Bound::Operators]);
    // What it shows commented out can be set.
    let all = example.replace("#max_stale_s", "max_stale_s").replace("#leeway_s", "leeway_s");
    let defaults = read(&example).unwrap();
    let set = read(&all).unwrap();
    assert_eq!((set[0].leeway, set[0].max_stale), (defaults[0].leeway, defaults[0].max_stale));
}

#[test]
fn no_algorithm_has_a_shared_secret() {
    for name in ["HS256", "HS384", "HS512", "none", "None", "", "rs256", "ES512", "RSA-OAEP"] {
        let error = error_with("\"RS256\"", &format!("\"{name}\""));
        assert!(error.starts_with("issuer[0].algorithms: ") && error.contains("RS256"), "{error}");
    }
    assert!(error_with("\"RS256\"", "\"ES256\"").contains("twice"));
    assert!(error_with("[\"RS256\", \"ES256\"]", "[]").contains("empty"));
    assert!(error_with("[\"RS256\", \"ES256\"]", "\"RS256\"").contains("list of texts"));
    assert!(error_with("\"RS256\"", "256").contains("list of texts"));
}

#[test]
fn keys_come_from_one_place_over_https() {
    let url = "\"https://login.test/keys\"";
    for (bad, problem) in [
        ("\"http://login.test/keys\"", "https://"),
        ("\"file:///etc/keys\"", ""),
        ("\"login.test/keys\"", ""),
        ("\"/keys\"", "https://"),
        ("\"https://\"", ""),
        ("\"https://alice:secret@login.test/keys\"", "credential"),
        ("\"https://login test/keys\"", ""),
    ] {
        let error = error_with(url, bad);
        assert!(error.starts_with("issuer[0].jwks_url: ") && error.contains(problem), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let both = error_with("jwks_url", "jwks_file = \"keys.json\"\njwks_url");
    assert!(both.contains("either jwks_file or jwks_url"), "{both}");
    let ca = error_with("jwks_url = \"https://login.test/keys\"", "jwks_file = \"k\"");
    assert!(ca.starts_with("issuer[0].ca_file: "), "{ca}");
    let ca = error_with("ca_file = \"system\"\n", "");
    assert!(ca.starts_with("issuer[0].ca_file: ") && ca.contains("\"system\""), "{ca}");
}

#[test]
fn an_issuer_speaks_for_one_tenant_or_for_operators() {
    let tenant = "tenant = \"acme\"";
    assert!(error_with(tenant, "tenant = \"acme\"\noperators = true").contains("either tenant or operators"));
    assert!(error_with(tenant, "").contains("tenant or operators"));
    assert!(error_with(tenant, "operators = false").contains("only true"));
    assert!(error_with(tenant, "operators = \"true\"").contains("true or false"));
    assert!(error_with(tenant, "tenant = \"Acme\"").starts_with("issuer[0].tenant: "));
}

#[test]
fn numbers_at_the_ends_of_their_ranges() {
    for (key, low, high) in [("leeway_s", 0, 300), ("max_stale_s", 600, 86_400)] {
        let with = |value: i64| errors(&format!("{GOOD}{key} = {value}\n"));
        assert!(with(low).is_empty() && with(high).is_empty(), "{key}");
        for bad in [low - 1, high + 1] {
            let error = &with(bad)[0];
            assert!(error.contains(key) && error.contains(&format!("{low} to {high}")), "{error}");
        }
    }
    assert!(errors(&format!("{GOOD}leeway_s = \"30\"\n"))[0].contains("whole number"));
    assert!(errors(&format!("{GOOD}leeway_s = 1.5\n"))[0].contains("whole number"));
}

#[test]
fn texts_have_a_limit() {
    for key in ["issuer", "audience"] {
        let with = |length: usize| {
            let old = if key == "issuer" { "https://login.test\"\n" } else { "levee\"\n" };
            errors(&GOOD.replacen(old, &format!("{}\"\n", "x".repeat(length)), 1))
        };
        assert_eq!(with(MAX_ISSUER_TEXT), Vec::<String>::new());
        assert!(with(MAX_ISSUER_TEXT + 1)[0].starts_with(&format!("issuer[0].{key}: ")));
        assert!(with(0)[0].contains("empty"));
    }
}

#[test]
fn issuers_have_a_limit_and_differ() {
    let many = |count: usize| -> String {
        (0..count).map(|number| GOOD.replace("\"levee\"", &format!("\"levee{number}\""))).collect()
    };
    assert_eq!(read(&many(MAX_ISSUERS)).unwrap().len(), MAX_ISSUERS);
    assert!(errors(&many(MAX_ISSUERS + 1))[0].contains("1000"));
    let twice = errors(&format!("{GOOD}{}", GOOD.replace("acme", "bravo")));
    assert!(twice.len() == 1 && twice[0].starts_with("issuer[1].audience: "), "{twice:?}");
}

#[test]
fn all_errors_are_reported_at_once() {
    let errors = errors(
        "issuers = 1\n[[issuer]]\nisuer = \"x\"\naudience = 7\nalgorithms = [\"HS256\"]\n\
         jwks_url = \"http://x\"\ntenant = \"x\"\n[[issuer]]\nissuer = \"y\"\n",
    );
    let expected = [
        ("issuers: ", "did you mean issuer?"),
        ("issuer[0].issuer: ", "missing"),
        ("issuer[0].isuer: ", "did you mean issuer?"),
        ("issuer[0].audience: ", "must be a text"),
        ("issuer[0].algorithms: ", "HS256"),
        ("issuer[0].jwks_url: ", "https"),
        ("issuer[0].tenant: ", ""),
        ("issuer[1].audience: ", "missing"),
        ("issuer[1].algorithms: ", "missing"),
        ("issuer[1].jwks_file: ", "jwks_url"),
        ("issuer[1].tenant: ", "operators"),
    ];
    for (key, problem) in expected {
        assert!(errors.iter().any(|e| e.starts_with(key) && e.contains(problem)), "{key} {errors:#?}");
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
}

#[test]
fn what_is_not_such_a_file() {
    assert!(errors("[[issuer]\n")[0].starts_with("line 1: "));
    assert!(errors("a = 1\nb = 2\nb = 3\n")[0].starts_with("line 3: "));
    assert!(errors("[issuer]\nissuer = \"x\"\n")[0].contains("[[issuer]]"));
    assert!(errors("issuer = [1]\n")[0].contains("[[issuer]]"));
    assert!(errors("issuer = []\n")[0].contains("none"));
}
