use super::frame;

#[test]
fn a_frame_covers_what_was_there_and_fits_the_terminal() {
    assert_eq!(frame("ab\ncd\n", 24, 80), "\x1b[Hab\x1b[K\r\ncd\x1b[K\x1b[J");
    assert_eq!(frame("abc\nd\ne\n", 2, 2), "\x1b[Hab\x1b[K\r\nd\x1b[K\x1b[J");
    assert_eq!(frame("", 24, 80), "\x1b[H\x1b[J");
}
