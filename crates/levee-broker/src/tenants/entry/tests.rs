use super::View;
use levee_types::{ErrorCode, LeveeError};
use std::sync::Arc;
use tokio::sync::watch;

#[test]
fn what_cannot_be_read_again_is_not_served_as_it_was() {
    let (changed, changes) = watch::channel(());
    let mut view = View::new(changes);
    assert_eq!(view.current(|| Ok(Some(Arc::new("allowed")))).unwrap().as_deref(), Some(&"allowed"));
    assert_eq!(view.current(|| panic!("it has not changed")).unwrap().as_deref(), Some(&"allowed"));
    changed.send_replace(());
    for _ in 0..2 {
        let unreadable = || Err(LeveeError::new(ErrorCode::Internal, "a row is bad"));
        assert_eq!(view.current(unreadable).unwrap_err().code, ErrorCode::Internal);
    }
    assert_eq!(view.current(|| Ok(Some(Arc::new("revoked")))).unwrap().as_deref(), Some(&"revoked"));
}
