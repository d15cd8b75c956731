use super::{Access, Operation};
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet};
use std::collections::BTreeMap;

fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(levee_proto::FILE_DESCRIPTOR_SET).unwrap()
}

#[test]
fn every_call_of_the_protocol_is_classified() {
    let mut published = BTreeMap::new();
    for file in descriptors().file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                published.insert(path, method.client_streaming() || method.server_streaming());
            }
        }
    }
    let classified: BTreeMap<_, _> =
        Operation::ALL.iter().map(|operation| (operation.path().to_owned(), operation.is_stream())).collect();
    assert_eq!(classified, published);
    assert_eq!(classified.len(), Operation::ALL.len());
}

#[test]
fn paths_find_their_operation_and_nothing_else_does() {
    for (index, operation) in Operation::ALL.into_iter().enumerate() {
        assert_eq!(operation as usize, index);
        assert_eq!(Operation::of_path(operation.path()), Some(operation));
    }
    for path in
        ["", "/", "levee.v1.ReadService/Read", "/levee.v1.ReadService/Read/", "/levee.v1.readservice/Read"]
    {
        assert_eq!(Operation::of_path(path), None);
    }
}

#[test]
fn no_message_of_the_data_plane_has_a_tenant() {
    let set = descriptors();
    let messages: BTreeMap<String, DescriptorProto> = set
        .file
        .iter()
        .flat_map(|file| {
            let package = file.package().to_owned();
            file.message_type
                .iter()
                .map(move |message| (format!(".{package}.{}", message.name()), message.clone()))
        })
        .collect();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let operation = Operation::of_path(&path).unwrap();
                let has_tenant = mentions_tenant(&messages, method.input_type());
                match operation.access() {
                    Access::Data(_) | Access::Caller => assert!(!has_tenant, "{path}"),
                    Access::Topics(_) | Access::Groups(_) => assert!(has_tenant, "{path}"),
                    Access::Administration => {
                        assert!(has_tenant || operation == Operation::GetTenant, "{path}");
                    }
                    Access::Node => {}
                }
            }
        }
    }
}

fn mentions_tenant(messages: &BTreeMap<String, DescriptorProto>, name: &str) -> bool {
    messages.get(name).is_some_and(|message| {
        message
            .field
            .iter()
            .any(|field| field.name().contains("tenant") || mentions_tenant(messages, field.type_name()))
    })
}

#[test]
fn what_only_reads_is_no_change() {
    for operation in Operation::ALL {
        let name = operation.path().rsplit('/').next().unwrap();
        let data =
            ["Read", "Produce", "InitProducer", "CommitTransaction", "AbortTransaction", "Consume", "Work"];
        let reads = ["Get", "List", "Test", "Explain", "WhoAmI", "Export", "Scan", "Watch", "Verify"];
        let reads = reads.into_iter().chain(data);
        let is_read = reads.into_iter().any(|verb| name.starts_with(verb));
        assert_eq!(operation.is_change(), !is_read, "{name}");
    }
}
