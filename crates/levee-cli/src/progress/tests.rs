use super::*;
use indicatif::TermLike;
use std::io;
use std::sync::{Arc, Mutex};

/// A terminal that keeps what is written to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen(Arc<Mutex<String>>);

impl Screen {
    pub(crate) fn target(&self) -> ProgressDrawTarget {
        ProgressDrawTarget::term_like(Box::new(self.clone()))
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        80
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_left_follows_from_what_is_done() {
    let ten = Duration::from_secs(10);
    for (share, text) in [(0.5, ", 10s left"), (0.1, ", 1m 30s left"), (1.0, ", 0s left"), (1.5, ", 0s left")]
    {
        assert_eq!(left(ten, share), text, "{share}");
    }
    for nothing in [0.0, f64::NAN, 1e-300] {
        assert_eq!(left(ten, nothing), "", "{nothing}");
    }
}
