use super::{ErrorCode, LeveeError, PartitionId, StorageError};
use crate::rows::BadRow;
use levee_types::{TenantId, TopicId};

#[test]
fn whatever_fails_has_its_code_and_says_what_to_do() {
    use ErrorCode as C;
    use StorageError as E;
    let partition = PartitionId { tenant: TenantId(1), topic: TopicId(1), partition: 0 };
    let reason = || "pwritev: 5".to_owned();
    let errors = [
        (E::NoTenant, C::NotFound),
        (E::NoTopic, C::NotFound),
        (E::OffsetOutOfRange { offset: 9, start: 0, end: 1 }, C::OffsetOutOfRange),
        (E::OffsetMismatch { expected: 1, current: 2 }, C::OffsetMismatch),
        (E::OutOfOrderSequence { sequence: 9, expected: 1 }, C::OutOfOrderSequence),
        (E::OutOfOrderBatch { index: 9, expected: 1 }, C::OutOfOrderSequence),
        (E::OutOfOrderTransaction { number: 9, expected: 1 }, C::OutOfOrderSequence),
        (E::TransactionEnded { number: 9 }, C::DuplicateSequence),
        (E::TransactionAborted, C::TransactionAborted),
        (E::DuplicateSequence { sequence: 9 }, C::DuplicateSequence),
        (E::ProducerFenced { epoch: 1, current: 2 }, C::ProducerFenced),
        (E::UnknownProducer, C::UnknownProducer),
        (E::LimitExceeded { what: "tenants", limit: 9 }, C::LimitExceeded),
        (E::Full { reason: reason(), is_certain: true }, C::StorageFull),
        (E::Full { reason: reason(), is_certain: false }, C::StorageFailed),
        (E::Failed { reason: reason() }, C::StorageFailed),
        (E::Stopping, C::Unavailable),
        (E::Damaged { partition, offset: 9, segment: 1, position: 77 }, C::DataCorrupt),
        (E::Unreadable { reason: reason() }, C::Unavailable),
        (E::Row(BadRow), C::DataCorrupt),
    ];
    for (error, code) in errors {
        let told = LeveeError::from(error);
        assert_eq!(told.code, code, "{told:?}");
        assert!(!told.message.is_empty() && !told.hint.is_empty(), "{told:?}");
        // What the disk holds where is for the log.
        assert!(!told.message.contains("pwritev") && !told.message.contains("77"), "{told:?}");
    }
    let lost = LeveeError::from(E::OffsetMismatch { expected: 1, current: 2 });
    assert_eq!(lost.current_offset, Some(2));
    let invalid = LeveeError::new(C::TooLarge, "a").with_hint("b");
    assert_eq!(LeveeError::from(E::Invalid(invalid.clone())), invalid);
}
