//! When clients are let in, with a clock that is set by hand.

use super::Endpoint;
use crate::transport::tls::fixture::{DAY, Issued, Manual, NEW_YEAR};
use levee_types::Clock;
use std::slice;
use std::sync::Arc;

struct Setup {
    clock: Arc<Manual>,
    issued: Issued,
    endpoint: Endpoint,
}

impl Setup {
    /// With a list whose next update is due on that day of January, if there is one.
    fn new(due: Option<u8>) -> Self {
        let clock = Manual::at(NEW_YEAR);
        let issued = Issued::new(&[]);
        let given = Arc::clone(&clock) as Arc<dyn Clock>;
        let endpoint = Endpoint::new(&issued.contents(due), &given).unwrap();
        Self { clock, issued, endpoint }
    }

    fn admits_at(&self, second: i64) -> bool {
        self.clock.set(second);
        let admits = self.endpoint.admits(slice::from_ref(&self.issued.certificate));
        assert_eq!(self.endpoint.check().is_ok(), admits, "what is refused is told");
        admits
    }
}

#[test]
fn a_certificate_is_let_in_while_it_is_valid() {
    let setup = Setup::new(None);
    assert!(setup.admits_at(NEW_YEAR) && setup.admits_at(NEW_YEAR + 365 * DAY));
    assert!(!setup.admits_at(NEW_YEAR - 1) && !setup.admits_at(NEW_YEAR + 365 * DAY + 1));
    assert!(!setup.endpoint.admits(&[]));
}

#[test]
fn a_list_whose_next_update_is_due_lets_nobody_in() {
    let setup = Setup::new(Some(11));
    assert!(setup.admits_at(NEW_YEAR + 10 * DAY - 1));
    assert!(!setup.admits_at(NEW_YEAR + 10 * DAY + 1));
}
