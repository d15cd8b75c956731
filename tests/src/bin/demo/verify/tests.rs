use super::*;

fn flight(row: u64, key: &'static str) -> Flight {
    Flight {
        row,
        key: (!key.is_empty()).then(|| Bytes::from_static(key.as_bytes())),
        value: Bytes::from(format!("{{\"flight\":{row}}}")),
        timestamp_ms: 0,
    }
}

fn at(partition: u32, offset: u64) -> Place {
    Place { partition, offset }
}

/// Three flights, two of them of one plane, with the log that they should give.
fn good() -> (Vec<Flight>, Vec<Option<Place>>, Vec<Stored>) {
    let flights = vec![flight(1, "N1"), flight(2, ""), flight(5, "N1")];
    let places = [at(0, 0), at(1, 0), at(0, 1)];
    let stored =
        [0, 2, 1].map(|i: usize| Stored { place: places[i], flight: Some(flights[i].clone()) }).to_vec();
    (flights, places.map(Some).to_vec(), stored)
}

#[test]
fn a_faithful_log_is_clean() {
    let (flights, acked, stored) = good();
    let verdict = verify(&flights, &acked, &stored);
    assert!(verdict.is_clean(), "{verdict:?}");
    assert_eq!((verdict.sent, verdict.acked, verdict.read), (3, 3, 3));
}

#[test]
fn an_acked_record_that_is_missing_is_lost() {
    let (flights, acked, mut stored) = good();
    stored.pop();
    let verdict = verify(&flights, &acked, &stored);
    assert_eq!((verdict.lost, verdict.is_clean()), (1, false));
    assert!(verdict.examples[0].contains("row 2"));
}

#[test]
fn a_record_without_acknowledgement_is_not_lost_but_not_clean() {
    let (flights, mut acked, mut stored) = good();
    acked[1] = None;
    stored.pop();
    let verdict = verify(&flights, &acked, &stored);
    assert_eq!((verdict.lost, verdict.is_clean()), (0, false));
}

#[test]
fn a_record_that_is_there_twice_is_duplicated() {
    let (flights, acked, mut stored) = good();
    stored.push(Stored { place: at(1, 1), flight: Some(flights[1].clone()) });
    let verdict = verify(&flights, &acked, &stored);
    assert_eq!((verdict.duplicated, verdict.differing), (1, 0));
}

#[test]
fn a_changed_byte_key_or_timestamp_differs() {
    let changes: [fn(&mut Flight); 3] = [
        |flight| flight.value = Bytes::from_static(b"{}"),
        |flight| flight.key = None,
        |flight| flight.timestamp_ms = 1,
    ];
    for change in changes {
        let (flights, acked, mut stored) = good();
        change(stored[0].flight.as_mut().unwrap());
        let verdict = verify(&flights, &acked, &stored);
        assert_eq!((verdict.differing, verdict.lost), (1, 0));
    }
}

#[test]
fn a_record_that_nobody_sent_differs() {
    let (flights, acked, mut stored) = good();
    stored.push(Stored { place: at(1, 1), flight: None });
    stored.push(Stored { place: at(1, 2), flight: Some(flight(99, "")) });
    assert_eq!(verify(&flights, &acked, &stored).differing, 2);
}

#[test]
fn a_record_at_another_offset_than_acked_differs() {
    let (flights, acked, mut stored) = good();
    stored[2].place = at(1, 7);
    assert_eq!(verify(&flights, &acked, &stored).differing, 1);
}

#[test]
fn a_record_that_was_overtaken_differs() {
    let (flights, acked, mut stored) = good();
    let acked = [acked[2], acked[1], acked[0]];
    stored[0].flight = Some(flights[2].clone());
    stored[1].flight = Some(flights[0].clone());
    assert_eq!(verify(&flights, &acked, &stored).differing, 1);
}

#[test]
fn a_key_in_two_partitions_differs() {
    let (flights, mut acked, mut stored) = good();
    stored[1].place = at(2, 0);
    acked[2] = Some(at(2, 0));
    assert_eq!(verify(&flights, &acked, &stored).differing, 1);
}
