//! What the figures were taken on.

use std::fs;
use std::path::Path;
use std::process::Command;

/// One line: processor, memory, kernel, file system, load.
pub(crate) fn describe(directory: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{cores} cores of {cpu}, memory {memory}, Linux {}, data in {} ({}), load before the run {}",
        kernel.trim(),
        directory.display(),
        file_system(directory),
        load.split(' ').take(3).collect::<Vec<_>>().join(" ")
    )
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn file_system(directory: &Path) -> String {
    let output = Command::new("stat").args(["--file-system", "--format", "%T"]).arg(directory).output();
    output.map_or_else(
        |_| "unknown file system".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
