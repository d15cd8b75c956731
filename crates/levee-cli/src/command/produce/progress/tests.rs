use super::*;
use crate::progress::tests::Screen;

fn shown(size: Option<u64>) -> String {
    let screen = Screen::default();
    let progress = Progress::new(screen.target(), size);
    progress.acked(100);
    progress.bar.tick();
    screen.text()
}

#[test]
fn records_and_their_rate_are_shown_and_what_is_left_where_the_size_is_known() {
    let text = shown(Some(200));
    assert!(text.contains("1 records acknowledged, ") && text.contains("/s, "), "{text:?}");
    assert!(text.contains(" left"), "{text:?}");
    assert!(!shown(None).contains(" left"));
}
