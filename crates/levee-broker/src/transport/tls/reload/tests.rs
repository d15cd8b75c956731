//! What is taken of files that change, with a clock that is set by hand.

use super::{Tls, read_changed};
use crate::rate_limited::RateLimited;
use crate::settings::TlsSettings;
use crate::transport::tls::fixture::{DAY, Manual, NEW_YEAR};
use levee_types::Clock;
use metrics_exporter_prometheus::PrometheusBuilder;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use tempfile::TempDir;

struct Setup {
    dir: TempDir,
    settings: TlsSettings,
    manual: Arc<Manual>,
    clock: Arc<dyn Clock>,
}

impl Setup {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = TlsSettings {
            certificate_file: dir.path().join("certificate"),
            key_file: dir.path().join("key"),
            ..TlsSettings::default()
        };
        let manual = Manual::at(NEW_YEAR);
        let clock = Arc::clone(&manual) as Arc<dyn Clock>;
        let setup = Self { dir, settings, manual, clock };
        setup.write_certificate(2030, 2031);
        setup
    }

    /// A certificate that is valid from new year to new year.
    fn write_certificate(&self, from: i32, until: i32) {
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        fs::write(self.dir.path().join("certificate"), params.self_signed(&key).unwrap().pem()).unwrap();
        self.write_key(&key.serialize_pem());
    }

    fn write_key(&self, content: &str) {
        let path = self.dir.path().join("key");
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    /// What a start says, and at `now_s` in Unix time.
    fn start_at(&self, now_s: i64) -> Result<Tls, String> {
        self.manual.set(now_s);
        Tls::load(&self.settings, &self.clock).map(Option::unwrap).map_err(|error| error.to_string())
    }
}

#[test]
fn a_certificate_is_used_from_its_first_to_its_last_second() {
    let setup = Setup::new();
    let last = NEW_YEAR + 365 * DAY;
    assert!(setup.start_at(NEW_YEAR).is_ok() && setup.start_at(last).is_ok());
    let early = setup.start_at(NEW_YEAR - 1).err().unwrap();
    assert!(early.contains("tls.certificate_file") && early.contains("not valid before"), "{early}");
    let late = setup.start_at(last + 1).err().unwrap();
    assert!(late.contains("tls.certificate_file") && late.contains("expired"), "{late}");
}

#[test]
fn only_a_change_that_can_be_used_is_taken_and_each_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let setup = Setup::new();
        let mut tls = setup.start_at(NEW_YEAR).unwrap();
        let mut warning = RateLimited::new(Arc::clone(&setup.clock));
        let mut seen = tls.current.subscribe();
        let mut look = |tls: &mut Tls| {
            let found = read_changed(&setup.settings, &setup.clock, tls.digest);
            tls.take(found, &mut warning);
            let is_new = seen.has_changed().unwrap();
            seen.mark_unchanged();
            is_new
        };
        assert!(shown.render().contains("levee_tls_certificate_expiry_timestamp_seconds 1924992000"));
        assert!(!look(&mut tls), "nothing changed");
        assert!(!shown.render().contains("levee_tls_reloads_total"));

        setup.write_certificate(2030, 2032);
        assert!(look(&mut tls));
        assert!(!look(&mut tls));
        assert!(shown.render().contains("levee_tls_certificate_expiry_timestamp_seconds 1956528000"));

        // A key of which half is there; another's key; one that others can read; no file.
        let key = fs::read_to_string(&setup.settings.key_file).unwrap();
        setup.write_key(&key[..key.len() / 2]);
        assert!(!look(&mut tls));
        setup.write_key(&KeyPair::generate().unwrap().serialize_pem());
        assert!(!look(&mut tls));
        setup.write_certificate(2030, 2033);
        fs::set_permissions(&setup.settings.key_file, Permissions::from_mode(0o644)).unwrap();
        assert!(!look(&mut tls));
        fs::remove_file(&setup.settings.key_file).unwrap();
        assert!(!look(&mut tls));
        // Not valid yet, and then it is.
        setup.write_certificate(2031, 2034);
        assert!(!look(&mut tls));
        setup.manual.set(NEW_YEAR + 366 * DAY);
        assert!(look(&mut tls));

        let rendered = shown.render();
        assert!(rendered.contains("levee_tls_reloads_total{result=\"ok\"} 2"), "{rendered}");
        assert!(rendered.contains("levee_tls_reloads_total{result=\"failed\"} 5"), "{rendered}");
    });
}
