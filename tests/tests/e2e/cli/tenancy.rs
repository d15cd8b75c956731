//! Tenants, plans, quotas, users, tokens, access rules and the audit log, as operators, administrators and users of a
//! broker with authentication type them.

use super::{Desk, Said};
use levee_tests::files::write_secret;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Levee with this token.
fn run_as(desk: &Desk, token: &PathBuf, arguments: &[&str]) -> Said {
    desk.levee(arguments).env("LEVEE_TOKEN_FILE", token).output().expect("levee runs").into()
}

fn json_as(desk: &Desk, token: &PathBuf, arguments: &[&str]) -> Value {
    let said = run_as(desk, token, &[arguments, &["-o", "json"]].concat());
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}: {said:?}");
    serde_json::from_str(&said.out).expect("one object")
}

/// Issues a token, and keeps it in a file.
fn token(desk: &Desk, arguments: &[&str]) -> PathBuf {
    // It says beside the secret that it is not shown again.
    let said = desk.run(&[&["token", "issue"], arguments].concat());
    assert!(said.code == 0 && said.err.contains("not shown again"), "{said:?}");
    let file = desk.home.path().join(format!("{}.token", arguments.join("-").replace('/', "-")));
    write_secret(&file, &said.out);
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_administer_tenants_plans_and_quotas() {
    let desk = Desk::with_authentication().await;
    desk.ok(&["plan", "create", "team", "ingress=5MB/s", "topics=2"]);
    assert_eq!(desk.ok(&["plan", "ls", "-o", "name"]).lines().filter(|name| *name == "team").count(), 1);
    desk.ok(&["tenant", "create", "acme", "--plan", "team"]);
    let (said, _) = desk.fails(3, &["tenant", "create", "other", "--plan", "nope"]);
    assert!(said.err.contains("levee plan ls"), "{said:?}");
    desk.ok(&["topic", "create", "acme/one"]);
    desk.ok(&["topic", "create", "acme/two"]);
    let (said, _) = desk.fails(5, &["topic", "create", "acme/three"]);
    assert!(said.err.contains("2 topics"), "{said:?}");
    // What the hint says helps, for this tenant and for all of the plan.
    desk.ok(&["quota", "set", "acme", "topics=3"]);
    desk.ok(&["topic", "create", "acme/three"]);
    desk.ok(&["quota", "unset", "acme", "topics"]);
    desk.ok(&["plan", "update", "team", "topics=4"]);
    desk.ok(&["topic", "create", "acme/four"]);
    let quotas = desk.ok(&["quota", "get", "acme"]);
    assert!(quotas.contains("plan") && quotas.contains("topics"), "{quotas}");
    desk.ok(&["quota", "explain", "acme"]);
    desk.ok(&["quota", "simulate", "acme", "ingress=1KB/s"]);
    let (said, _) = desk.fails(2, &["plan", "delete", "team", "--yes"]);
    assert!(said.err.contains("team"), "{said:?}");
    desk.fails(2, &["quota", "set", "acme", "ingress=often"]);
    desk.fails(2, &["quota", "set", "acme", "speed=5"]);

    desk.ok(&["tenant", "rename", "acme", "acme-corp"]);
    desk.fails(3, &["tenant", "describe", "acme"]);
    desk.ok(&["tenant", "suspend", "acme-corp", "--mode", "read-only"]);
    assert!(desk.ok(&["tenant", "describe", "acme-corp"]).contains("read-only"));
    desk.ok(&["tenant", "resume", "acme-corp"]);
    desk.ok(&["tenant", "delete", "acme-corp", "--grace", "7d", "--yes"]);
    assert!(desk.ok(&["tenant", "describe", "acme-corp"]).contains("deleting"));
    desk.ok(&["tenant", "undelete", "acme-corp"]);
    assert_eq!(desk.ok(&["topic", "ls", "--tenant", "acme-corp", "-o", "name"]).lines().count(), 4);
    desk.ok(&["tenant", "delete", "acme-corp", "--grace", "0s", "--yes"]);
    desk.ok(&["plan", "delete", "team", "--yes"]);
    let log = desk.ok(&["audit", "ls", "--operator"]);
    for action in ["CreatePlan", "DeletePlan"] {
        assert!(log.contains(action), "no {action} in {log}");
    }
    desk.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_administer_their_own_tenant_and_users_do_what_they_may() {
    let desk = Desk::with_authentication().await;
    for tenant in ["acme", "other"] {
        desk.ok(&["tenant", "create", tenant]);
        desk.ok(&["topic", "create", &format!("{tenant}/orders.eu")]);
    }
    desk.ok(&["user", "create", "--tenant", "acme", "boss", "--admin"]);
    let boss = token(&desk, &["--tenant", "acme", "--user", "boss"]);
    let by_boss = |arguments: &[&str]| {
        let said = run_as(&desk, &boss, arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}: {said:?}");
        said.out
    };
    assert_eq!(json_as(&desk, &boss, &["user", "whoami"])["caller"]["tenant"], json!("acme"));
    by_boss(&["user", "create", "svc", "--group", "services"]);
    let issue = ["token", "issue", "--user", "svc", "--expires", "30d", "--description", "of the test"];
    let issued = run_as(&desk, &boss, &issue);
    assert_eq!(issued.code, 0, "{issued:?}");
    let svc = desk.home.path().join("svc.token");
    write_secret(&svc, &issued.out);
    by_boss(&[
        "acl",
        "allow",
        "--user-group",
        "services",
        "--ops",
        "produce,consume",
        "--topic",
        "orders.",
        "--prefix",
    ]);
    by_boss(&["acl", "deny", "--user", "svc", "--ops", "consume", "--topic", "orders.secret"]);
    let allowed = by_boss(&["acl", "test", "--user", "svc", "--op", "produce", "--topic", "orders.eu"]);
    assert!(allowed.contains("allowed"), "{allowed}");
    let ask = ["acl", "test", "--user", "svc", "--op", "consume", "--topic", "orders.secret"];
    let denied = run_as(&desk, &boss, &ask);
    assert!(denied.code == 4 && denied.out.contains("rule 2 decides"), "{denied:?}");
    let ask = ["acl", "test", "--user", "svc", "--op", "consume", "--group", "billing.eu"];
    assert_eq!(run_as(&desk, &boss, &ask).code, 4, "rules about topics say nothing about groups");
    by_boss(&["acl", "allow", "--user", "svc", "--ops", "consume", "--group", "billing.", "--prefix"]);
    let allowed = by_boss(&ask);
    assert!(allowed.contains("rule 3 decides"), "{allowed}");
    assert!(by_boss(&["acl", "ls"]).contains("group:billing.*"));
    let produce = run_as(
        &desk,
        &boss,
        &["acl", "allow", "--user", "svc", "--ops", "produce,consume", "--group", "billing"],
    );
    assert!(
        produce.code == 2 && produce.err.contains("no such operation on a group: produce"),
        "{produce:?}"
    );
    by_boss(&["acl", "rm", "3", "--yes"]);

    for (user, arguments, code) in [
        (&svc, &["topic", "describe", "orders.eu"][..], 0),
        (&svc, &["topic", "create", "orders.new"], 4),
        (&svc, &["user", "ls"], 4),
        (&svc, &["tenant", "ls"], 4),
        (&boss, &["tenant", "ls"], 4),
        (&boss, &["tenant", "create", "mine"], 4),
        (&boss, &["quota", "set", "acme", "topics=1000000"], 4),
        (&boss, &["topic", "describe", "other/orders.eu"], 3),
        (&boss, &["user", "ls", "--tenant", "other"], 3),
    ] {
        let said = run_as(&desk, user, arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
        assert!(!said.out.contains("orders.eu") || code == 0, "{said:?}");
    }
    let log = by_boss(&["audit", "ls"]);
    for event in ["CreateUser", "IssueToken", "CreateAclRules"] {
        assert!(log.contains(event), "no {event} in {log}");
    }
    assert_eq!(by_boss(&["audit", "tail", "-n", "1"]).lines().count(), 1);
    assert!(by_boss(&["tenant", "usage"]).contains("REQUESTS"));
    assert!(by_boss(&["tenant", "usage", "--csv"]).contains("bytes_in"));

    let rules = json_as(&desk, &boss, &["acl", "ls"])["rules"].as_array().expect("a list").clone();
    assert_eq!(rules.len(), 2, "{rules:?}");
    by_boss(&["acl", "rm", &rules[0]["id"].to_string(), "--yes"]);
    assert_eq!(run_as(&desk, &svc, &["topic", "describe", "orders.eu"]).code, 4);
    let tokens = json_as(&desk, &boss, &["token", "ls", "--user", "svc"])["tokens"]
        .as_array()
        .expect("a list")
        .clone();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    by_boss(&["token", "revoke", tokens[0]["id"].as_str().expect("an id"), "--yes"]);
    assert_eq!(run_as(&desk, &svc, &["user", "whoami"]).code, 4);
    by_boss(&["user", "disable", "svc"]);
    by_boss(&["user", "enable", "svc"]);
    by_boss(&["user", "delete", "svc", "--yes"]);
    assert_eq!(by_boss(&["user", "ls", "-o", "name"]), "boss\n");
    desk.broker.stop().await;
}
