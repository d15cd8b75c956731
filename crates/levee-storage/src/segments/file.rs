//! Segments as files of one directory, on a local file system.

use super::{SegmentStore, WATERMARK_BYTES};
use quick_cache::sync::Cache;
use rustix::buffer::spare_capacity;
use rustix::fs::FallocateFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Open files that are kept for readers, at most.
const OPEN_FILES: usize = 256;
/// What a removed file has is freed in such parts, in bytes. All at once, it would be one commit of the file system, for
/// which every sync waits: tens of milliseconds where freed blocks are discarded on the device.
const FREED_AT_ONCE: u64 = 4 * 1024 * 1024;
/// What Linux takes in one vectored write.
const MAX_PARTS: usize = 1024;

/// A directory of `<20 digits>.seg` files, and a watermark file beside it.
pub struct FileSegments {
    directory: PathBuf,
    watermark: File,
    /// For readers.
    open: Cache<u64, Arc<File>>,
    /// The segment that is written: never closed between write and sync, which could lose an error.
    writing: Mutex<Option<(u64, Arc<File>)>>,
}

impl FileSegments {
    /// Opens the directory `journal` and the file `watermark` below `data`; makes them when missing.
    ///
    /// # Errors
    /// They cannot be made or opened.
    pub fn open(data: &Path) -> io::Result<Self> {
        let directory = data.join("journal");
        fs::create_dir_all(&directory)?;
        let watermark = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(data.join("watermark"))?;
        sync_directory(data)?;
        Ok(Self { directory, watermark, open: Cache::new(OPEN_FILES), writing: Mutex::default() })
    }

    fn path(&self, id: u64) -> PathBuf {
        segment_file(&self.directory, id)
    }

    fn writable(&self, id: u64) -> io::Result<Arc<File>> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match &*writing {
            Some((open, file)) if *open == id => Ok(Arc::clone(file)),
            _ => {
                let file = self.file(id)?;
                *writing = Some((id, Arc::clone(&file)));
                Ok(file)
            }
        }
    }

    fn file(&self, id: u64) -> io::Result<Arc<File>> {
        if let Some(file) = self.open.get(&id) {
            return Ok(file);
        }
        let file = Arc::new(OpenOptions::new().read(true).write(true).open(self.path(id))?);
        self.open.insert(id, Arc::clone(&file));
        // One that was removed since must not be kept: it occupies its room while it is open.
        if rustix::fs::fstat(&*file)?.st_nlink == 0 {
            self.open.remove(&id);
        }
        Ok(file)
    }
}

impl SegmentStore for FileSegments {
    fn list(&self) -> io::Result<Vec<u64>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".seg")).and_then(|id| id.parse().ok());
            ids.push(id.ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{name:?} in the journal is not a segment"),
                )
            })?);
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn create(&self, id: u64, capacity: u64, header: &[u8]) -> io::Result<()> {
        let path = self.path(id);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let made = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, capacity)
            .map_err(io::Error::from)
            .and_then(|()| file.write_all_at(header, 0))
            .and_then(|()| file.sync_all());
        if let Err(error) = made {
            // Half a segment must not stand in the way of the next attempt.
            fs::remove_file(&path)?;
            return Err(error);
        }
        sync_directory(&self.directory)?;
        self.open.insert(id, Arc::new(file));
        Ok(())
    }

    fn remove(&self, id: u64) -> io::Result<()> {
        let path = self.path(id);
        let file = OpenOptions::new().write(true).open(&path)?;
        fs::remove_file(path)?;
        // Behind it: see where files are opened.
        self.open.remove(&id);
        self.writing.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(open, _)| *open == id);
        sync_directory(&self.directory)?;
        free(&file)
    }

    fn length(&self, id: u64) -> io::Result<u64> {
        Ok(self.file(id)?.metadata()?.len())
    }

    fn resize(&self, id: u64, length: u64) -> io::Result<()> {
        let file = self.writable(id)?;
        let before = file.metadata()?.len();
        file.set_len(length)?;
        if length > before
            && let Err(error) = rustix::fs::fallocate(&*file, FallocateFlags::empty(), 0, length)
        {
            // What was allocated in vain is room that somebody else needs.
            file.set_len(before)?;
            return Err(error.into());
        }
        file.sync_all()
    }

    fn write(&self, id: u64, mut position: u64, parts: &[&[u8]]) -> io::Result<()> {
        let file = self.writable(id)?;
        for parts in parts.chunks(MAX_PARTS) {
            let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
            let mut rest = &mut slices[..];
            while rest.iter().any(|part| !part.is_empty()) {
                let written = rustix::io::pwritev(&*file, rest, position)?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                position += written as u64;
                IoSlice::advance_slices(&mut rest, written);
            }
        }
        Ok(())
    }

    fn sync(&self, id: u64) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(&*self.writable(id)?)?)
    }

    fn read(&self, id: u64, position: u64, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let file = self.file(id)?;
        let end = into.len() + length;
        into.reserve_exact(length);
        while into.len() < end {
            let done = length - (end - into.len());
            let read = rustix::io::pread(&*file, spare_capacity(into), position + done as u64)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        // The vector may have had more room than was asked for.
        into.truncate(end);
        Ok(())
    }

    fn watermark(&self) -> io::Result<[u8; WATERMARK_BYTES]> {
        let mut bytes = [0; WATERMARK_BYTES];
        match self.watermark.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(bytes),
        }
    }

    fn set_watermark(&self, watermark: [u8; WATERMARK_BYTES]) -> io::Result<()> {
        self.watermark.write_all_at(&watermark, 0)
    }
}

/// Frees a removed file, each part of it with a commit of its own. Who still reads it comes to its end.
fn free(file: &File) -> io::Result<()> {
    let mut length = file.metadata()?.len();
    while length > 0 {
        length = length.saturating_sub(FREED_AT_ONCE);
        file.set_len(length)?;
        file.sync_all()?;
    }
    Ok(())
}

/// Where a segment lies in a directory.
pub(crate) fn segment_file(directory: &Path, id: u64) -> PathBuf {
    directory.join(format!("{id:020}.seg"))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
