use super::*;
use crate::progress::tests::Screen;

fn parts() -> Vec<Arc<Progress>> {
    let part = || Progress { done: AtomicU64::new(500), failed: AtomicU64::new(1) };
    vec![Arc::new(part()), Arc::new(part())]
}

#[test]
fn the_line_has_the_rate_and_what_is_left() {
    let two = Duration::from_secs(2);
    assert_eq!(
        text(&parts(), Some(1024), Limit::Duration(Duration::from_secs(10)), two),
        "2 s: 1000 records, 500/s, 0.5 MB/s, 2 failed, 8s left"
    );
    assert_eq!(
        text(&parts(), None, Limit::Records(4000), two),
        "2 s: 1000 records, 500/s, 2 failed, 6s left"
    );
    // As in a bench that reads an empty log.
    assert_eq!(text(&[], None, Limit::Records(0), two), "2 s: 0 records, 0/s, 0 failed");
}

#[test]
fn a_terminal_shows_the_line() {
    let screen = Screen::default();
    line(screen.target()).set_message("2 s: 1000 records");
    assert!(screen.text().contains("2 s: 1000 records"), "{:?}", screen.text());
}
