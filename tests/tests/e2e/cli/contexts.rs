//! `levee context`

use super::Desk;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contexts_name_the_server_and_the_tenant() {
    let desk = Desk::with_orders("2").await;
    let endpoint = desk.broker.endpoint();
    let add = ["context", "add", "local", "--endpoint", endpoint.as_str(), "--tenant", "acme"];
    let local = json!({
        "name": "local", "current": true, "endpoint": endpoint, "tenant": "acme",
        "token_file": null, "ca_file": null, "cert_file": null, "key_file": null,
    });
    assert_eq!(desk.json(&add), json!({"context": local, "created": 1}));
    let (said, object) = desk.fails(1, &add);
    assert_eq!(object["error"]["code"], json!("ALREADY_EXISTS"));
    assert!(said.err.contains("hint: remove it with: levee context rm local"), "{said:?}");
    assert_eq!(desk.json(&[&add[..], &["--if-not-exists"]].concat())["created"], json!(0));

    // From here on only the context knows where the broker is.
    let plain = |arguments: &[&str]| {
        let output = desk.levee(arguments).env_remove("LEVEE_ENDPOINT").output().expect("levee runs");
        super::Said::from(output)
    };
    assert_eq!(plain(&["topic", "ls", "-o", "name"]).out, "acme/orders\n");
    assert_eq!(plain(&["topic", "describe", "orders", "-o", "name"]).out, "acme/orders\n");
    assert_eq!(plain(&["context", "show", "-o", "name"]).out, "local\n");

    let away = ["context", "add", "away", "--endpoint", "127.0.0.1:1", "--use"];
    assert!(desk.ok(&away).contains("and is the current one"));
    assert_eq!(plain(&["topic", "ls", "--tenant", "acme"]).code, 1);
    assert_eq!(plain(&["topic", "ls", "--context", "local"]).code, 0);
    assert_eq!(desk.json(&["context", "use", "local"]), json!({"context": local}));
    assert_eq!(desk.json(&["context", "describe", "local"]), json!({"context": local}));
    assert!(desk.ok(&["context", "describe", "away"]).contains("http://127.0.0.1:1"));
    assert_eq!(desk.ok(&["context", "ls", "-o", "name"]), "away\nlocal\n");
    assert_eq!(desk.json(&["context", "ls"])["contexts"][1], local);

    assert_eq!(desk.json(&["context", "rm", "away"]), json!({"context": {"name": "away"}, "deleted": 1}));
    for verb in ["rm", "use", "describe"] {
        assert_eq!(desk.fails(3, &["context", verb, "away"]).1["error"]["code"], json!("NOT_FOUND"));
    }
    assert_eq!(desk.json(&["context", "rm", "away", "--if-exists"])["deleted"], json!(0));
    desk.broker.stop().await;
}
