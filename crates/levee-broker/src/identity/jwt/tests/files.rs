use super::signer::Signer;
use super::*;
use levee_types::limits::{MAX_CA_FILE_BYTES, MAX_ISSUERS_FILE_BYTES, MAX_JWKS_BYTES};

fn errors(files: &Files, issuers: &str) -> Vec<String> {
    let path = files.write("issuers.toml", issuers);
    match Jwts::load(&path, ManualClock::new()) {
        Ok(_) => Vec::new(),
        Err(invalid) => invalid.errors,
    }
}

/// A directory with keys and a CA, and two issuers that use them.
fn working() -> (Files, String) {
    let files = Files::new();
    let signer = Signer::new("k1", "ES256");
    files.write("keys.json", jwks(&[signer.jwk()]));
    let ca = rcgen::generate_simple_self_signed(vec!["login.test".to_owned()]).unwrap();
    files.write("ca.pem", ca.cert.pem());
    let staff = "[[issuer]]\nissuer = \"https://staff.test\"\naudience = \"levee\"\nalgorithms = [\"EdDSA\"]\n\
                 jwks_url = \"https://staff.test/keys\"\nca_file = \"ca.pem\"\noperators = true\n";
    (files, of_file(&["ES256"]) + staff)
}

#[test]
fn without_any_one_of_its_keys_a_working_file_is_refused_by_its_name() {
    let (files, content) = working();
    assert_eq!(errors(&files, &content), Vec::<String>::new());
    let lines: Vec<_> = content.lines().collect();
    let mut removed = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        let rest: Vec<_> =
            lines.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, line)| *line).collect();
        let errors = errors(&files, &rest.join("\n"));
        let place = if index < lines.len() / 2 { "issuer[0]." } else { "issuer[1]." };
        assert!(
            errors.iter().any(|error| error.contains(place) && error.contains(key)),
            "without {key}: {errors:?}"
        );
        removed += 1;
    }
    assert_eq!(removed, 11);
}

#[test]
fn without_any_one_of_its_files_it_is_refused_by_the_key() {
    let (files, content) = working();
    for (name, key) in [("keys.json", "issuer[0].jwks_file"), ("ca.pem", "issuer[1].ca_file")] {
        let path = files.dir.path().join(name);
        let whole = fs::read(&path).unwrap();
        let half = || whole[..whole.len() / 2].to_vec();
        for bad in [None, Some(Vec::new()), Some(half()), Some(vec![0xff; 100])] {
            match &bad {
                None => fs::remove_file(&path).unwrap(),
                Some(content) => drop(files.write(name, content)),
            }
            let errors = errors(&files, &content);
            assert!(errors.len() == 1 && errors[0].contains(key), "{name} {bad:?}: {errors:?}");
        }
        files.write(name, whole);
    }
    for useless in [jwks(&[]), jwks(&[json!({"kid": "k1", "kty": "oct", "k": "c2VjcmV0"})])] {
        files.write("keys.json", useless);
        let errors = errors(&files, &content);
        assert!(errors.len() == 1 && errors[0].contains("no key"), "{errors:?}");
    }
    let missing = Jwts::load(&files.dir.path().join("missing.toml"), ManualClock::new());
    let error = missing.err().unwrap().to_string();
    assert!(error.contains("auth.issuers_file") && error.contains("missing.toml"), "{error}");
}

#[test]
fn files_have_limits() {
    let (files, content) = working();
    let signer = Signer::new("k1", "ES256");
    let keys = jwks(&[signer.jwk()]);
    files.write("keys.json", keys.clone() + &" ".repeat(MAX_JWKS_BYTES - keys.len()));
    assert_eq!(errors(&files, &content), Vec::<String>::new());
    files.write("keys.json", keys.clone() + &" ".repeat(MAX_JWKS_BYTES + 1 - keys.len()));
    assert!(errors(&files, &content)[0].contains("issuer[0].jwks_file"));
    files.write("keys.json", keys);
    let ca = fs::read_to_string(files.dir.path().join("ca.pem")).unwrap();
    files.write("ca.pem", ca.clone() + &"\n".repeat(MAX_CA_FILE_BYTES - ca.len()));
    assert_eq!(errors(&files, &content), Vec::<String>::new());
    files.write("ca.pem", ca.clone() + &"\n".repeat(MAX_CA_FILE_BYTES + 1 - ca.len()));
    assert!(errors(&files, &content)[0].contains("issuer[1].ca_file"));
    files.write("ca.pem", ca);
    let filled = |length: usize| format!("{content}#{}", "x".repeat(length - content.len() - 1));
    assert_eq!(errors(&files, &filled(MAX_ISSUERS_FILE_BYTES)), Vec::<String>::new());
    assert!(errors(&files, &filled(MAX_ISSUERS_FILE_BYTES + 1))[0].contains("auth.issuers_file"));
}

#[test]
fn without_issuers_nothing_is_accepted_so_it_is_a_mistake() {
    assert!(errors(&Files::new(), "")[0].contains("issuer"));
}
