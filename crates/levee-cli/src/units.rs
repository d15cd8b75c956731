//! How quantities are written on flags and in tables: sizes, rates, durations and times.
//!
//! Must hold: JSON never passes through here except for times (RFC 3339); there, numbers are integers
//! in base units.

use jiff::Timestamp;
use std::time::Duration;

/// Suffixes of sizes, in lower case. `K` alone would leave open whether it is 1000 or 1024.
const SIZES: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Records a second: more than any machine sends, and little enough to count them.
const MAX_RATE: f64 = 1e9;

/// A size such as `65536`, `64KiB` or `1.5MB`, in bytes. Fractions of a byte are dropped.
///
/// # Errors
/// Says how a size is written.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a size: write a number with B, KB, MB, GB, KiB, MiB or GiB");
    let (number, suffix) = split_suffix(text);
    let suffix = suffix.to_ascii_lowercase();
    let (_, unit) = SIZES.iter().find(|(name, _)| *name == suffix).ok_or_else(bad)?;
    scale(number, *unit).ok_or_else(bad)
}

/// A rate of records such as `1000`, `1000/s`, `10k/s` or `90/m`, in records a second; above 0 and up to 1e9.
///
/// # Errors
/// Says how a rate is written.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    let bad = || format!("{text:?} is not a rate: write records a second, as 1000/s or 10k/s");
    let (count, seconds) = match text.split_once('/') {
        None => (text, 1.0),
        Some((count, "s")) => (count, 1.0),
        Some((count, "m")) => (count, 60.0),
        Some((count, "h")) => (count, 3600.0),
        Some(_) => return Err(bad()),
    };
    let (number, suffix) = split_suffix(count);
    let unit = match suffix {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        _ => return Err(bad()),
    };
    let number: f64 = number.parse().map_err(|_| bad())?;
    let rate = number * unit / seconds;
    if rate > 0.0 && rate <= MAX_RATE { Ok(rate) } else { Err(bad()) }
}

/// A number of things such as `100`, `10k` or `2M`.
///
/// # Errors
/// Says how a number is written.
pub(crate) fn parse_count(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a number: write it as 100, 10k or 2M");
    let (number, suffix) = split_suffix(text);
    let unit: u64 = match suffix {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        _ => return Err(bad()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(bad)
}

/// A duration such as `500ms`, `10s` or `1h 30m`.
///
/// # Errors
/// Says how a duration is written.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("{text:?} is not a duration: write a number with ms, s, m, h or d, as 10s"))
}

/// A size for a person, in binary units.
pub(crate) fn show_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A size to the byte, in the largest unit that leaves no fraction, as [`parse_size`] takes it.
pub(crate) fn show_exact_size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 9] = [
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("KB", 1_000),
        ("B", 1),
    ];
    match UNITS.iter().find(|(_, unit)| bytes.is_multiple_of(*unit)) {
        Some((name, unit)) if bytes > 0 => format!("{}{name}", bytes / unit),
        _ => "0".to_owned(),
    }
}

/// A duration for a person: to the second, or to the millisecond below a minute.
pub(crate) fn show_duration(duration: Duration) -> String {
    let shown = if duration < Duration::from_secs(60) {
        Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(duration.as_secs())
    };
    humantime::format_duration(shown).to_string()
}

/// Unix milliseconds as RFC 3339; the number itself if it lies outside of the years that RFC 3339 has.
pub(crate) fn show_time(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).map_or_else(|_| unix_ms.to_string(), |time| time.to_string())
}

/// An RFC 3339 time in Unix milliseconds.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

fn split_suffix(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    (number, suffix.trim_start_matches(' '))
}

/// `number`, which may have a decimal fraction, times `unit`, exactly and rounded down.
fn scale(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let digits = u32::try_from(fraction.len()).ok()?;
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit) / 10_u128.pow(digits);
    whole.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests;
