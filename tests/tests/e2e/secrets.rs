//! No secret is found anywhere but with whom it was given to: not in logs, metrics, errors, answers, the audit log,
//! or the data directory, which holds hashes.

use crate::metrics::scrape;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use levee_client::{Admin, v1};
use levee_tests::broker::{Broker, Setup};
use levee_tests::files;
use levee_tests::raw::{self, Raw};
use levee_tests::seed::Seed;
use levee_tests::tenancy::{bearer, name, now_ms, topic};
use levee_types::hex;
use std::fs;
use std::path::Path;

/// A secret, and what else it would be known by.
struct Canary {
    what: &'static str,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    fn new(what: &'static str, text: &str) -> Self {
        let mut forms = vec![text.as_bytes().to_vec()];
        // Of an API token the second half is the secret, which has raw bytes.
        if let Some(secret) =
            text.strip_prefix("levee_").and_then(|rest| rest.split_once('_')).map(|(_, secret)| secret)
        {
            forms.push(secret.as_bytes().to_vec());
            forms.extend(hex::decode::<32>(secret).map(|raw| raw.to_vec()));
        }
        // Of a JWT the signature is what makes it good.
        if let [_, _, signature] = text.split('.').collect::<Vec<_>>()[..] {
            forms.push(signature.as_bytes().to_vec());
            forms.extend(URL_SAFE_NO_PAD.decode(signature).ok());
        }
        Self { what, forms }
    }

    fn is_in(&self, place: &[u8]) -> bool {
        self.forms.iter().any(|form| contains(place, form))
    }
}

fn contains(place: &[u8], wanted: &[u8]) -> bool {
    place.windows(wanted.len()).any(|window| window == wanted)
}

/// Places that were looked at.
#[derive(Default)]
struct Places(Vec<(String, Vec<u8>)>);

impl Places {
    fn add(&mut self, place: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0.push((place.into(), content.into()));
    }

    fn check(&self, canaries: &[Canary]) {
        for (place, content) in &self.0 {
            for canary in canaries {
                assert!(!canary.is_in(content), "{} is in {place}", canary.what);
            }
        }
    }

