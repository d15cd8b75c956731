//! A call has one path. Whatever looks like it is nothing, so that nothing can be decided on one path and done on
//! another.

use crate::harness::Broker;
use crate::matrix::{published, table};
use crate::wire::Caller;
use tonic::Code;

/// Paths that are nearly this one.
fn nearly(path: &str) -> Vec<String> {
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap();
    vec![
        format!("/{path}"),
        format!("{path}/"),
        format!("/{service}//{method}"),
        format!("/{service}%2f{method}"),
        format!("/{service}%2F{method}"),
        format!("/%6ceve{}", &path[5..]),
        format!("/{service}/./{method}"),
        format!("/{service}/../{service}/{method}"),
        format!("/{service};/{method}"),
        path.to_lowercase(),
        path.to_uppercase(),
        format!("/{service}/{}", method.to_lowercase()),
        format!("/{method}"),
        format!("/{service}"),
        format!("/{service}/{method}s"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nearly_the_path_of_a_call_is_nothing() {
    let broker = Broker::start().await;
    broker.make("acme", "orders", 1).await;
    let tenant = Caller::new(&broker, "Dev tenant acme").await;
    let operator = Caller::new(&broker, "").await;
    let mut paths: Vec<_> = published().iter().flat_map(|path| nearly(path)).collect();
    paths.extend(["/", "/levee.v1.Nothing/GetStatus", "/levee.v1.ClusterService/Nothing"].map(str::to_owned));
    // Reflection is off.
    paths.push("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".to_owned());
    for path in paths {
        for caller in [&tenant, &operator] {
            let answer = caller.call(&path, &[vec![]], &[]).await;
            assert_eq!(answer.status().code(), Code::Unimplemented, "{path}");
            assert!(answer.head.contains_key("levee-request-id"), "{path}");
        }
    }
    // So that it is the path that makes the difference.
    for path in published() {
        let message = (table::of(&path).message)("acme", "1");
        let answer = operator.call(&path, &[message], &[]).await;
        assert_ne!(answer.status().code(), Code::Unimplemented, "{path}");
    }
    broker.stop().await;
}
