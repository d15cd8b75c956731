use super::*;
use crate::failure::Exit;

const HTTPS: &str = "https://levee:9400";

fn flags() -> Global {
    Global {
        token_file: Some("flag.token".into()),
        ca_file: Some("flag.ca".into()),
        cert_file: Some("flag.cert".into()),
        key_file: Some("flag.key".into()),
        ..Global::default()
    }
}

fn env(name: &str) -> Option<String> {
    let known = ["LEVEE_TOKEN_FILE", "LEVEE_CA_FILE", "LEVEE_CERT_FILE", "LEVEE_KEY_FILE"];
    known.contains(&name).then(|| format!("env.{name}"))
}

fn context() -> Context {
    Context {
        token_file: Some("/context.token".into()),
        ca_file: Some("/context.ca".into()),
        cert_file: Some("/context.cert".into()),
        key_file: Some("/context.key".into()),
        ..Context::default()
    }
}

fn resolve(flags: &Global, env: Env<'_>, context: &Context) -> Result<CredentialSettings, Failure> {
    CredentialSettings::resolve(flags, env, Some(context), HTTPS)
}

/// Every file, and where its name comes from.
fn shown(settings: CredentialSettings) -> String {
    let CredentialSettings { token, ca_file, certificate } = settings;
    let (token, ca, certificate) = (token.unwrap(), ca_file.unwrap(), certificate.unwrap());
    let TokenFrom::File(file) = &token.value else { panic!("no file: {token:?}") };
    format!(
        "{} {}, {} {}, {} {} {}",
        file.display(),
        token.source,
        ca.value.display(),
        ca.source,
        certificate.value.certificate.display(),
        certificate.value.key.display(),
        certificate.source
    )
}

#[test]
fn flag_then_environment_then_context() {
    let nothing = Global::default();
    let all = |settings: Result<CredentialSettings, Failure>| shown(settings.unwrap());
    assert_eq!(
        all(resolve(&flags(), &env, &context())),
        "flag.token flag, flag.ca flag, flag.cert flag.key flag"
    );
    assert_eq!(
        all(resolve(&nothing, &env, &context())),
        "env.LEVEE_TOKEN_FILE environment, env.LEVEE_CA_FILE environment, \
         env.LEVEE_CERT_FILE env.LEVEE_KEY_FILE environment"
    );
    assert_eq!(
        all(resolve(&nothing, &|_| None, &context())),
        "/context.token context, /context.ca context, /context.cert /context.key context"
    );
    assert_eq!(resolve(&nothing, &|_| None, &Context::default()).unwrap(), CredentialSettings::default());
}

#[test]
fn the_token_itself_may_be_in_the_environment_and_shows_nowhere() {
    let env = |name: &str| (name == "LEVEE_TOKEN").then(|| " canary\n".to_owned());
    let settings = resolve(&Global::default(), &env, &context()).unwrap();
    let token = settings.token.clone().unwrap();
    assert_eq!(token, Setting { value: TokenFrom::Text(Secret::new("canary")), source: Source::Environment });
    assert!(!format!("{settings:?}").contains("canary"), "{settings:?}");
    // A flag wins over it, and two variables are no decision.
    let settings = resolve(&flags(), &env, &context()).unwrap();
    assert_eq!(settings.token.unwrap().source, Source::Flag);
    let both = |name: &str| name.starts_with("LEVEE_TOKEN").then(|| "canary".to_owned());
    let failure = resolve(&Global::default(), &both, &context()).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
}

#[test]
fn a_certificate_and_its_key_come_from_one_place() {
    let only_key = Global { key_file: Some("flag.key".into()), ..Global::default() };
    let only_certificate = |name: &str| (name == "LEVEE_CERT_FILE").then(|| "env.cert".to_owned());
    assert_eq!(resolve(&only_key, &|_| None, &context()).unwrap_err().exit, Exit::Usage);
    assert_eq!(resolve(&only_key, &only_certificate, &context()).unwrap_err().exit, Exit::Usage);
    assert_eq!(resolve(&Global::default(), &only_certificate, &context()).unwrap_err().exit, Exit::Usage);
}

#[test]
fn what_is_for_tls_alone_is_refused_without_it() {
    let plain = |flags: &Global, context: &Context| {
        CredentialSettings::resolve(flags, &|_| None, Some(context), "http://levee:9400")
    };
    let ca = Global { ca_file: Some("ca".into()), ..Global::default() };
    assert_eq!(plain(&ca, &Context::default()).unwrap_err().exit, Exit::Usage);
    assert_eq!(plain(&Global::default(), &context()).unwrap_err().exit, Exit::Usage);
    let token = Global { token_file: Some("token".into()), ..Global::default() };
    assert!(plain(&token, &Context::default()).is_ok());
}
