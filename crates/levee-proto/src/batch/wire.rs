//! Protobuf's wire format, read from a slice. It takes what every protobuf library takes and nothing else.

use super::fault::corrupt;
use levee_types::LeveeError;

/// The wire type of numbers.
pub(super) const VARINT: u64 = 0;
/// The wire type of bytes, strings and messages.
pub(super) const BYTES: u64 = 2;

/// What a field of this number and wire type begins with.
pub(super) const fn field_key(number: u64, wire_type: u64) -> u64 {
    number << 3 | wire_type
}

/// Bytes of a number of 64 bits, at most.
const MAX_NUMBER_BYTES: usize = 10;
/// Bytes of a key or a length, at most. Neither has more than 32 bits; some libraries skip leading zeros
/// beyond that, the one for C++ gives up.
const MAX_PREFIX_BYTES: usize = 5;

/// A cursor over one message.
pub(super) struct Wire<'a> {
    rest: &'a [u8],
}

impl<'a> Wire<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The key of a field.
    #[inline]
    pub(super) fn key(&mut self) -> Result<u64, LeveeError> {
        self.read(MAX_PREFIX_BYTES)
    }

    /// A number.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, LeveeError> {
        self.read(MAX_NUMBER_BYTES)
    }

    /// A key, a number, or a length, of at most so many bytes. Nearly all of them take one or two.
    #[inline]
    fn read(&mut self, most: usize) -> Result<u64, LeveeError> {
        match self.rest {
            [low @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*low))
            }
            [low, high @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.read_long(most),
        }
    }

    fn read_long(&mut self, most: usize) -> Result<u64, LeveeError> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().enumerate().take(most) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                // The tenth byte has room for one bit only.
                if index == 9 && *byte > 1 {
                    break;
                }
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(corrupt(if most == MAX_PREFIX_BYTES {
            "a key or length is cut off or has more than 5 bytes"
        } else {
            "a number is cut off or has more than 64 bits"
        }))
    }

    /// An `int32` or enum. As protobuf has it, only the lower half of a longer number counts.
    pub(super) fn int32(&mut self) -> Result<i32, LeveeError> {
        #[expect(clippy::cast_possible_truncation, reason = "what protobuf specifies")]
        self.varint().map(|value| value as i32)
    }

    /// A field of bytes.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], LeveeError> {
        let length = self.read(MAX_PREFIX_BYTES)?;
        let (field, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length))
            .ok_or_else(|| corrupt(format!("a field of {length} bytes ends after what encloses it")))?;
        self.rest = rest;
        Ok(field)
    }
}

/// Sees to it that fields that are not repeated come once: decoders differ in what they make of more.
pub(super) struct Once {
    message: &'static str,
    seen: u32,
}

impl Once {
    pub(super) fn new(message: &'static str) -> Self {
        Self { message, seen: 0 }
    }

    #[inline]
    pub(super) fn see(&mut self, number: u32) -> Result<(), LeveeError> {
        let bit = 1 << number;
        if self.seen & bit != 0 {
            return Err(corrupt(format!("field {number} of {} is given twice", self.message)));
        }
        self.seen |= bit;
        Ok(())
    }
}

/// The failure for a key that `message`, with fields 1 to `last`, does not have.
#[cold]
pub(super) fn unexpected(message: &str, last: u64, key: u64) -> LeveeError {
    let number = key >> 3;
    if (1..=last).contains(&number) {
        corrupt(format!("field {number} of {message} has the wire type {}", key & 7))
    } else {
        corrupt(format!("{message} has no field {number}"))
    }
}
