use super::*;
use crate::failure::Exit;
use levee_client::SystemClock;
use std::time::Duration;

fn partitions(place: Place, partitions: u32, only: Option<u32>) -> Result<Vec<u32>, Failure> {
    let positions = place.positions("orders", partitions, only, &SystemClock::new())?;
    Ok(positions.iter().map(|position| position.partition).collect())
}

#[test]
fn places() {
    for (text, place) in [
        ("start", Place::Start),
        ("end", Place::End),
        ("0", Place::Offset(0)),
        ("18446744073709551615", Place::Offset(u64::MAX)),
        ("-1h", Place::Since(Moment::Ago(Duration::from_secs(3600)))),
        ("-90s", Place::Since(Moment::Ago(Duration::from_secs(90)))),
        ("2013-01-01T10:00:00Z", Place::Since(Moment::At(1_357_034_400_000))),
    ] {
        assert_eq!(text.parse(), Ok(place), "{text}");
    }
    for text in ["", "-", "-1", "1h", "begin", "18446744073709551616", "2013-01-01", "1.5", "now"] {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}

#[test]
fn all_partitions_unless_one_is_named() {
    assert_eq!(partitions(Place::Start, 3, None).unwrap(), [0, 1, 2]);
    assert_eq!(partitions(Place::Start, 3, Some(1)).unwrap(), [1]);
    assert_eq!(partitions(Place::Offset(7), 1, None).unwrap(), [0]);
}

#[test]
fn an_offset_needs_its_partition_and_a_partition_must_exist() {
    assert_eq!(partitions(Place::Offset(7), 3, None).unwrap_err().exit, Exit::Usage);
    assert_eq!(partitions(Place::End, 3, Some(3)).unwrap_err().exit, Exit::NotFound);
}

#[test]
fn ago_counts_back_from_now() {
    let clock = SystemClock::new();
    let before = clock.unix_ms();
    let positions =
        Place::Since(Moment::Ago(Duration::from_secs(60))).positions("orders", 1, None, &clock).unwrap();
    let StartAt::Timestamp(from) = positions[0].from else { panic!("not a time") };
    assert!((before - 60_000..=clock.unix_ms() - 60_000).contains(&from));
}
