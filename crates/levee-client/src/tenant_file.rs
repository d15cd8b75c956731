//! The file that an export is kept in. Version 1, little endian:
//!
//! ```text
//! magic    8 bytes   "LEVEETEN"
//! version  4 bytes   1
//! frames             until the end of the file:
//!   length   4 bytes   of the payload, 1 to MAX_TRANSFER_BYTES
//!   crc32c   4 bytes   of the payload
//!   payload            a serialized levee.v1.TenantParts
//! ```
//!
//! The last part of the last frame is the `ExportEnd`: without it the file was cut off, which the broker that takes the
//! parts notices. Here only what is damaged or cut off within a frame is.

use bytes::Bytes;
use levee_proto::v1::TenantParts;
use levee_types::limits::MAX_TRANSFER_BYTES;
use prost::Message as _;
use std::io::{self, ErrorKind, Read, Write};

const MAGIC: [u8; 8] = *b"LEVEETEN";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 8;

/// Why a file cannot be read.
#[derive(Debug)]
pub enum FileError {
    /// It cannot be read at all.
    Io(io::Error),
    /// It is no export.
    NotAnExport,
    /// It is of another version.
    Version(u32),
    /// It is not what was written.
    Damaged {
        /// Where the frame begins.
        position: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotAnExport => f.write_str("this is not the export of a tenant"),
            Self::Version(version) => {
                write!(f, "this export has version {version} of the format, and this program reads {VERSION}")
            }
            Self::Damaged { position, problem } => {
                write!(f, "the export is damaged at byte {position}: {problem}")
            }
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes a file.
pub struct TenantFileWriter<W>(W);

impl<W: Write> TenantFileWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        Ok(Self(out))
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// Those of the file; `InvalidInput` for parts that have more than [`MAX_TRANSFER_BYTES`] or none.
    pub fn write(&mut self, parts: &TenantParts) -> io::Result<()> {
        let payload = parts.encode_to_vec();
        let length = u32::try_from(payload.len()).ok().filter(|_| is_length(payload.len()));
        let length = length.ok_or(ErrorKind::InvalidInput)?;
        self.0.write_all(&length.to_le_bytes())?;
        self.0.write_all(&crc32c::crc32c(&payload).to_le_bytes())?;
        self.0.write_all(&payload)
    }

    /// What the file was written to.
    pub fn into_inner(self) -> W {
        self.0
    }
}

/// Reads a file, a frame at a time.
pub struct TenantFileReader<R> {
    input: R,
    position: u64,
}

impl<R: Read> TenantFileReader<R> {
    /// Begins to read a file.
    ///
    /// # Errors
    /// It is no export, or of another version.
    pub fn new(mut input: R) -> Result<Self, FileError> {
        let mut head = [0; MAGIC.len() + 4];
        let is_whole = read_whole(&mut input, &mut head)? == head.len();
        if !is_whole || head[..MAGIC.len()] != MAGIC {
            return Err(FileError::NotAnExport);
        }
        let [.., a, b, c, d] = head;
        match u32::from_le_bytes([a, b, c, d]) {
            VERSION => Ok(Self { input, position: head.len() as u64 }),
            version => Err(FileError::Version(version)),
        }
    }

    /// The parts of the next frame; none at the end of the file.
    ///
    /// # Errors
    /// It is damaged or cut off.
    pub fn read(&mut self) -> Result<Option<TenantParts>, FileError> {
        let damaged = |problem| FileError::Damaged { position: self.position, problem };
        let mut head = [0; HEAD_BYTES];
        match read_whole(&mut self.input, &mut head)? {
            0 => return Ok(None),
            HEAD_BYTES => {}
            _ => return Err(damaged("it is cut off")),
        }
        let [l0, l1, l2, l3, c0, c1, c2, c3] = head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if !is_length(length) {
            return Err(damaged("no frame has this length"));
        }
        let mut payload = vec![0; length];
        if read_whole(&mut self.input, &mut payload)? < length {
            return Err(damaged("it is cut off"));
        }
        if crc32c::crc32c(&payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(damaged("it does not match its checksum"));
        }
        let parts = TenantParts::decode(Bytes::from(payload)).map_err(|_| damaged("it holds no parts"))?;
        self.position += (HEAD_BYTES + length) as u64;
        Ok(Some(parts))
    }
}

fn is_length(bytes: usize) -> bool {
    (1..=MAX_TRANSFER_BYTES).contains(&bytes)
}

/// Reads until the buffer is full or the input ends. Tells how much there was.
fn read_whole(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
