//! What a request asked, as far as the audit log tells.

use crate::identity::Principal;
use crate::operation::Operation;
use crate::transport::RequestId;
use crate::transport::connection::ConnectionContext;
use levee_storage::AuditEvent;
use std::net::IpAddr;
use tonic::Request;

/// What a request asked. Its texts are made when they are written down, which most requests never are.
#[derive(Debug, Clone)]
pub struct Asked {
    operation: Operation,
    /// None: somebody who could not say who it is.
    principal: Option<Principal>,
    request_id: Option<RequestId>,
    source: Option<IpAddr>,
}

impl Asked {
    /// What `request` asks for `principal`.
    #[must_use]
    pub fn of<T>(request: &Request<T>, principal: &Principal, operation: Operation) -> Self {
        let extensions = request.extensions();
        Self::by(Some(principal.clone()), extensions.get(), extensions.get(), operation)
    }

    /// What somebody asks who could not say who it is.
    #[must_use]
    pub fn by_nobody(extensions: &http::Extensions, operation: Operation) -> Self {
        Self::by(None, extensions.get(), extensions.get(), operation)
    }

    fn by(
        principal: Option<Principal>,
        id: Option<&RequestId>,
        connection: Option<&ConnectionContext>,
        operation: Operation,
    ) -> Self {
        let source = connection.map(|connection| connection.peer.ip());
        Self { operation, principal, request_id: id.cloned(), source }
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The id of the request.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.request_id.as_ref().map_or("", RequestId::as_str)
    }

    /// The event that says that it was done to `resource`.
    #[must_use]
    pub fn event(&self, resource: impl Into<String>) -> AuditEvent {
        AuditEvent {
            principal: self.principal.as_ref().map_or("anonymous".to_owned(), Principal::to_string),
            action: self.operation.action().to_owned(),
            resource: resource.into(),
            refusal: None,
            note: String::new(),
            request_id: self.request_id().to_owned(),
            source: self.source.map(|address| address.to_string()).unwrap_or_default(),
            count: 1,
        }
    }
}
