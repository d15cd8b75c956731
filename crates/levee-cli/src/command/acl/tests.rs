use super::*;
use crate::access::Operations;
use crate::failure::Exit;
use levee_client::v1::TestAclResponse;
use levee_types::acl::AclOperation;
use serde_json::json;

fn args(topics: &[&str], prefix: bool) -> RuleArgs {
    RuleArgs {
        subjects: SubjectArgs {
            users: vec!["svc".to_owned()],
            user_groups: vec!["devs".to_owned()],
            everyone: true,
        },
        ops: Operations::These(vec![AclOperation::Produce, AclOperation::Trim]),
        resources: ResourceArgs {
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            groups: Vec::new(),
        },
        prefix,
    }
}

fn sentences(effect: AclEffect, args: &RuleArgs) -> Vec<String> {
    rules(effect, args).unwrap().iter().map(show::sentence).collect()
}

#[test]
fn there_is_a_rule_for_each_subject_with_each_topic() {
    assert_eq!(
        sentences(AclEffect::Allow, &args(&["a", "b"], false)),
        [
            "rule 0: allow user svc produce,trim a",
            "rule 0: allow group devs produce,trim a",
            "rule 0: allow everyone produce,trim a",
            "rule 0: allow user svc produce,trim b",
            "rule 0: allow group devs produce,trim b",
            "rule 0: allow everyone produce,trim b",
        ]
    );
    assert_eq!(sentences(AclEffect::Deny, &args(&[""], true))[2], "rule 0: deny everyone produce,trim *");
}

#[test]
fn rules_about_groups_stand_beside_those_about_topics() {
    let resources = ResourceArgs { topics: vec!["orders".to_owned()], groups: vec!["billing.".to_owned()] };
    let ops = Operations::All;
    let args = RuleArgs { resources, ops, ..args(&[], true) };
    let rules = rules(AclEffect::Allow, &args).unwrap();
    assert_eq!(rules.len(), 6);
    assert_eq!(
        show::sentence(&rules[3]),
        "rule 0: allow user svc consume,list,describe,delete,alter group:billing.*"
    );
    assert!(show::sentence(&rules[0]).ends_with(",trim orders*"), "{:?}", rules[0]);
    let json = show::json(&rules[3]);
    assert_eq!(json["groups"], json!({"name": null, "prefix": "billing."}));
    assert_eq!(json["topics"], json!(null));
}

#[test]
fn an_empty_name_is_no_topic_and_a_star_has_a_hint() {
    assert_eq!(rules(AclEffect::Allow, &args(&[""], false)).unwrap_err().exit, Exit::Usage);
    let failure = rules(AclEffect::Allow, &args(&["orders.*"], false)).unwrap_err();
    assert!(failure.hint.contains("--prefix"), "{failure:?}");
}

#[test]
fn a_decision_names_its_rule() {
    let request = TestAclRequest {
        tenant: "acme".to_owned(),
        user: "svc".to_owned(),
        operation: AclOperation::Produce as i32,
        topic: "orders".to_owned(),
        group: String::new(),
    };
    let rule = rules(AclEffect::Deny, &args(&["orders"], false)).unwrap().remove(0);
    let outcome = TestAclResponse { allowed: false, rule: Some(rule), reason: "rule 0 denies".to_owned() };
    let test = &show::tested(&request, &outcome).json["test"];
    assert_eq!((&test["allowed"], &test["operation"]), (&json!(false), &json!("produce")));
    assert_eq!(test["rule"]["subject"], json!({"user": "svc", "user_group": null, "everyone": false}));
    assert_eq!(test["rule"]["effect"], json!("deny"));
    assert_eq!((&test["topic"], &test["group"]), (&json!("orders"), &json!(null)));
}
