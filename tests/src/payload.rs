//! What the tests put into records: a text that names the value, then bytes that follow from it, so that
//! a reader can tell whether it got what was sent.

use crate::history::Value;
use crate::seed::Seed;
use bytes::Bytes;

/// The record value of `value`, with `padding` bytes after its name.
#[must_use]
pub fn make(value: Value, padding: usize) -> Bytes {
    let mut bytes = format!("{value} {padding} ").into_bytes();
    let mut stream = Seed::new((u64::from(value.writer) << 32) | u64::from(value.counter));
    let end = bytes.len() + padding;
    while bytes.len() < end {
        bytes.extend_from_slice(&stream.next().to_le_bytes());
    }
    bytes.truncate(end);
    bytes.into()
}

/// The value that these bytes are of; `None` if they are not exactly what [`make`] makes.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Value> {
    let mut parts = bytes.splitn(3, |byte| *byte == b' ');
    let value = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let padding = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    (padding <= bytes.len() && make(value, padding) == bytes).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::{make, parse};
    use crate::history::Value;

    #[test]
    fn every_changed_byte_is_noticed() {
        let value = Value { writer: 3, counter: 70_000 };
        for padding in [0, 1, 8, 100] {
            let bytes = make(value, padding);
            assert_eq!(parse(&bytes), Some(value));
            for place in 0..bytes.len() {
                let mut bad = bytes.to_vec();
                bad[place] ^= 1;
                assert_ne!(parse(&bad), Some(value), "{place} of {padding}");
            }
            assert_eq!(parse(&bytes[..bytes.len() - 1]), None);
            assert_eq!(parse(&[&bytes[..], b"x"].concat()), None);
        }
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"1-1 18446744073709551615 "), None);
    }
}
