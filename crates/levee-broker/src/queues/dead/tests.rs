use super::{Grave, Letters, letters};
use bytes::Bytes;
use levee_groups::queue::{Cause, Dead};
use levee_proto::{batch, v1};
use levee_types::limits::{MAX_BATCH_BYTES, MAX_HEADERS};
use levee_types::{ErrorCode, TopicName};

fn record(value: usize, headers: usize) -> v1::Record {
    let header = |index| v1::RecordHeader { key: format!("h{index}"), value: None };
    v1::Record {
        value: Some(Bytes::from(vec![b'x'; value])),
        headers: (0..headers).map(header).collect(),
        deliver_at_ms: Some(7),
        ..Default::default()
    }
}

/// The records as they arrive in a topic that takes so many bytes, with how many there are.
fn sent(records: &[v1::Record], limit_bytes: usize) -> Result<Vec<v1::Record>, ErrorCode> {
    let topic = TopicName::new("orders").unwrap();
    let dead = Dead { deliveries: 3, cause: Cause::Expired };
    let grave = |offset| Grave { topic: &topic, partition: 4, offset, group: "work", dead: &dead };
    let with_graves: Vec<_> = (0..).map(grave).zip(records).collect();
    let Letters { batch, checked, count } = letters(&with_graves, limit_bytes).map_err(|error| error.code)?;
    assert!(batch.len() <= limit_bytes && checked.records as usize == count);
    let sent: Vec<_> = batch::decode(&batch).unwrap().into_iter().map(|(_, record)| record).collect();
    for (sent, record) in sent.iter().zip(records) {
        assert_eq!((&sent.key, &sent.value), (&record.key, &record.value));
        assert_eq!(sent.headers[..record.headers.len()], record.headers);
        assert_eq!(sent.deliver_at_ms, None);
    }
    Ok(sent)
}

fn ours(record: &v1::Record) -> Vec<&str> {
    record.headers.iter().filter_map(|header| header.key.strip_prefix("levee-dead-")).collect()
}

const ALL: [&str; 6] = ["topic", "partition", "offset", "reason", "deliveries", "group"];

#[test]
fn what_fits_goes_together_and_says_where_it_comes_from() {
    let sent = sent(&[record(10, 0), record(20, 2)], MAX_BATCH_BYTES).unwrap();
    assert_eq!(sent.len(), 2);
    assert_eq!((ours(&sent[0]), ours(&sent[1])), (ALL.to_vec(), ALL.to_vec()));
    assert_eq!(sent[1].headers[4].value.as_deref(), Some(&b"1"[..]), "its offset");
}

#[test]
fn headers_of_ours_give_way_to_those_of_the_record() {
    assert_eq!(ours(&sent(&[record(1, MAX_HEADERS - 2)], MAX_BATCH_BYTES).unwrap()[0]), ALL[..2]);
    assert_eq!(ours(&sent(&[record(1, MAX_HEADERS)], MAX_BATCH_BYTES).unwrap()[0]), [""; 0]);
}

#[test]
fn headers_of_ours_give_way_to_the_size_and_then_it_is_compressed() {
    assert_eq!(sent(&[record(500, 0), record(500, 0)], 800).unwrap().len(), 1, "one by one");
    // Noise, which no compression makes smaller.
    let mut noise = record(0, 0);
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    noise.value = Some((0..500).map(|_| next()).collect());
    let some = sent(std::slice::from_ref(&noise), 580).unwrap();
    assert!((1..6).contains(&ours(&some[0]).len()), "{:?}", ours(&some[0]));
    assert_eq!(sent(std::slice::from_ref(&noise), 510).unwrap()[0].headers, []);
    assert_eq!(sent(&[noise], 400), Err(ErrorCode::TooLarge));
    assert_eq!(ours(&sent(&[record(2_000, 0)], 400).unwrap()[0]), ALL, "it came compressed");
}
