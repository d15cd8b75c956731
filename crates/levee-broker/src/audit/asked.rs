//! What a request asked, as far as the audit log tells.

use crate::identity::Principal;
use crate::operation::Operation;
use crate::transport::RequestId;
use crate::transport::connection::ConnectionContext;
use levee_storage::AuditEvent;
use tonic::Request;

/// What a request asked.
#[derive(Debug, Clone)]
pub struct Asked {
    operation: Operation,
    principal: String,
    request_id: String,
    source: String,
}

impl Asked {
    /// What `request` asks for `principal`.
    #[must_use]
    pub fn of<T>(request: &Request<T>, principal: &Principal, operation: Operation) -> Self {
        let extensions = request.extensions();
        Self::by(principal.to_string(), extensions.get(), extensions.get(), operation)
    }

    /// What somebody asks who could not say who it is.
    #[must_use]
    pub fn by_nobody(extensions: &http::Extensions, operation: Operation) -> Self {
        Self::by("anonymous".to_owned(), extensions.get(), extensions.get(), operation)
    }

    fn by(
        principal: String,
        id: Option<&RequestId>,
        connection: Option<&ConnectionContext>,
        operation: Operation,
    ) -> Self {
        Self {
            operation,
            principal,
            request_id: id.map_or("", RequestId::as_str).to_owned(),
            source: connection.map(|connection| connection.peer.ip().to_string()).unwrap_or_default(),
        }
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The id of the request.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The event that says that it was done to `resource`.
    #[must_use]
    pub fn event(&self, resource: impl Into<String>) -> AuditEvent {
        AuditEvent {
            principal: self.principal.clone(),
            action: self.operation.action().to_owned(),
            resource: resource.into(),
            refusal: None,
            note: String::new(),
            request_id: self.request_id.clone(),
            source: self.source.clone(),
            count: 1,
        }
    }
}
