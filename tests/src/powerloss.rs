//! A file system that loses power: ext4 on a loop device, whose unsynced pages are thrown away.
//!
//! `FS_IOC_SHUTDOWN` stops ext4 as it is. What was not synced is gone once the file system is mounted
//! again, and every write in between fails with EIO. Proved by test D3: a broker whose syncs are dropped
//! loses records here.

use crate::wait;
use rustix::ioctl;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// `FS_IOC_SHUTDOWN` of linux/fs.h: `_IOR('X', 125, __u32)`.
const FS_IOC_SHUTDOWN: ioctl::Opcode = 0x8004_587D;

/// What a power loss leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The file system's own journal is written first: files may have their new length, with zeros inside.
    LogFlushed = 1,
    /// Nothing.
    Everything = 2,
}

/// A mounted file system of its own, gone when dropped.
#[derive(Debug)]
pub struct Disk {
    dir: TempDir,
    mounted: bool,
}

impl Disk {
    /// A fresh ext4 of this size. `None` where that is not possible: the test says that it is skipped.
    ///
    /// # Panics
    /// When a step fails that should not.
    #[must_use]
    pub fn new(test: &str, bytes: u64) -> Option<Self> {
        if let Some(reason) = missing() {
            wait::skipped(test, &reason);
            return None;
        }
        let dir = tempfile::tempdir().expect("a temporary directory");
        let image = File::create(dir.path().join("image")).expect("an image");
        image.set_len(bytes).expect("a sparse file");
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(dir.path().join("image")))
            .expect("mkfs.ext4");
        fs::create_dir(dir.path().join("mount")).expect("a directory");
        let mut disk = Self { dir, mounted: false };
        disk.mount().expect("a loop device can be mounted");
        Some(disk)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("mount")
    }

    /// Cuts the power. Processes that use the file system go on and get EIO.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn cut(&self, cut: Cut) {
        let root = File::open(self.path()).expect("the root of the file system");
        // SAFETY: the call reads one u32, which lives for the call, and gives no memory back.
        #[expect(unsafe_code, reason = "there is no safe wrapper of this ioctl")]
        let cut = unsafe { ioctl::ioctl(root, ioctl::Setter::<FS_IOC_SHUTDOWN, u32>::new(cut as u32)) };
        cut.expect("FS_IOC_SHUTDOWN");
    }

    /// Power is back: the file system is mounted again, with what it had synced. Every process that used it
    /// must have ended.
    ///
    /// # Panics
    /// When a process still uses it: the old state would live on.
    pub fn restore(&mut self) {
        wait::blocking("the file system is free", Duration::from_secs(20), || self.unmount().ok());
        self.mount().expect("the file system can be mounted again");
    }

    fn mount(&mut self) -> io::Result<()> {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.dir.path().join("image")).arg(self.path()))?;
        self.mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> io::Result<()> {
        run(Command::new("umount").arg(self.path()))?;
        self.mounted = false;
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted && self.unmount().is_err() {
            let _ = run(Command::new("umount").arg("-l").arg(self.path()));
        }
    }
}

/// Why this machine cannot do it, if it cannot.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("mounting needs root".to_owned());
    }
    if !Path::new("/dev/loop-control").exists() {
        return Some("there are no loop devices".to_owned());
    }
    let tools = ["mkfs.ext4", "mount", "umount"];
    let absent = tools.iter().find(|tool| Command::new(tool).arg("-V").output().is_err());
    absent.map(|tool| format!("there is no {tool}"))
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {} {}", output.status, said.trim())))
}

#[cfg(test)]
mod tests {
    use super::{Cut, Disk};
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    /// The harness itself: synced bytes survive, others do not, and a dead file system says so.
    #[test]
    fn only_what_was_synced_survives() {
        for cut in [Cut::Everything, Cut::LogFlushed] {
            let Some(mut disk) = Disk::new("powerloss", 32 << 20) else { return };
            let path = disk.path().join("file");
            let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
            file.write_all(b"synced").unwrap();
            file.sync_all().unwrap();
            file.write_all(b"not synced").unwrap();
            disk.cut(cut);
            let late = file.write_all(b"too late").and_then(|()| file.sync_all());
            assert!(late.is_err(), "a write after the power is gone");
            drop(file);
            disk.restore();
            let left = fs::read(&path).unwrap();
            assert!(left.starts_with(b"synced") && !left.ends_with(b"not synced"), "{cut:?}: {left:?}");
        }
    }
}
