//! What was published stays: numbers, types and names of fields, values of enums, methods of services.
//!
//! `golden/levee.v1.txt` has a line for each. A line may be added, by an addition to `proto/`; none may go.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use levee_proto::{FILE_DESCRIPTOR_SET, v1};
use levee_types::ErrorCode;
use levee_types::acl::{AclOperation, Effect};
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::collections::BTreeSet;

const GOLDEN: &str = include_str!("golden/levee.v1.txt");
const FILE: &str = "crates/levee-proto/tests/golden/levee.v1.txt";

/// The published protocol, a line for each thing that a client may rely on.
fn current() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut lines = BTreeSet::new();
    for file in set.file.iter().filter(|file| file.package().starts_with("levee.")) {
        let package = file.package();
        file.message_type.iter().for_each(|message| add_message(&mut lines, package, message));
        file.enum_type.iter().for_each(|item| add_enum(&mut lines, package, item));
        for service in &file.service {
            for method in &service.method {
                let stream = |is_stream: bool| if is_stream { "stream " } else { "" };
                lines.insert(format!(
                    "rpc {package}.{}.{} ({}{}) returns ({}{})",
                    service.name(),
                    method.name(),
                    stream(method.client_streaming()),
                    method.input_type().trim_start_matches('.'),
                    stream(method.server_streaming()),
                    method.output_type().trim_start_matches('.'),
                ));
            }
        }
    }
    lines
}

fn add_message(lines: &mut BTreeSet<String>, scope: &str, message: &DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    lines.insert(format!("message {name}"));
    for field in &message.field {
        let oneof = field
            .oneof_index
            .filter(|_| !field.proto3_optional())
            .map(|index| format!(" in {}", message.oneof_decl[usize::try_from(index).unwrap()].name()))
            .unwrap_or_default();
        lines.insert(format!("field {name} {} {}: {}{oneof}", field.number(), field.name(), type_of(field)));
    }
    message.nested_type.iter().for_each(|inner| add_message(lines, &name, inner));
    message.enum_type.iter().for_each(|inner| add_enum(lines, &name, inner));
}

fn add_enum(lines: &mut BTreeSet<String>, scope: &str, item: &EnumDescriptorProto) {
    for value in &item.value {
        lines.insert(format!("value {scope}.{} {} {}", item.name(), value.number(), value.name()));
    }
}

fn type_of(field: &FieldDescriptorProto) -> String {
    let label = match field.label() {
        Label::Repeated => "repeated ",
        Label::Optional | Label::Required if field.proto3_optional() => "optional ",
        Label::Optional | Label::Required => "",
    };
    let scalar = match field.r#type() {
        Type::Message | Type::Enum | Type::Group => field.type_name().trim_start_matches('.').to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    format!("{label}{scalar}")
}

fn golden() -> BTreeSet<String> {
    let lines = GOLDEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[test]
fn nothing_that_was_published_is_changed() {
    let current = current();
    let gone: Vec<_> = golden().into_iter().filter(|line| !current.contains(line)).collect();
    assert!(
        gone.is_empty(),
        "proto/ changes only by addition: clients that were built before go on using these, and what they \
         stored is read by them. Put back, with the same numbers, names and types:\n{}\nWhat is wanted \
         otherwise gets a new number beside them, or a new package, levee.v2.",
        gone.join("\n")
    );
}

#[test]
fn what_was_added_is_written_down() {
    let golden = golden();
    let new: Vec<_> = current().into_iter().filter(|line| !golden.contains(line)).collect();
    assert!(
        new.is_empty(),
        "proto/ has something new. If it is to be published as it is, add these lines to {FILE}, so that they \
         are guarded from now on:\n{}",
        new.join("\n")
    );
}

#[test]
fn error_codes_are_those_of_the_protocol() {
    for code in ErrorCode::ALL {
        let sent = v1::ErrorCode::try_from(code as i32).expect("a code of the protocol");
        assert_eq!(sent.as_str_name(), format!("ERROR_CODE_{}", code.as_str()));
    }
    let published = golden().iter().filter(|line| line.starts_with("value levee.v1.ErrorCode ")).count();
    // Without ERROR_CODE_UNSPECIFIED.
    assert_eq!(ErrorCode::ALL.len(), published - 1, "a code of the protocol is missing in levee_types");
}

#[test]
fn operations_and_effects_of_access_rules_are_those_of_the_protocol() {
    for operation in AclOperation::ALL {
        let sent = v1::AclOperation::try_from(operation as i32).expect("an operation of the protocol");
        assert_eq!(sent.as_str_name(), format!("ACL_OPERATION_{}", operation.name().to_uppercase()));
    }
    for effect in Effect::ALL {
        let sent = v1::AclEffect::try_from(effect as i32).expect("an effect of the protocol");
        assert_eq!(sent.as_str_name(), format!("ACL_EFFECT_{effect:?}").to_uppercase());
    }
    let current = current();
    let values =
        |of: &str| current.iter().filter(|line| line.starts_with(&format!("value levee.v1.{of} "))).count();
    // Without the unspecified ones.
    assert_eq!(AclOperation::ALL.len(), values("AclOperation") - 1, "one is missing in levee_types");
    assert_eq!(Effect::ALL.len(), values("AclEffect") - 1, "one is missing in levee_types");
}
