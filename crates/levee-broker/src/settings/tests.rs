use super::load::{Invalid, known_keys, variable};
use super::{LogFormat, Overrides, Settings, load};
use std::fs;
use std::path::{Path, PathBuf};

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/leveed.toml")
}

fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("leveed.toml");
    fs::write(&path, content).unwrap();
    (dir, path)
}

fn errors(content: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let (_dir, path) = file(content);
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(Some(&path), environment, &Overrides::default()).unwrap_err().errors
}

/// A key of the shipped file, where it is commented out, and the comment above it.
struct Described {
    key: String,
    value: String,
    comment: String,
}

impl Described {
    /// What the comment gives as "1 to 512".
    fn range(&self) -> Option<(u64, u64)> {
        let number = |word: &str| word.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok();
        let words: Vec<_> = self.comment.split_whitespace().collect();
        words.windows(3).filter(|words| words[1] == "to").find_map(|w| Some((number(w[0])?, number(w[2])?)))
    }
}

fn described() -> Vec<Described> {
    let content = fs::read_to_string(shipped()).unwrap();
    let (mut section, mut comment) = (String::new(), String::new());
    let mut keys = Vec::new();
    for line in content.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
            comment.clear();
        } else if let Some(prose) = line.strip_prefix("# ") {
            comment = format!("{comment} {prose}");
        } else if let Some((name, value)) = line.strip_prefix('#').and_then(|line| line.split_once(" = ")) {
            let comment = std::mem::take(&mut comment);
            keys.push(Described { key: format!("{section}{name}"), value: value.to_owned(), comment });
        } else {
            assert!(line.is_empty() || line == "#", "{line:?} is neither a section nor a comment");
            comment.clear();
        }
    }
    keys
}

#[test]
fn the_shipped_file_holds_every_key_with_its_default() {
    let described = described();
    let mut keys: Vec<_> = described.iter().map(|described| described.key.clone()).collect();
    keys.sort();
    assert_eq!(keys, known_keys());
    let lines: String = described.iter().map(|d| format!("{} = {}\n", d.key, d.value)).collect();
    let (_dir, path) = file(&lines);
    assert_eq!(load(Some(&path), [], &Overrides::default()).unwrap(), Settings::default());
}

#[test]
fn the_shipped_file_sets_nothing() {
    let dev = Overrides { is_dev: true, ..Overrides::default() };
    assert_eq!(load(Some(&shipped()), [], &dev).unwrap(), load(None, [], &dev).unwrap());
}

#[test]
fn the_defaults_are_in_range() {
    assert_eq!(super::check(&Settings::default()), Vec::<String>::new());
}

#[test]
fn later_sources_win() {
    let (_dir, path) =
        file("[grpc]\nlisten = \"127.0.0.1:1\"\nmax_connections = 7\n[log]\nlevel = \"warn\"\n");
    let environment = [
        ("LEVEE_GRPC_LISTEN", "127.0.0.1:2"),
        ("LEVEE_GRPC_MAX_CONNECTIONS", "8"),
        ("LEVEE_GRPC_REFLECTION", "true"),
        ("LEVEE_LOG_FORMAT", "json"),
        ("PATH", "/bin"),
    ];
    let overrides = Overrides { grpc_listen: Some("127.0.0.1:3".to_owned()), ..Overrides::default() };
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = load(Some(&path), environment, &overrides).unwrap();
    assert_eq!(settings.grpc.listen.port(), 3);
    assert_eq!(settings.grpc.max_connections, 8);
    assert!(settings.grpc.reflection);
    assert_eq!(settings.log.level, "warn");
    assert_eq!(settings.log.format, LogFormat::Json);
}

#[test]
fn dev_listens_on_loopback_unless_told_otherwise() {
    let dev = Overrides { is_dev: true, ..Overrides::default() };
    assert!(load(None, [], &dev).unwrap().grpc.listen.ip().is_loopback());
    assert!(!load(None, [], &Overrides::default()).unwrap().grpc.listen.ip().is_loopback());
    let set = [("LEVEE_GRPC_LISTEN".to_owned(), "0.0.0.0:1".to_owned())];
    assert!(!load(None, set, &dev).unwrap().grpc.listen.ip().is_loopback());
}

#[test]
fn a_fallback_of_the_data_directory_loses_against_everything() {
    let fallback = Overrides { fallback_data_dir: Some("/fallback".to_owned()), ..Overrides::default() };
    let dir = |file, environment, overrides| load(file, environment, overrides).unwrap().data_dir;
    let (_dir, path) = file("data_dir = \"/file\"\n");
    let set = vec![("LEVEE_DATA_DIR".to_owned(), "/environment".to_owned())];
    assert_eq!(dir(None, vec![], &fallback), Path::new("/fallback"));
    assert_eq!(dir(Some(&path), vec![], &fallback), Path::new("/file"));
    assert_eq!(dir(None, set, &fallback), Path::new("/environment"));
}

