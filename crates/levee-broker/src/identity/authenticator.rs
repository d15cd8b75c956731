//! Finds out who calls.
//!
//! Must hold: whatever a credential's fault is, the answer is the same and takes as long; a credential that was
//! revoked, has expired, or whose user is disabled or gone, is none.

use super::dev;
use super::failures::{Admission, Failures};
use super::jwt::{Bound, Jwts, Verified};
use super::principal::{Credential, DevClaim, Principal};
use super::rejected::{Reason, Rejected};
use super::token::{self, ApiToken};
use crate::tenants::{TenantEntry, Tenants};
use crate::transport::tls::ClientCertificate;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use levee_storage::User;
use levee_types::acl::TokenScope;
use levee_types::{ErrorCode, LeveeError, TenantId, TenantName, UserId, UserName};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// Whose credentials are taken.
pub enum Mode {
    /// Whoever calls is believed.
    Dev,
    /// What the methods say.
    Real(Methods),
}

/// How callers may prove who they are. Client certificates are taken where the connection has one.
#[derive(Clone, Default)]
pub struct Methods {
    /// Whether API tokens are taken.
    pub has_tokens: bool,
    /// Whose JWTs are taken.
    pub jwts: Option<Arc<Jwts>>,
}

/// Finds out who calls.
pub struct Authenticator {
    tenants: Tenants,
    mode: Mode,
    failures: Failures,
}

/// Why somebody is not let in.
enum Refusal {
    /// The credential is not good; the client hears no more than that.
    Rejected(Reason),
    /// Something that the client may know.
    Told(LeveeError),
}

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected.reason)
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Rejected(reason)
    }
}

impl From<LeveeError> for Refusal {
    fn from(error: LeveeError) -> Self {
        Self::Told(error)
    }
}

impl Authenticator {
    /// With no failures yet.
    #[must_use]
    pub fn new(tenants: Tenants, mode: Mode) -> Self {
        let failures = Failures::new(Arc::clone(tenants.clock()));
        Self { tenants, mode, failures }
    }

