use super::{FileError, TenantFileReader, TenantFileWriter};
use levee_proto::v1;
use levee_proto::v1::tenant_part::Kind;
use levee_types::limits::MAX_TRANSFER_BYTES;

/// A file as version 1 was first written.
const GOLDEN: &[u8] = include_bytes!("golden/v1.tenant");

fn frame(kinds: Vec<Kind>) -> v1::TenantParts {
    v1::TenantParts { parts: kinds.into_iter().map(|kind| v1::TenantPart { kind: Some(kind) }).collect() }
}

/// One part of each kind.
fn frames() -> Vec<v1::TenantParts> {
    let quota =
        v1::Quota { dimension: 6, limit: Some(1 << 30), burst: None, soft_percent: Some(70), action: 2 };
    let header = v1::ExportHeader {
        format: 1,
        tenant: "acme".into(),
        plan: "team".into(),
        state: v1::TenantState::ReadOnly.into(),
        exported_ms: 1_700_000_000_000,
        quotas: vec![quota],
        topic_defaults: std::collections::HashMap::new(),
    };
    let name = "URI:spiffe://example.org/a".to_owned();
    let user = v1::User {
        name: "ada".into(),
        admin: true,
        disabled: true,
        groups: vec!["eu".into()],
        certificates: vec![name.clone()],
        created_ms: 1,
    };
    let rule = v1::AclRule {
        id: 7,
        effect: 1,
        subject: Some(v1::AclSubject { kind: Some(v1::acl_subject::Kind::User("ada".into())) }),
        operations: vec![1, 2],
        topics: Some(v1::TopicPattern { kind: Some(v1::topic_pattern::Kind::Prefix("or".into())) }),
        created_ms: 2,
        groups: None,
    };
    let config = [("retention.ms".to_owned(), "1000".to_owned())].into();
    let spec = v1::TopicSpec { name: "orders".into(), partitions: 2, config };
    let part = Some(v1::exported_quotas::Part::Topic("orders".into()));
    let partition = v1::ExportedPartition {
        topic: "orders".into(),
        partition: 1,
        start_offset: 6,
        first_offset: 5,
        end_offset: 8,
    };
    let batch = v1::ExportedBatch {
        base_offset: 5,
        record_count: 3,
        append_time_ms: 1_600_000_000_000,
        batch_crc32c: 0x0102_0304,
        batch: vec![1, 2, 3].into(),
    };
    let counts = v1::TransferCounts {
        users: 1,
        rules: 1,
        quotas: 1,
        topics: 1,
        partitions: 1,
        batches: 1,
        records: 3,
        batch_bytes: 3,
        groups: 0,
    };
    vec![
        frame(vec![
            Kind::Header(header),
            Kind::Certificates(v1::CertificateNames { names: vec![name] }),
            Kind::User(user),
            Kind::Rule(rule),
            Kind::Topic(v1::ExportedTopic { topic: Some(spec), created_ms: 3 }),
            Kind::Quotas(v1::ExportedQuotas { part, quotas: vec![quota] }),
        ]),
        frame(vec![Kind::Partition(partition), Kind::Batch(batch)]),
        frame(vec![Kind::End(v1::ExportEnd { counts: Some(counts) })]),
    ]
}

fn written() -> Vec<u8> {
    let mut writer = TenantFileWriter::new(Vec::new()).unwrap();
    for parts in frames() {
        writer.write(&parts).unwrap();
    }
    writer.into_inner()
}

/// How many frames can be read, and what comes then.
fn read(bytes: &[u8]) -> (usize, Result<(), String>) {
    let mut reader = match TenantFileReader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (0, Err(error.to_string())),
    };
    for count in 0.. {
        match reader.read() {
            Ok(Some(_)) => {}
            Ok(None) => return (count, Ok(())),
            Err(error) => return (count, Err(error.to_string())),
        }
    }
    unreachable!("files have an end");
}

#[test]
fn version_1_is_pinned() {
    assert_eq!(written(), GOLDEN, "the format has changed: it needs another version");
    let mut reader = TenantFileReader::new(GOLDEN).unwrap();
    for parts in frames() {
        assert_eq!(reader.read().unwrap(), Some(parts));
    }
    assert_eq!(reader.read().unwrap(), None);
}

#[test]
fn a_file_that_is_cut_anywhere_ends_early_or_is_told_to_be() {
    let whole = written();
    for length in 0..whole.len() {
        let (frames, outcome) = read(&whole[..length]);
        assert!(frames < 3, "{length}: nothing is missing");
        if let Err(error) = outcome {
            assert!(error.contains("cut off") || error.contains("not the export"), "{length}: {error}");
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let whole = written();
    for position in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[position] ^= 1 << bit;
            assert!(read(&bytes).1.is_err(), "byte {position}, bit {bit}");
        }
    }
}

#[test]
fn other_versions_and_other_files_are_told_apart() {
    let mut later = written();
    later[8] = 2;
    assert!(matches!(TenantFileReader::new(&later[..]), Err(FileError::Version(2))));
    assert!(matches!(TenantFileReader::new(&b"{\"tenant\": \"acme\"}"[..]), Err(FileError::NotAnExport)));
    assert!(matches!(TenantFileReader::new(&b""[..]), Err(FileError::NotAnExport)));
}

#[test]
fn lengths_are_believed_within_the_limit_only() {
    let mut writer = TenantFileWriter::new(Vec::new()).unwrap();
    assert!(writer.write(&v1::TenantParts::default()).is_err());
    let batch = v1::ExportedBatch { batch: vec![0; MAX_TRANSFER_BYTES].into(), ..Default::default() };
    assert!(writer.write(&frame(vec![Kind::Batch(batch)])).is_err());
    let mut bytes = writer.into_inner();
    bytes.extend([0xff; 8]);
    let (frames, outcome) = read(&bytes);
    assert_eq!(frames, 0);
    assert!(outcome.unwrap_err().contains("no frame has this length"));
}
