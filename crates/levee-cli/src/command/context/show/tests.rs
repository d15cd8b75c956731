use super::show;
use crate::cli::Global;
use crate::context::{Context, ContextFile};
use crate::settings::Settings;
use serde_json::json;
use std::collections::BTreeMap;

fn of_context() -> ContextFile {
    let context = Context {
        endpoint: "https://ctx:1".to_owned(),
        token_file: Some("/token".into()),
        cert_file: Some("/cert".into()),
        key_file: Some("/key".into()),
        ..Context::default()
    };
    ContextFile { current: Some("c".to_owned()), contexts: BTreeMap::from([("c".to_owned(), context)]) }
}

#[test]
fn files_are_named() {
    let settings = Settings::resolve(&Global::default(), &|_| None, &of_context()).unwrap();
    let view = show(&settings);
    let settings = &view.json["settings"];
    assert_eq!(settings["token_file"], json!({"value": "/token", "source": "context"}));
    assert_eq!(settings["key_file"], json!({"value": "/key", "source": "context"}));
    assert_eq!((&settings["token"], &settings["ca_file"]), (&json!(null), &json!(null)));
}

#[test]
fn a_token_of_the_environment_is_just_set() {
    let env = |name: &str| (name == "LEVEE_TOKEN").then(|| "canary".to_owned());
    let settings = Settings::resolve(&Global::default(), &env, &of_context()).unwrap();
    let view = show(&settings);
    let shown = &view.json["settings"];
    assert_eq!(shown["token"], json!({"value": "set", "source": "environment"}));
    assert_eq!(shown["token_file"], json!(null));
    assert!(!format!("{view:?} {settings:?}").contains("canary"));
}
