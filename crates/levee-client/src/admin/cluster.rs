//! The broker.

use super::Admin;
use crate::error::Error;
use levee_proto::v1;

/// The broker.
impl Admin {
    /// How the broker is.
    ///
    /// # Errors
    /// As [`Admin`] says.
    pub async fn status(&self) -> Result<v1::GetStatusResponse, Error> {
        let request = self.client.request(v1::GetStatusRequest {});
        Ok(self.client.cluster().get_status(request).await?.into_inner())
    }
}
