use super::*;
use crate::failure::Exit;
use std::collections::BTreeMap;

fn file() -> ContextFile {
    let context = Context {
        endpoint: "http://ctx:1".to_owned(),
        tenant: Some("ctx-tenant".to_owned()),
        ..Context::default()
    };
    ContextFile { current: Some("c".to_owned()), contexts: BTreeMap::from([("c".to_owned(), context)]) }
}

fn env(name: &str) -> Option<String> {
    match name {
        "LEVEE_ENDPOINT" => Some("http://env:2".to_owned()),
        "LEVEE_TENANT" => Some("env-tenant".to_owned()),
        "LEVEE_TIMEOUT" => Some("7s".to_owned()),
        _ => None,
    }
}

fn flags() -> Global {
    Global {
        endpoint: Some("http://flag:3".to_owned()),
        tenant: Some("flag-tenant".to_owned()),
        timeout: Some(Duration::from_secs(3)),
        ..Global::default()
    }
}

fn shown(settings: &Settings) -> (String, String, u64) {
    let tenant = settings.tenant.as_ref().map(|tenant| format!("{} {}", tenant.value, tenant.source));
    let endpoint = format!("{} {}", settings.endpoint.value, settings.endpoint.source);
    (endpoint, tenant.unwrap_or_default(), settings.timeout.value.as_secs())
}

#[test]
fn flag_then_environment_then_context_then_default() {
    let expect = |settings: Settings, endpoint: &str, tenant: &str, timeout| {
        assert_eq!(shown(&settings), (endpoint.to_owned(), tenant.to_owned(), timeout));
    };
    let nothing = Global::default();
    let resolve =
        |flags: &Global, env: Env<'_>, file: &ContextFile| Settings::resolve(flags, env, file).unwrap();
    expect(resolve(&flags(), &env, &file()), "http://flag:3 flag", "flag-tenant flag", 3);
    expect(resolve(&nothing, &env, &file()), "http://env:2 environment", "env-tenant environment", 7);
    expect(resolve(&nothing, &|_| None, &file()), "http://ctx:1 context", "ctx-tenant context", 30);
    expect(resolve(&nothing, &|_| None, &ContextFile::default()), "http://127.0.0.1:9400 default", "", 30);
}

#[test]
fn an_empty_variable_is_as_none() {
    let settings = Settings::resolve(&Global::default(), &|_| Some(String::new()), &file()).unwrap();
    assert_eq!(settings.endpoint.source, Source::Context);
}

#[test]
fn a_context_that_does_not_exist_is_not_found() {
    let flags = Global { context: Some("gone".to_owned()), ..Global::default() };
    assert_eq!(Settings::resolve(&flags, &env, &file()).unwrap_err().exit, Exit::NotFound);
    let dangling = ContextFile { current: Some("gone".to_owned()), ..ContextFile::default() };
    assert_eq!(Settings::resolve(&Global::default(), &env, &dangling).unwrap_err().exit, Exit::NotFound);
}

#[test]
fn malformed_values_are_usage_errors() {
    let tenant = |name: &str| (name == "LEVEE_TENANT").then(|| "No".to_owned());
    let timeout = |name: &str| (name == "LEVEE_TIMEOUT").then(|| "soon".to_owned());
    for env in [&tenant as Env<'_>, &timeout] {
        assert_eq!(Settings::resolve(&Global::default(), env, &file()).unwrap_err().exit, Exit::Usage);
    }
}

#[test]
fn endpoints() {
    for (text, endpoint) in [
        ("127.0.0.1:9400", "http://127.0.0.1:9400"),
        ("http://levee:9400/", "http://levee:9400"),
        ("[::1]:9400", "http://[::1]:9400"),
        ("https://levee:9400/", "https://levee:9400"),
    ] {
        assert_eq!(check_endpoint(text).unwrap(), endpoint);
    }
    for text in
        ["", "levee", "http://", "http://:9400", "https://levee", "ftp://levee:1", "a/b:1", "a:65536", "a:b"]
    {
        assert_eq!(check_endpoint(text).unwrap_err().exit, Exit::Usage, "{text}");
    }
}

/// A context with all that says who asks, for a server at `endpoint`.
fn file_with_credentials(endpoint: &str) -> ContextFile {
    let context = Context {
        endpoint: endpoint.to_owned(),
        token_file: Some("/context.token".into()),
        ca_file: Some("/context.ca".into()),
        cert_file: Some("/context.cert".into()),
        key_file: Some("/context.key".into()),
        ..Context::default()
    };
    ContextFile { current: Some("c".to_owned()), contexts: BTreeMap::from([("c".to_owned(), context)]) }
}

#[test]
fn the_credentials_of_a_context_are_for_its_endpoint_alone() {
    let file = file_with_credentials("https://ctx:1");
    let at = |endpoint: &str| Global { endpoint: Some(endpoint.to_owned()), ..Global::default() };
    for other in ["https://evil:1", "https://ctx:2", "http://ctx:1", "https://ctx.evil:1"] {
        let by_variable = |name: &str| (name == "LEVEE_ENDPOINT").then(|| other.to_owned());
        for settings in [
            Settings::resolve(&at(other), &|_| None, &file).unwrap(),
            Settings::resolve(&Global::default(), &by_variable, &file).unwrap(),
        ] {
            assert_eq!(settings.endpoint.value, other);
            assert_eq!(settings.credentials, CredentialSettings::default(), "{other}");
            assert_eq!(settings.withheld_for.as_deref(), Some("https://ctx:1"));
        }
    }
    // The same one, however it is named.
    for settings in [
        Settings::resolve(&at("https://ctx:1"), &|_| None, &file).unwrap(),
        Settings::resolve(&Global::default(), &|_| None, &file).unwrap(),
    ] {
        assert!(settings.credentials.token.is_some() && settings.credentials.certificate.is_some());
        assert_eq!(settings.withheld_for, None);
    }
    // What is given for this call is sent to where it says.
    let given = Global { token_file: Some("/flag.token".into()), ..at("https://evil:1") };
    let settings = Settings::resolve(&given, &|_| None, &file).unwrap();
    let token = TokenFrom::File("/flag.token".into());
    assert_eq!(settings.credentials.token, Some(Setting { value: token, source: Source::Flag }));
    assert_eq!(settings.credentials.certificate, None);
}
