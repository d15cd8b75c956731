//! Group commit and nothing else: gathers what waits, writes it with one vectored write into a file that
//! was made large enough before, syncs once, answers all.

use super::kept::Kept;
use crate::Result;
use bytes::Bytes;
use rustix::fs::FallocateFlags;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tokio::sync::oneshot;

/// What is written and synced at once, as the broker has it by default: the same syncs.
const GROUP_BYTES: usize = 1024 * 1024;

/// Hands batches to the thread that writes.
#[derive(Default)]
pub(super) struct Appender {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Waiting>>,
    arrived: Condvar,
}

struct Waiting {
    batch: Bytes,
    crc: u32,
    answer: oneshot::Sender<u64>,
}

impl Appender {
    /// Makes the file and starts the thread, which ends with the process.
    pub(super) fn start(path: &Path, capacity: u64, kept: Arc<Kept>) -> Result<(Self, Arc<File>)> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, capacity.max(1))?;
        file.sync_all()?;
        let file = Arc::new(file);
        let appender = Self::default();
        let (queue, written) = (Arc::clone(&appender.queue), Arc::clone(&file));
        std::thread::spawn(move || {
            if let Err(error) = write_all(&queue, &written, &kept) {
                eprintln!("bench: the bare server cannot write: {error}");
                std::process::exit(1);
            }
        });
        Ok((appender, file))
    }

    /// Resolves to the number of the batch when it is durable.
    pub(super) fn append(&self, batch: Bytes, crc: u32) -> oneshot::Receiver<u64> {
        let (answer, receiver) = oneshot::channel();
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(Waiting { batch, crc, answer });
        drop(waiting);
        self.queue.arrived.notify_one();
        receiver
    }
}

fn write_all(queue: &Queue, file: &File, kept: &Kept) -> io::Result<()> {
    let (mut position, mut number) = (0, 0);
    loop {
        let group = queue.take();
        let mut slices: Vec<_> = group.iter().map(|waiting| IoSlice::new(&waiting.batch)).collect();
        let mut rest = &mut slices[..];
        let mut end = position;
        while !rest.is_empty() {
            let written = rustix::io::pwritev(file, rest, end)?;
            end += written as u64;
            IoSlice::advance_slices(&mut rest, written);
        }
        rustix::fs::fdatasync(file)?;
        for Waiting { batch, crc, answer } in group {
            let length = batch.len() as u64;
            kept.keep(batch, crc, position);
            position += length;
            let _ = answer.send(number);
            number += 1;
        }
        kept.tell(number);
    }
}

impl Queue {
    fn take(&self) -> Vec<Waiting> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self
            .arrived
            .wait_while(waiting, |waiting| waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        let count = waiting
            .iter()
            .take_while(|waiting| {
                let has_room = bytes < GROUP_BYTES;
                bytes += waiting.batch.len();
                has_room
            })
            .count();
        waiting.drain(..count).collect()
    }
}
