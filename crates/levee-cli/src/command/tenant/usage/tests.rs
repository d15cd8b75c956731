use super::*;
use crate::moment::Moment;

fn used(hour_ms: i64, factor: u64) -> HourlyUsage {
    HourlyUsage {
        hour_ms,
        bytes_in: 2048 * factor,
        records_in: 2 * factor,
        stored_byte_hours: 1.5 * factor as f64,
        bytes_out: 4 * factor,
        records_out: 5 * factor,
        requests: 6 * factor,
        peak_connections: 7 * factor,
    }
}

#[test]
fn hours_add_up_but_for_the_connections() {
    let total = total(&[used(0, 1), used(3_600_000, 3), used(7_200_000, 2)]);
    assert_eq!(total, HourlyUsage { peak_connections: 21, ..used(0, 6) });
}

#[test]
fn comma_separated_values() {
    let text = csv("acme", &[used(0, 1), used(3_600_000, 3)]);
    assert_eq!(
        text,
        "tenant,hour,bytes_in,records_in,stored_byte_hours,bytes_out,records_out,requests,peak_connections\n\
         acme,1970-01-01T00:00:00Z,2048,2,1.5,4,5,6,7\n\
         acme,1970-01-01T01:00:00Z,6144,6,4.5,12,15,18,21\n"
    );
}

#[test]
fn programs_get_integers_and_times() {
    let spans = Spans::new(Moment::At(1), Moment::At(2), 0).unwrap();
    let view = show("acme", &spans, &[used(0, 1)]);
    let usage = &view.json["usage"];
    assert_eq!(usage["to"], json!("1970-01-01T01:00:00Z"));
    assert_eq!(
        usage["hours"],
        json!([{
            "hour": "1970-01-01T00:00:00Z",
            "bytes_in": 2048,
            "records_in": 2,
            "stored_byte_hours": 1.5,
            "bytes_out": 4,
            "records_out": 5,
            "requests": 6,
            "peak_connections": 7,
        }])
    );
    assert_eq!(usage["total"]["bytes_in"], json!(2048));
}