    /// Who sent a request with these headers over a connection from this address, with this certificate.
    ///
    /// # Errors
    /// UNAUTHENTICATED, a while after the request came; or the index cannot be read.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        certificate: Option<&ClientCertificate>,
        source: IpAddr,
    ) -> Result<Principal, LeveeError> {
        let arrived = self.tenants.clock().monotonic();
        match self.identify(headers, certificate, source).await {
            Ok(principal) => Ok(principal),
            Err(Refusal::Told(error)) => Err(error),
            Err(Refusal::Rejected(reason)) => {
                self.failures.refuse(source, arrived, reason).await;
                Err(Rejected::from(reason).into())
            }
        }
    }

    /// The caller as it is now.
    ///
    /// # Errors
    /// UNAUTHENTICATED: it was let in once, and would not be again.
    pub fn renew(&self, principal: &Principal) -> Result<Principal, LeveeError> {
        self.resolve(principal.credential.clone()).map_err(|refusal| match refusal {
            Refusal::Told(error) => error,
            Refusal::Rejected(_) => {
                LeveeError::new(ErrorCode::Unauthenticated, "the credential is not valid any more")
                    .with_hint("connect again with one that is")
            }
        })
    }

    /// Is marked as changed when this credential may have stopped counting before it expires, for reasons that are no
    /// change of its tenant.
    #[must_use]
    pub fn changes(&self, credential: &Credential) -> Option<watch::Receiver<()>> {
        match (credential, &self.mode) {
            (Credential::Jwt(_), Mode::Real(Methods { jwts: Some(jwts), .. })) => Some(jwts.changed()),
            _ => None,
        }
    }

    async fn identify(
        &self,
        headers: &HeaderMap,
        certificate: Option<&ClientCertificate>,
        source: IpAddr,
    ) -> Result<Principal, Refusal> {
        let header = single(headers)?;
        let by_certificate = match certificate {
            Some(certificate) => {
                let name = certificate.name.as_str().into();
                match self.resolve(Credential::Certificate(name, certificate.not_after_ms)) {
                    Ok(principal) => Some(principal),
                    // It belongs to nobody: it got the client a connection, and no more.
                    Err(Refusal::Rejected(Reason::UnknownUser)) => None,
                    Err(refusal) => return Err(refusal),
                }
            }
            None => None,
        };
        let by_header = match (&self.mode, header) {
            (Mode::Dev, header) => Some(self.resolve(Credential::Dev(dev::claim(header)?))?),
            (Mode::Real(_), None) => None,
            (Mode::Real(methods), Some(header)) => Some(self.bearer(header, methods, source).await?),
        };
        match (by_header, by_certificate) {
            (Some(header), Some(certificate)) => {
                let is_same =
                    header.tenant.id() == certificate.tenant.id() && header.user.id == certificate.user.id;
                if is_same { Ok(header) } else { Err(Reason::TwoIdentities.into()) }
            }
            (Some(principal), None) | (None, Some(principal)) => Ok(principal),
            (None, None) => Err(LeveeError::new(ErrorCode::Unauthenticated, "the request has no credential")
                .with_hint("send the metadata `authorization: Bearer <token>`")
                .into()),
        }
    }

    /// Checks a token or a JWT.
    async fn bearer(
        &self,
        header: &HeaderValue,
        methods: &Methods,
        source: IpAddr,
    ) -> Result<Principal, Refusal> {
        let text =
            header.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).ok_or(Reason::Malformed)?;
        if methods.has_tokens && text.starts_with(token::PREFIX) {
            return self.token(text, source);
        }
        let jwts = methods.jwts.as_ref().ok_or(Reason::Malformed)?;
        if let Some(verified) = jwts.cached(text) {
            return self.resolve(Credential::Jwt(verified));
        }
        let Admission::Admitted(attempt) = self.failures.admit(source) else {
            return Err(Reason::Throttled.into());
        };
        let principal = self.resolve(Credential::Jwt(jwts.verify(text).await?))?;
        attempt.succeeded();
        Ok(principal)
    }

    fn token(&self, text: &str, source: IpAddr) -> Result<Principal, Refusal> {
        let ApiToken { id, secret } = ApiToken::parse(text).map_err(|_| Reason::Malformed)?;
        let Admission::Admitted(attempt) = self.failures.admit(source) else {
            // A token that is remembered costs nothing to check.
            return match self.remembered_token(id)? {
                Some(stored) if token::matches(&secret, Some(&stored.hash)) => {
                    self.resolve(Credential::Token(id))
                }
                _ => Err(Reason::Throttled.into()),
            };
        };
        let stored = match self.tenants.get(id.tenant())? {
            Some(entry) => match entry.snapshot()? {
                Some(snapshot) => snapshot.token(id)?,
                None => None,
            },
            None => None,
        };
        // Compared with something also when there is nothing, so that it takes as long.
        if !token::matches(&secret, stored.as_ref().map(|stored| &stored.hash)) {
            return Err(Reason::Token.into());
        }
        let principal = self.resolve(Credential::Token(id))?;
        attempt.succeeded();
        Ok(principal)
    }

    fn remembered_token(
        &self,
        id: levee_types::TokenId,
    ) -> Result<Option<Arc<levee_storage::Token>>, LeveeError> {
        let snapshot =
            self.tenants.known_one(id.tenant()).map(|entry| entry.snapshot()).transpose()?.flatten();
        Ok(snapshot.and_then(|snapshot| snapshot.remembered_token(id)))
    }

    /// Who has a credential that was found good.
    fn resolve(&self, credential: Credential) -> Result<Principal, Refusal> {
        let now_ms = self.tenants.clock().unix_ms();
        match &credential {
            Credential::Dev(claim) => self.believe(claim.clone()),
            Credential::Token(id) => {
                let tenant = self.tenants.get(id.tenant())?.ok_or(Reason::Token)?;
                let snapshot = tenant.snapshot()?.ok_or(Reason::Token)?;
                let token = snapshot.token(*id)?.ok_or(Reason::Token)?;
                if token.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
                    return Err(Reason::Expired.into());
                }
                let user = snapshot.user(token.user)?;
                self.admit(tenant, user, token.scopes.clone(), token.expires_ms, credential)
            }
            Credential::Certificate(name, not_after_ms) => {
                let not_after_ms = *not_after_ms;
                if not_after_ms <= now_ms {
                    return Err(Reason::Expired.into());
                }
                let (tenant, user) = self
                    .tenants
                    .shard()
                    .user_of_certificate(name)
                    .map_err(LeveeError::from)?
                    .ok_or(Reason::UnknownUser)?;
                let tenant = self.tenants.get(tenant)?.ok_or(Reason::UnknownUser)?;
                let user = tenant.snapshot()?.ok_or(Reason::UnknownUser)?.user(user)?;
                self.admit(tenant, user, Vec::new(), Some(not_after_ms), credential)
            }
            Credential::Jwt(verified) => {
                let Verified { subject, bound_to, expires_ms, .. } = &**verified;
                let holds = matches!(&self.mode, Mode::Real(Methods { jwts: Some(jwts), .. }) if jwts.holds(verified));
                if !holds {
                    return Err(Reason::Expired.into());
                }
                let tenant = match bound_to {
                    Bound::Tenant(name) => self.tenants.named(name)?,
                    Bound::Operators => self.tenants.get(TenantId::SYSTEM)?,
                };
                let tenant = tenant.ok_or(Reason::UnknownUser)?;
                let user = tenant.snapshot()?.ok_or(Reason::UnknownUser)?.user_named(subject)?;
                let expires_ms = Some(*expires_ms);
                self.admit(tenant, user, Vec::new(), expires_ms, credential)
            }
        }
    }

    #[expect(clippy::unused_self, reason = "it reads as the end of `resolve`")]
    fn admit(
        &self,
        tenant: Arc<TenantEntry>,
        user: Option<Arc<User>>,
        scopes: Vec<TokenScope>,
        expires_ms: Option<i64>,
        credential: Credential,
    ) -> Result<Principal, Refusal> {
        let user = user.ok_or(Reason::UnknownUser)?;
        if user.is_disabled {
            return Err(Reason::Disabled.into());
        }
        Ok(Principal { tenant, user, scopes: scopes.into(), expires_ms, credential })
    }

    /// Development.
    fn believe(&self, claim: DevClaim) -> Result<Principal, Refusal> {
        let (tenant, user) = match &claim {
            DevClaim::Operator => {
                let system = self.tenants.get(TenantId::SYSTEM)?.ok_or(Reason::UnknownUser)?;
                (system, Some(dev_user()))
            }
            DevClaim::Tenant(name) => (self.dev_tenant(name)?, Some(dev_user())),
            DevClaim::User(name, user) => {
                let tenant = self.dev_tenant(name)?;
                let user =
                    tenant.snapshot()?.map(|snapshot| snapshot.user_named(user)).transpose()?.flatten();
                (tenant, user)
            }
        };
        self.admit(tenant, user, Vec::new(), None, Credential::Dev(claim))
    }

    fn dev_tenant(&self, name: &TenantName) -> Result<Arc<TenantEntry>, LeveeError> {
        self.tenants.named(name)?.ok_or_else(|| {
            LeveeError::new(ErrorCode::NotFound, format!("there is no tenant {:?}", name.as_str()))
                .with_hint(format!("create it with: levee tenant create {name}"))
        })
    }
}

/// Who administers in development.
fn dev_user() -> Arc<User> {
    #[expect(clippy::expect_used, reason = "the name is a valid one")]
    let name = UserName::new("dev").expect("a name");
    Arc::new(User {
        id: UserId(0),
        name,
        is_admin: true,
        is_disabled: false,
        groups: Vec::new(),
        certificates: Vec::new(),
        created_ms: 0,
    })
}

/// The one credential of a request.
fn single(headers: &HeaderMap) -> Result<Option<&HeaderValue>, LeveeError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(LeveeError::new(ErrorCode::Unauthenticated, "the request has more than one credential")
            .with_hint("send one"));
    }
    Ok(value)
}
