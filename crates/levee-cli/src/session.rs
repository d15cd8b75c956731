//! What a command that talks to a server has in hand: the settings, the clock, and clients.
//!
//! Who asks: the operator where tenants and the server are concerned, the tenant itself where its topics
//! and records are.

use crate::address::TopicAddress;
use crate::failure::Failure;
use crate::settings::{Settings, Source};
use crate::units;
use levee_client::v1::Topic;
use levee_client::{Client, ClientConfig, Error, Identity};
use levee_types::{Clock, ErrorCode, TenantName};
use std::sync::Arc;
use std::time::Duration;

/// The surroundings of one command.
pub(crate) struct Session {
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl Session {
    /// A session with the server of these settings. Nothing is connected yet.
    pub(crate) fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock }
    }

    /// The clock.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The time that the user gave an answer; none if the user did not say.
    pub(crate) fn given_timeout(&self) -> Option<Duration> {
        let timeout = &self.settings.timeout;
        (timeout.source != Source::Default).then_some(timeout.value)
    }

    /// Reads the address of a topic.
    ///
    /// # Errors
    /// It is malformed, or plain where no tenant is known.
    pub(crate) fn address(&self, text: &str) -> Result<TopicAddress, Failure> {
        TopicAddress::resolve(text, self.settings.tenant.as_ref().map(|tenant| &tenant.value))
    }

    /// The tenant whose topics are meant when none is named.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn tenant(&self) -> Result<&TenantName, Failure> {
        self.settings.tenant.as_ref().map(|tenant| &tenant.value).ok_or_else(|| {
            Failure::usage("no tenant is given").with_hint("give --tenant, or bind the context to a tenant")
        })
    }

    /// A client that asks as the operator.
    ///
    /// # Errors
    /// The endpoint is unusable.
    pub(crate) fn operator(&self) -> Result<Client, Failure> {
        self.client(Identity::DevOperator)
    }

    /// A client that asks as this tenant.
    ///
    /// # Errors
    /// The endpoint is unusable.
    pub(crate) fn of_tenant(&self, tenant: &TenantName) -> Result<Client, Failure> {
        self.client(Identity::DevTenant(tenant.clone()))
    }

    fn client(&self, identity: Identity) -> Result<Client, Failure> {
        let timeout = self.settings.timeout.value;
        let mut config = ClientConfig::new(&self.settings.endpoint.value, identity);
        config.connect_timeout = config.connect_timeout.min(timeout);
        config.request_timeout = timeout;
        Client::new(config).map_err(Failure::from)
    }

    /// The outcome of a call, if it comes in time.
    ///
    /// # Errors
    /// That of the call; a timeout; no connection.
    pub(crate) async fn ask<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        let timeout = self.settings.timeout.value;
        let endpoint = &self.settings.endpoint.value;
        match tokio::time::timeout(timeout, call).await {
            Ok(outcome) => outcome.map_err(Failure::from),
            Err(_) => Err(Failure::timeout(format!(
                "no answer from {endpoint} within {}",
                units::show_duration(timeout)
            ))
            .with_hint("give it more time with --timeout")),
        }
    }

    /// All items of a list that comes in pages. `page` asks for the one behind a token.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) async fn all_pages<T>(
        &self,
        page: impl AsyncFn(String) -> Result<(Vec<T>, String), Error>,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut token = String::new();
        loop {
            let (items, next) = self.ask(page(token)).await?;
            all.extend(items);
            token = next;
            if token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// A topic with its properties.
    ///
    /// # Errors
    /// There is no such topic for this client, or the call fails.
    pub(crate) async fn topic(&self, client: &Client, address: &TopicAddress) -> Result<Topic, Failure> {
        let response = self.ask(client.admin().get_topic("", address.topic.as_str())).await?;
        response
            .topic
            .ok_or_else(|| Failure::server(ErrorCode::Internal, "the server told nothing of the topic"))
    }
}
