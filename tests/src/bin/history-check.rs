//! `history-check FILE`: judges a history of JSON lines and exits with 1 when a promise was broken.

use levee_tests::history;
use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: history-check FILE");
        return ExitCode::from(2);
    };
    match File::open(&path).and_then(|file| history::check_lines(BufReader::new(file))) {
        Ok(report) => {
            print!("{report}");
            if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::from(2)
        }
    }
}
