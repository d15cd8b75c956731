use super::*;

fn properties(set: &[(&str, &str)]) -> Properties {
    set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_nearest_layer_decides() {
    let server = properties(&[("retention.ms", "1000"), ("retention.bytes", "3000")]);
    let tenant = properties(&[("retention.ms", "-1")]);
    let topic = properties(&[("retention.bytes", "7"), ("durability", "relaxed")]);
    let none = Properties::new();

    let all = Layers { topic: &topic, tenant: &tenant, server: &server };
    let config = all.evaluate().unwrap();
    assert_eq!((config.retention_ms, config.retention_bytes), (None, Some(7)));
    assert_eq!(all.source("retention.ms"), PropertySource::Tenant);
    assert_eq!(all.source("retention.bytes"), PropertySource::Topic);
    assert_eq!(all.source("durability"), PropertySource::Topic);
    assert_eq!(all.source("cleanup.policy"), PropertySource::Default);

    let inherits = Layers { topic: &none, ..all };
    let config = inherits.evaluate().unwrap();
    assert_eq!((config.retention_ms, config.retention_bytes), (None, Some(3000)));
    assert_eq!(inherits.source("retention.bytes"), PropertySource::Server);
    assert_eq!(Layers { tenant: &none, ..inherits }.evaluate().unwrap().retention_ms, Some(1000));

    let bare = Layers { topic: &none, tenant: &none, server: &none };
    assert_eq!(bare.evaluate().unwrap(), TopicConfig::default());
    assert!(!bare.mention_retention());
    for mentions in [
        Layers { topic: &topic, ..bare },
        Layers { tenant: &tenant, ..bare },
        Layers { server: &server, ..bare },
    ] {
        assert!(mentions.mention_retention());
    }
    let durable = properties(&[("durability", "durable")]);
    assert!(!Layers { topic: &durable, ..bare }.mention_retention());
}

#[test]
fn tenants_have_two_defaults() {
    for name in PROPERTIES {
        let value = TopicConfig::default().value(name).unwrap();
        let checked = check_defaults(&properties(&[(name, &value)]));
        assert_eq!(checked.is_ok(), INHERITED.contains(&name), "{name}");
        if let Err(error) = checked {
            assert!(error.message.contains(name) && error.hint.contains("retention.ms"), "{error:?}");
        }
    }
    let unknown = check_defaults(&properties(&[("retention", "1")])).unwrap_err();
    assert!(unknown.message.contains("unknown"), "{unknown}");
    assert!(check_defaults(&properties(&[("retention.ms", "0")])).is_err());
}
