//! The place of a batch among those of its producer, or of its transaction.

use crate::fields::{invalid, out_of_range};
use levee_proto::v1;
use levee_storage::{ProducerSequence, ProducerSession, TransactionSequence};
use levee_types::limits::{
    DEFAULT_TRANSACTION_TIMEOUT_MS, MAX_TRANSACTION_BATCHES, MAX_TRANSACTION_TIMEOUT_MS,
    MIN_TRANSACTION_TIMEOUT_MS,
};
use levee_types::{LeveeError, ProducerId};

pub(super) fn to_producer(
    producer: v1::ProducerSequence,
    records: u32,
) -> Result<ProducerSequence, LeveeError> {
    let v1::ProducerSequence { producer_id, epoch, sequence } = producer;
    if sequence.checked_add(u64::from(records)).is_none() {
        return Err(invalid(
            "producer.sequence",
            "it leaves no room for the records of the batch",
            "give the number of records that this producer sent to the partition before; InitProducer begins at 0",
        ));
    }
    Ok(ProducerSequence { producer: ProducerId(producer_id), epoch, sequence })
}

pub(super) fn to_transaction(sequence: v1::TransactionSequence) -> Result<TransactionSequence, LeveeError> {
    let v1::TransactionSequence { producer_id, epoch, number, index, timeout_ms } = sequence;
    let number = transaction_number("transaction.number", number)?;
    if index as usize >= MAX_TRANSACTION_BATCHES {
        return Err(out_of_range("transaction.index", index, 0, MAX_TRANSACTION_BATCHES - 1));
    }
    let timeout_ms = match timeout_ms {
        0 => DEFAULT_TRANSACTION_TIMEOUT_MS,
        MIN_TRANSACTION_TIMEOUT_MS..=MAX_TRANSACTION_TIMEOUT_MS => timeout_ms,
        _ => {
            let (from, to) = (MIN_TRANSACTION_TIMEOUT_MS, MAX_TRANSACTION_TIMEOUT_MS);
            return Err(out_of_range("transaction.timeout_ms", timeout_ms, from, to));
        }
    };
    let session = ProducerSession { producer: ProducerId(producer_id), epoch };
    Ok(TransactionSequence { session, number, index, timeout_ms })
}

/// The number of a transaction.
pub(in crate::services) fn transaction_number(field: &str, number: u64) -> Result<u64, LeveeError> {
    match number {
        0 => Err(invalid(field, "it is missing or 0", "count the transactions of the producer from 1")),
        number => Ok(number),
    }
}
