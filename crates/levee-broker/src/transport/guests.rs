//! Which tenants use a connection. A proxy in front of the broker may send the calls of several over one: then it
//! counts for each of them.

use crate::admission::ConnectionPlace;
use crate::tenants::TenantEntry;
use levee_types::LeveeError;
use std::sync::{Arc, Mutex, PoisonError};

/// The tenants that use a connection, each with its place among the tenant's connections.
#[derive(Clone, Default)]
pub struct Guests(Arc<Mutex<Vec<Guest>>>);

struct Guest {
    tenant: Arc<TenantEntry>,
    _place: ConnectionPlace,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.tenant.used.disconnected();
    }
}

impl Guests {
    /// A call of this tenant came over the connection.
    ///
    /// # Errors
    /// LIMIT_EXCEEDED: it is the first one, and the tenant may have no more connections.
    pub(crate) fn enter(&self, tenant: &Arc<TenantEntry>) -> Result<(), LeveeError> {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if guests.iter().any(|guest| guest.tenant.id() == tenant.id()) {
            return Ok(());
        }
        let place = tenant.admission.connect()?;
        tenant.used.connected();
        guests.push(Guest { tenant: Arc::clone(tenant), _place: place });
        Ok(())
    }
}