    fn check_files(data: &Path, canaries: &[Canary]) {
        for file in files::under(data) {
            let content = used(&file);
            for canary in canaries {
                assert!(!canary.is_in(&content), "{} is in {}", canary.what, file.display());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_found_anywhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let jwts = Issuer::new(dir.path());
    let setup = Setup::new(&dir.path().join("data"))
        .with_authentication()
        .set_text("auth.methods", "token,jwt")
        .set_text("auth.issuers_file", jwts.file.to_str().expect("a path of text"))
        .set_text("log.level", "debug");
    let mut places = Places::default();
    let mut broker = Broker::start(&setup).await;
    let endpoint = broker.endpoint();
    let told = || broker.bootstrap_token();
    let bootstrap = levee_tests::wait::until("a token", std::time::Duration::from_secs(10), told).await;
    let root = bearer(&endpoint, &bootstrap).admin();
    let mut canaries = vec![Canary::new("the bootstrap token", &bootstrap)];

    root.create_tenant(&name("acme"), None, false).await.expect("a tenant");
    root.create_topics("acme", vec![topic("orders", 1, &[])], false).await.expect("a topic");
    let ann = v1::CreateUserRequest {
        tenant: "acme".to_owned(),
        name: "ann".to_owned(),
        admin: true,
        ..Default::default()
    };
    root.create_user(ann).await.expect("a user");
    let issue =
        v1::IssueTokenRequest { tenant: "acme".to_owned(), user: "ann".to_owned(), ..Default::default() };
    let issued = root.issue_token(issue.clone()).await.expect("a token");
    let token = issued.secret.expose().to_owned();
    canaries.push(Canary::new("an API token", &token));
    let gone = root.issue_token(issue).await.expect("a token");
    canaries.push(Canary::new("a token that was revoked", gone.secret.expose()));
    places.add("the token's public part", format!("{:?}{:?}", issued.token, issued));
    let jwt = jwts.sign("ann");
    canaries.push(Canary::new("a JWT", &jwt));

    // Good credentials at work.
    for credential in [&token, &jwt, gone.secret.expose()] {
        let raw = Raw::bearer(&endpoint, credential);
        raw.produce().produce(raw::request("orders", 0, &["x".into()], None)).await.expect("it is good");
        let missing = raw.produce().produce(raw::request("none", 0, &["x".into()], None)).await;
        places.add("an error", shown(&missing.expect_err("there is no such topic")));
    }
    root.revoke_token("acme", &gone.token.id).await.expect("it can be revoked");
    bad_credentials(&endpoint, [&token, &jwt, gone.secret.expose()], &mut canaries, &mut places).await;

    let ann = bearer(&endpoint, &token).admin();
    for (admin, tenant) in [(&root, ""), (&root, "acme"), (&ann, "")] {
        look(admin, tenant, &mut places).await;
    }
    places.add("the metrics", scrape(setup.http_port));
    let process = format!("/proc/{}", broker.pid().as_raw_nonzero());
    for of_process in ["cmdline", "environ"] {
        places.add(of_process, fs::read(format!("{process}/{of_process}")).expect("it is ours"));
    }
    // As it lies after a crash, and after a stop.
    broker.kill();
    let log = broker.log().complete();
    // But for the one place where it is told.
    places.add("the log", log.replacen(&bootstrap, "", 1));
    places.check(&canaries);
    Places::check_files(&setup.data, &canaries);
    for token in [&bootstrap, &token] {
        assert!(
            holds_hash_of(&setup.data, token),
            "where is the hash? then nothing else would be found either"
        );
    }
    let broker = Broker::start(&setup).await;
    bearer(&endpoint, &token).admin().who_am_i().await.expect("it is still good");
    broker.stop().await;
    Places::check_files(&setup.data, &canaries);
}

/// Credentials that are nearly good: they, too, are somebody's secrets.
async fn bad_credentials(endpoint: &str, good: [&str; 3], canaries: &mut Vec<Canary>, places: &mut Places) {
    let [token, jwt, revoked] = good;
    let mut seed = Seed::new(7);
    let mut random =
        |digits: usize| (0..digits / 16).map(|_| format!("{:016x}", seed.next())).collect::<String>();
    let (id, _) = token.rsplit_once('_').expect("two parts");
    let (signed, _) = jwt.rsplit_once('.').expect("three parts");
    let bad = [
        ("a wrong secret", format!("{id}_{}", random(64))),
        ("a token of nobody", format!("levee_00000001{}_{}", &random(32)[..24], random(64))),
        (
            "a token of a tenant that there is not",
            format!("levee_000000ff{}_{}", &random(32)[..24], random(64)),
        ),
        ("what is no token", format!("canary-{}", random(64))),
        ("a token with a typing error", format!("levee_{}", random(96))),
        ("a JWT with a wrong signature", format!("{signed}.{}", URL_SAFE_NO_PAD.encode(random(64)))),
    ];
    for (what, credential) in bad {
        canaries.push(Canary::new(what, &credential));
        let raw = Raw::bearer(endpoint, &credential);
        let refused = raw.topic_names("").await.expect_err(what);
        places.add(what, shown(&refused));
    }
    let refused = Raw::bearer(endpoint, revoked).topic_names("").await.expect_err("it was revoked");
    places.add("the error of a token that was revoked", shown(&refused));
}

/// Everything that an error carries.
fn shown(status: &tonic::Status) -> Vec<u8> {
    let mut all = format!("{status:?} {status} {:?}", status.metadata()).into_bytes();
    all.extend_from_slice(status.details());
    all
}

/// What administrators are shown.
async fn look(admin: &Admin, tenant: &str, places: &mut Places) {
    let tokens = admin.list_tokens(tenant, "", 0, "").await.expect("tokens");
    assert!(!tokens.tokens.is_empty());
    places.add("a list of tokens", format!("{tokens:?}"));
    let users = admin.list_users(tenant, 0, "").await.expect("users");
    assert!(!users.users.is_empty());
    places.add("a list of users", format!("{users:?}"));
    let log = v1::ListAuditEventsRequest { tenant: tenant.to_owned(), page_size: 1000, ..Default::default() };
    let events = admin.list_audit_events(log).await.expect("a log");
    assert!(!events.events.is_empty());
    places.add("an audit log", format!("{events:?}"));
}

/// The hash of a token's secret is in a file: so what is stored as it is would be found.
fn holds_hash_of(data: &Path, token: &str) -> bool {
    let secret = token.rsplit('_').next().and_then(hex::decode::<32>).expect("a secret");
    let hash = digest(&SHA256, &secret);
    files::under(data).iter().any(|file| contains(&used(file), hash.as_ref()))
}

/// What is in a file, without the zeros at its end.
fn used(file: &Path) -> Vec<u8> {
    let mut content = fs::read(file).expect("a file");
    let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    content.truncate(end);
    content
}

/// Somebody else who says who is who.
struct Issuer {
    pair: Ed25519KeyPair,
    file: std::path::PathBuf,
}

impl Issuer {
    fn new(dir: &Path) -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let keys = serde_json::json!({"keys": [{"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": x}]});
        fs::write(dir.join("keys.json"), keys.to_string()).expect("a file");
        let file = dir.join("issuers.toml");
        let issuer = "[[issuer]]\nissuer = \"https://login.test\"\naudience = \"levee\"\nalgorithms = [\"EdDSA\"]\n\
                      jwks_file = \"keys.json\"\ntenant = \"acme\"\n";
        fs::write(&file, issuer).expect("a file");
        Self { pair, file }
    }

    fn sign(&self, subject: &str) -> String {
        let now_s = now_ms() / 1000;
        let header = serde_json::json!({"alg": "EdDSA", "kid": "k", "typ": "JWT"});
        let claims = serde_json::json!({
            "iss": "https://login.test", "aud": "levee", "sub": subject, "nbf": now_s - 60, "exp": now_s + 3600,
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(format!("{header}.{claims}").as_bytes()));
        format!("{header}.{claims}.{signature}")
    }
}
