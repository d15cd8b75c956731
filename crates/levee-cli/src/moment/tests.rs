use super::*;

#[test]
fn moments() {
    for (text, moment, unix_ms) in [
        ("now", Moment::Now, 100_000),
        ("-24h", Moment::Ago(Duration::from_secs(24 * 3600)), 0),
        ("-90s", Moment::Ago(Duration::from_secs(90)), 10_000),
        ("1970-01-01T00:00:07Z", Moment::At(7_000), 7_000),
        ("1969-01-01T00:00:00Z", Moment::At(-31_536_000_000), 0),
    ] {
        assert_eq!(text.parse(), Ok(moment), "{text}");
        assert_eq!(moment.unix_ms(100_000), unix_ms, "{text}");
    }
    for text in ["", "-", "24h", "-now", "yesterday", "2013-01-01", "100000"] {
        assert!(text.parse::<Moment>().is_err(), "{text}");
    }
}
