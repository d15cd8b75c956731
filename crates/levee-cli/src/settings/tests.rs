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
