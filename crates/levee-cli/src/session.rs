//! What a command that talks to a server has in hand: the settings, the clock, and clients.
//!
//! Who asks: whoever the credential is of. Without a credential the server must be one that runs with `--dev`,
//! and takes our word for it: there, the tenant itself asks where its topics and records are concerned, and
//! the operator everywhere else.

use crate::address::{GroupAddress, TopicAddress};
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::output;
use crate::settings::{Settings, Source};
use crate::units;
use levee_client::v1::Topic;
use levee_client::{Admin, Client, ClientConfig, Error, Identity};
use levee_types::{Clock, ErrorCode, TenantName};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

mod who;

/// The surroundings of one command.
pub(crate) struct Session {
    settings: Settings,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    who: OnceCell<who::Caller>,
}

/// A client, and the tenant that its requests of administration name; empty: the caller's own.
pub(crate) struct Scope {
    /// The client.
    pub(crate) client: Client,
    /// For the field `tenant` of requests.
    pub(crate) tenant: String,
}

impl Scope {
    /// Administration.
    pub(crate) fn admin(&self) -> Admin {
        self.client.admin()
    }
}

impl Session {
    /// A session with the server of these settings. Nothing is connected yet.
    ///
    /// # Errors
    /// A file with a token, a certificate or a key cannot be read.
    pub(crate) fn open(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let credentials = Credentials::read(&settings.credentials)?;
        if let (Some(owner), None) = (&settings.withheld_for, &credentials.identity) {
            let endpoint = &settings.endpoint.value;
            output::note(&format!(
                "note: the context's credentials are for {owner}, and not sent to {endpoint}"
            ));
        }
        Ok(Self { settings, credentials, clock, who: OnceCell::new() })
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
    /// It is malformed.
    pub(crate) fn address(&self, text: &str) -> Result<TopicAddress, Failure> {
        TopicAddress::resolve(text, self.tenant())
    }

    /// The address of a group.
    ///
    /// # Errors
    /// It is malformed.
    pub(crate) fn group(&self, text: &str) -> Result<GroupAddress, Failure> {
        GroupAddress::resolve(text, self.tenant())
    }

    /// The tenant that is meant when none is named, if one is given.
    pub(crate) fn tenant(&self) -> Option<&TenantName> {
        self.settings.tenant.as_ref().map(|tenant| &tenant.value)
    }

    /// A client for what belongs to no tenant, or names its tenant by itself.
    ///
    /// # Errors
    /// The endpoint or the credential is unusable.
    pub(crate) fn operator(&self) -> Result<Client, Failure> {
        self.client(Identity::DevOperator)
    }

    /// A client for the topics and groups of a tenant; none: the caller's own.
    ///
    /// # Errors
    /// The endpoint or the credential is unusable; there is neither a tenant nor a credential.
    pub(crate) fn topics_of(&self, tenant: Option<&TenantName>) -> Result<Scope, Failure> {
        match (&self.credentials.identity, tenant) {
            (Some(_), tenant) => self.naming(tenant),
            (None, Some(tenant)) => {
                let client = self.client(Identity::DevTenant(tenant.clone()))?;
                Ok(Scope { client, tenant: String::new() })
            }
            (None, None) => Err(no_tenant()),
        }
    }

    /// A client for what else is administered of this tenant.
    ///
    /// # Errors
    /// The endpoint or the credential is unusable.
    pub(crate) fn administer(&self, tenant: &TenantName) -> Result<Scope, Failure> {
        self.naming(Some(tenant))
    }

    /// A client for what is administered of the tenant that is meant when none is named. If nothing says which, that
    /// is the caller's own; for an operator, all of them.
    ///
    /// # Errors
    /// The endpoint or the credential is unusable.
    pub(crate) fn tenant_or_all(&self) -> Result<Scope, Failure> {
        self.naming(self.tenant())
    }

    fn naming(&self, tenant: Option<&TenantName>) -> Result<Scope, Failure> {
        let tenant = tenant.map(TenantName::to_string).unwrap_or_default();
        Ok(Scope { client: self.operator()?, tenant })
    }

    /// A client that asks by the credential, or without one as this.
    fn client(&self, without: Identity) -> Result<Client, Failure> {
        let timeout = self.settings.timeout.value;
        let identity = self.credentials.identity.clone().unwrap_or(without);
        let mut config = ClientConfig::new(&self.settings.endpoint.value, identity);
        config.tls = self.credentials.tls.clone();
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
    pub(crate) async fn topic(&self, scope: &Scope, address: &TopicAddress) -> Result<Topic, Failure> {
        let response = self.ask(scope.admin().get_topic(&scope.tenant, address.topic.as_str())).await?;
        response
            .topic
            .ok_or_else(|| Failure::server(ErrorCode::Internal, "the server told nothing of the topic"))
    }
}

fn no_tenant() -> Failure {
    Failure::usage("no tenant is given")
        .with_hint("write TENANT/TOPIC for a topic, give --tenant, or bind the context to a tenant")
}
