//! What is said at the start.

use super::{bind, warn_of_plain_text};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_operator_is_warned_of_plain_text_that_leaves_the_machine() {
    let said = |address: &str| {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let listener = bind(address.parse().unwrap()).unwrap();
        tracing::subscriber::with_default(subscriber, || warn_of_plain_text(&listener));
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    };
    assert_eq!(said("127.0.0.1:0"), "");
    let warning = said("0.0.0.0:0");
    assert!(warning.contains("WARN") && warning.contains("tls.certificate_file"), "{warning}");
}
