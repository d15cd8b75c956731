//! Follows the files, so that a certificate is replaced without a restart.

use super::Tls;
use super::endpoint::Endpoint;
use super::error::TlsError;
use super::files::{Contents, Digest};
use crate::blocking::{Blocking, Turn};
use crate::rate_limited::RateLimited;
use crate::settings::TlsSettings;
use levee_types::{Clock, LeveeError};
use metrics::counter;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::time::MissedTickBehavior;

impl Tls {
    /// Reads the files again and again, until it is dropped: connections after it get what is new in them.
    pub async fn follow(mut self, blocking: Blocking) -> Infallible {
        let mut warning = RateLimited::new(Arc::clone(&self.clock));
        let mut interval = tokio::time::interval(self.settings.reload_interval());
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let (settings, clock, known) = (self.settings.clone(), Arc::clone(&self.clock), self.digest);
            let reading = blocking
                .run(Turn::SYSTEM, move || Ok::<_, LeveeError>(read_changed(&settings, &clock, known)));
            // A panic is logged where it is caught; the next turn may do better.
            if let Ok(found) = reading.await {
                self.take(found, &mut warning);
            }
        }
    }

    /// Takes what was found. Errors keep what there is.
    pub(super) fn take(
        &mut self,
        found: Result<Option<(Endpoint, Digest)>, TlsError>,
        warning: &mut RateLimited,
    ) {
        match found {
            Ok(Some((endpoint, digest))) => {
                endpoint.show_expiry();
                self.digest = digest;
                self.current.send_replace(Arc::new(endpoint));
                counter!("levee_tls_reloads_total", "result" => "ok").increment(1);
                tracing::info!("took the files of TLS, which changed");
            }
            // Nothing to take, but what there is may have come to its end.
            Ok(None) => {
                let state = self.current.borrow().check();
                if let Err(error) = state
                    && let Some(suppressed) = warning.admit()
                {
                    tracing::warn!(%error, suppressed, "TLS cannot be used as it is: clients are refused");
                }
            }
            Err(error) => {
                counter!("levee_tls_reloads_total", "result" => "failed").increment(1);
                if let Some(suppressed) = warning.admit() {
                    tracing::warn!(%error, suppressed, "kept the files of TLS as they were before their change");
                }
            }
        }
    }
}

/// What is in the files, unless it is known already.
pub(super) fn read_changed(
    settings: &TlsSettings,
    clock: &Arc<dyn Clock>,
    known: Digest,
) -> Result<Option<(Endpoint, Digest)>, TlsError> {
    let contents = Contents::read(settings)?;
    let digest = contents.digest();
    if digest == known {
        return Ok(None);
    }
    Endpoint::new(&contents, clock).map(|endpoint| Some((endpoint, digest)))
}

#[cfg(test)]
mod tests;
