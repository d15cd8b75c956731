use super::*;

const HEAD: &str = "year,month,day,dep_time,carrier,flight,tailnum,origin,dest,minute,time_hour\n";

fn parsed(rows: &str) -> Result<Flights> {
    parse(format!("{HEAD}{rows}").as_bytes())
}

#[test]
fn a_row_becomes_json_with_every_column() {
    let flights = parsed("2013,1,1,517,UA,1545,N14228,EWR,IAH,15,2013-01-01T10:00:00Z\n").unwrap();
    let flight = &flights["UA"][0];
    let expected = concat!(
        r#"{"year":2013,"month":1,"day":1,"dep_time":517,"carrier":"UA","flight":1545,"tailnum":"N14228","#,
        r#""origin":"EWR","dest":"IAH","minute":15,"time_hour":"2013-01-01T10:00:00Z"}"#,
    );
    assert_eq!(flight.value, expected);
    assert_eq!(flight.key.as_deref(), Some(&b"N14228"[..]));
    assert_eq!(flight.timestamp_ms, 1_357_035_300_000);
    assert_eq!(flight.row, 1);
}

#[test]
fn what_is_not_available_is_null_and_no_key() {
    let flights = parsed(
        "2013,1,1,NA,UA,1545,NA,EWR,IAH,15,2013-01-01T10:00:00Z\n\
         2013,1,1,NA,UA,1546,,EWR,IAH,15,2013-01-01T10:00:00Z\n",
    )
    .unwrap();
    for flight in &flights["UA"] {
        let value: serde_json::Value = serde_json::from_slice(&flight.value).unwrap();
        assert!(value["dep_time"].is_null() && value["tailnum"].is_null());
        assert_eq!(flight.key, None);
    }
}

#[test]
fn rows_are_grouped_by_carrier_in_their_order() {
    let flights = parsed(
        "2013,1,1,1,UA,1,N1,EWR,IAH,15,2013-01-01T10:00:00Z\n\
         2013,1,1,1,AA,2,N2,EWR,IAH,15,2013-01-01T10:00:00Z\n\
         2013,1,1,1,UA,3,N3,EWR,IAH,15,2013-01-01T10:00:00Z\n",
    )
    .unwrap();
    let rows = |carrier: &str| flights[carrier].iter().map(|flight| flight.row).collect::<Vec<_>>();
    assert_eq!((rows("UA"), rows("AA")), (vec![1, 3], vec![2]));
}

#[test]
fn bad_input_is_named_with_its_row() {
    for (row, expected) in [
        ("2013,1,1,x,UA,1,N1,EWR,IAH,15,2013-01-01T10:00:00Z\n", "row 1: dep_time is not a number"),
        ("2013,1,1,1,UA,1,N1,EWR,IAH,15,yesterday\n", "row 1: "),
        ("2013,1,1\n", "found record with 3 fields"),
    ] {
        let error = parsed(row).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = parse("year,month\n2013,1\n".as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "there is no column carrier");
}

#[test]
fn a_flight_survives_being_a_record() {
    let flights = parsed("2013,1,1,517,UA,1545,N14228,EWR,IAH,15,2013-01-01T10:00:00Z\n").unwrap();
    let flight = &flights["UA"][0];
    assert_eq!(Flight::from_record(&flight.to_record(), flight.timestamp_ms).as_ref(), Some(flight));
    let foreign = Record { headers: Vec::new(), ..flight.to_record() };
    assert_eq!(Flight::from_record(&foreign, 0), None);
}

#[test]
fn the_month_of_the_demo_is_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/flights-2013-01.csv.gz");
    let flights = read(&path).unwrap();
    assert_eq!(flights.values().map(Vec::len).sum::<usize>(), 27_004);
    assert_eq!(flights.len(), 16);
    for carrier in flights.keys() {
        assert!(crate::airline::name(carrier).is_some(), "{carrier} has no name");
    }
}