#[test]
fn every_key_can_come_from_the_environment() {
    for key in known_keys() {
        let environment = [(variable(&key), "\u{0}".to_owned())];
        let result = load(None, environment, &Overrides::default());
        // Text that fits no key but those paths that need no other: so it arrived.
        let is_path = ["data_dir", "bootstrap_token_file"].contains(&key.as_str());
        assert_eq!(result.is_ok(), is_path, "{key}");
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let errors = errors(
        "data_dirr = \"x\"\n[grpc]\nlisten = \"nowhere\"\nmax_conections = 1\nrequest_timeout_ms = 0\n\
         idle_timeout_ms = \"soon\"\n[grpc.tls]\ncert = \"x\"\n[log]\nlevel = \"a=b=c\"\nformat = \"xml\"\n",
        &[("LEVEE_GRPC_REFLECTON", "true"), ("LEVEE_RUNTIME_WORKER_THREADS", "-1")],
    );
    let expected = [
        ("data_dirr", "did you mean data_dir?"),
        ("grpc.listen", "address"),
        ("grpc.max_conections", "did you mean grpc.max_connections?"),
        ("grpc.request_timeout_ms", "100 to 600000"),
        ("grpc.idle_timeout_ms", "\"soon\""),
        ("grpc.tls.cert", "no such key"),
        ("log.level", "not a level"),
        ("log.format", "xml"),
        ("LEVEE_GRPC_REFLECTON", "did you mean LEVEE_GRPC_REFLECTION?"),
        ("runtime.worker_threads", ""),
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (key, text) in expected {
        let error =
            errors.iter().find(|error| error.starts_with(key) && !error.starts_with(&format!("{key}_")));
        assert!(error.is_some_and(|error| error.contains(text)), "{key}: {text}: {errors:#?}");
    }
}

#[test]
fn variables_of_others_are_let_be_and_all_others_are_errors() {
    let kubernetes = [
        ("LEVEE_SERVICE_HOST", "10.0.0.1"),
        ("LEVEE_SERVICE_PORT", "9400"),
        ("LEVEE_SERVICE_PORT_GRPC", "9400"),
        ("LEVEE_PORT", "tcp://10.0.0.1:9400"),
        ("LEVEE_PORT_9400_TCP", "tcp://10.0.0.1:9400"),
        ("LEVEE_PORT_9400_TCP_ADDR", "10.0.0.1"),
        ("LEVEE_HEADLESS_PORT", "tcp://10.0.0.1:9400"),
        ("LEVEE_HEADLESS_SERVICE_HOST", "10.0.0.1"),
        ("LEVEE_HEADLESS_PORT_9401_TCP_PROTO", "tcp"),
    ];
    let cli = [
        "CA_FILE",
        "CERT_FILE",
        "CONTEXT",
        "ENDPOINT",
        "KEY_FILE",
        "OUTPUT",
        "TENANT",
        "TIMEOUT",
        "TOKEN",
        "TOKEN_FILE",
    ]
    .map(|name| format!("LEVEE_{name}"));
    let others = kubernetes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let others = others.into_iter().chain(cli.map(|name| (name, "x".to_owned())));
    assert_eq!(load(None, others, &Overrides::default()).unwrap(), Settings::default());

    for (name, hint) in [
        ("LEVEE_DATA", "LEVEE_DATA_DIR"),
        ("LEVEE_LISTEN", "LEVEE_GRPC_LISTEN"),
        ("LEVEE_LOG", "LEVEE_LOG_LEVEL"),
        ("LEVEE_PORT", "no such variable"),
        ("LEVEE_GRPC_PORT", "no such variable"),
        ("LEVEE_SOMETHING_ELSE", "no such variable"),
    ] {
        let errors = errors("", &[(name, "9400")]);
        assert!(errors.len() == 1 && errors[0].contains(name) && errors[0].contains(hint), "{errors:?}");
    }
}

#[test]
fn a_value_of_another_kind_is_an_error() {
    for (key, value) in [
        ("grpc.max_connections", "true"),
        ("grpc.max_connections", "1000.7"),
        ("grpc.max_connections", "\"1000\""),
        ("grpc.max_connections", "[1000]"),
        ("grpc.reflection", "1"),
        ("grpc.reflection", "\"true\""),
        ("data_dir", "1"),
    ] {
        let errors = errors(&format!("{key} = {value}\n"), &[]);
        assert!(
            errors.len() == 1 && errors[0].starts_with(key) && errors[0].contains("must be"),
            "{errors:?}"
        );
    }
    for (name, value) in [
        ("LEVEE_GRPC_MAX_CONNECTIONS", "true"),
        ("LEVEE_GRPC_MAX_CONNECTIONS", "1000.7"),
        ("LEVEE_GRPC_MAX_CONNECTIONS", ""),
        ("LEVEE_GRPC_REFLECTION", "1"),
    ] {
        let errors = errors("", &[(name, value)]);
        assert!(errors.len() == 1 && errors[0].contains(name) && errors[0].contains("must be"), "{errors:?}");
    }
}

#[test]
fn a_part_of_tls_is_an_error_that_names_what_is_missing() {
    let files = ["certificate_file", "key_file", "client_ca_file", "client_crl_file"];
    for set in 0..1 << files.len() {
        let is_set = |index: usize| set & 1 << index != 0;
        let content: String = (0..files.len())
            .filter(|index| is_set(*index))
            .map(|index| format!("tls.{} = \"x\"\n", files[index]))
            .chain(is_set(2).then(|| "auth.methods = \"token, certificate\"\n".to_owned()))
            .collect();
        // Certificate and key with anything, the authority and a list of revoked certificates with each other.
        let needed = [set != 0, set != 0, is_set(3), is_set(2)];
        let missing: Vec<_> = (0..files.len()).filter(|index| needed[*index] && !is_set(*index)).collect();
        let (_dir, path) = file(&content);
        let result = load(Some(&path), [], &Overrides::default());
        let errors = result.map_or_else(|invalid| invalid.errors, |_| Vec::new());
        assert_eq!(errors.len(), missing.len(), "{content}: {errors:?}");
        for (error, index) in errors.iter().zip(missing) {
            assert!(error.starts_with(&format!("tls.{}: it is missing", files[index])), "{content}: {error}");
        }
    }
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_an_error() {
    let missing = load(Some(Path::new("/nonexistent/leveed.toml")), [], &Overrides::default()).unwrap_err();
    assert!(missing.to_string().contains("/nonexistent/leveed.toml"), "{missing}");
    assert_eq!(errors("[grpc", &[]).len(), 1);
}

#[test]
fn the_ends_of_the_described_ranges_are_allowed_and_what_lies_beyond_is_not() {
    let numbers = described().into_iter().filter(|described| described.value.parse::<u64>().is_ok());
    for described in numbers {
        let key = &described.key;
        let (low, high) = described.range().unwrap_or_else(|| panic!("{key} has no range"));
        let is_ok =
            |value: u64| load(None, [(variable(key), value.to_string())], &Overrides::default()).is_ok();
        assert!(is_ok(low) && is_ok(high) && !is_ok(high + 1), "{key}");
        assert!(low == 0 || !is_ok(low - 1), "{key}");
    }
}

#[test]
fn each_key_of_a_working_authentication_is_missed() {
    let whole = [
        ("tls.certificate_file", "c.pem"),
        ("tls.key_file", "k.pem"),
        ("tls.client_ca_file", "ca.pem"),
        ("tls.client_crl_file", "none"),
        ("auth.methods", "token, certificate, jwt"),
        ("auth.issuers_file", "issuers.toml"),
    ];
    let without = |left_out: &str| {
        let environment = whole.iter().filter(|(key, _)| *key != left_out);
        let environment = environment.map(|(key, value)| (variable(key), (*value).to_owned()));
        load(None, environment, &Overrides::default())
    };
    without("").unwrap();
    for (key, _) in whole {
        let Err(Invalid { errors }) = without(key) else { panic!("{key} is not missed") };
        assert!(errors.iter().any(|error| error.starts_with(key)), "{key}: {errors:?}");
    }
    let known =
        |methods: &str| load(None, [(variable("auth.methods"), methods.to_owned())], &Overrides::default());
    assert!(
        known("token").is_ok() && known("").is_err() && known("none").is_err() && known("token,").is_err()
    );
}

#[test]
fn a_place_for_backups_that_cannot_be_is_an_error() {
    let of = |set: &str| errors(&format!("[backup]\n{set}\n"), &[]);
    assert!(
        load(None, [("LEVEE_BACKUP_URL".to_owned(), "file:///a".to_owned())], &Overrides::default()).is_ok()
    );
    assert!(of("url = \"/var/backups\"")[0].contains("give file:///DIRECTORY or s3://BUCKET/PREFIX"));
    assert!(of("s3_endpoint = \"minio:9000\"")[0].contains("give https://HOST:PORT"));
    assert!(of("s3_endpoint = \"http://minio:9000\"")[0].contains("s3_allow_http"));
    assert!(of("s3_region = \"eu/1\"")[0].contains("is no region"));
}
