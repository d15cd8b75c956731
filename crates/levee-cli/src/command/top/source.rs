//! What the server tells: running counters of tenants, or of the topics of one.
//!
//! Must hold: each look asks for a bounded number of lines. It is more than is shown, so that a line that comes up has
//! been seen before.

use super::rates::{Amounts, Counted, Time};
use crate::address::full_name;
use crate::cli::top::{By, Sort, TopArgs};
use crate::failure::Failure;
use crate::session::{Scope, Session};
use levee_client::v1::{
    CounterTime, ListTenantCountersRequest, ListTopicCountersRequest, TenantCounters, TenantOrder,
};
use levee_types::TenantName;
use levee_types::limits::MAX_PAGE_SIZE;

/// Topics that are looked at, at most, but for the rest of a page: the first ones by their names.
const MAX_TOPICS: usize = MAX_PAGE_SIZE as usize;

/// One tenant or topic.
#[derive(Debug)]
pub(super) struct Line {
    /// As it is addressed.
    pub(super) name: String,
    pub(super) counted: Counted,
    pub(super) stored_bytes: u64,
    /// What only tenants have.
    pub(super) tenant: Option<TenantCounters>,
    /// What only topics have.
    pub(super) partitions: Option<u32>,
}

/// One look.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) lines: Vec<Line>,
    /// There are more, which were not looked at.
    pub(super) has_more: bool,
}

impl<'a> IntoIterator for &'a Reading {
    type Item = (&'a str, Counted);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.lines.iter().map(|line| (line.name.as_str(), line.counted)))
    }
}

/// Where counters come from.
pub(super) struct Source<'a> {
    session: &'a Session,
    args: &'a TopArgs,
    scope: Scope,
}

impl<'a> Source<'a> {
    /// # Errors
    /// The endpoint or the credential is unusable; topics, and nothing says of which tenant.
    pub(super) fn new(args: &'a TopArgs, session: &'a Session) -> Result<Self, Failure> {
        let scope = match args.by {
            By::Tenant => session.tenant_or_all()?,
            By::Topic => session.topics_of(session.tenant())?,
        };
        Ok(Self { session, args, scope })
    }

    pub(super) async fn read(&self) -> Result<Reading, Failure> {
        match self.args.by {
            By::Tenant => self.tenants().await,
            By::Topic => self.topics().await,
        }
    }

    async fn tenants(&self) -> Result<Reading, Failure> {
        let request = ListTenantCountersRequest {
            tenant: self.scope.tenant.clone(),
            order: order(self.args.sort).into(),
            limit: MAX_PAGE_SIZE,
        };
        let answer = self.session.ask(self.scope.admin().list_tenant_counters(request)).await?;
        let time = time(answer.time);
        let lines: Vec<_> = answer.tenants.into_iter().map(|tenant| tenant_line(time, tenant)).collect();
        Ok(Reading { has_more: answer.total > lines.len() as u64, lines })
    }

    async fn topics(&self) -> Result<Reading, Failure> {
        let admin = self.scope.admin();
        let (mut lines, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListTopicCountersRequest {
                tenant: self.scope.tenant.clone(),
                prefix: self.args.prefix.clone(),
                page_size: MAX_PAGE_SIZE,
                page_token,
            };
            let page = self.session.ask(admin.list_topic_counters(request)).await?;
            let time = time(page.time);
            let of: Option<&TenantName> = self.session.tenant();
            lines.extend(page.topics.into_iter().map(|topic| Line {
                name: full_name(of, &topic.name),
                counted: Counted {
                    time,
                    amounts: Amounts {
                        bytes_in: topic.bytes_in,
                        records_in: topic.records_in,
                        ..Amounts::default()
                    },
                },
                stored_bytes: topic.stored_bytes,
                tenant: None,
                partitions: Some(topic.partitions),
            }));
            page_token = page.next_page_token;
            if page_token.is_empty() || lines.len() >= MAX_TOPICS {
                return Ok(Reading { lines, has_more: !page_token.is_empty() });
            }
        }
    }
}

fn tenant_line(time: Time, tenant: TenantCounters) -> Line {
    let amounts = Amounts {
        bytes_in: tenant.bytes_in,
        records_in: tenant.records_in,
        bytes_out: tenant.bytes_out,
        records_out: tenant.records_out,
        requests: tenant.requests,
        throttled_ms: tenant.throttled_ms,
    };
    Line {
        name: tenant.tenant.clone(),
        counted: Counted { time, amounts },
        stored_bytes: tenant.stored_bytes,
        tenant: Some(tenant),
        partitions: None,
    }
}

fn time(time: Option<CounterTime>) -> Time {
    let CounterTime { run_id, monotonic_ms } = time.unwrap_or_default();
    Time { run_id, monotonic_ms }
}

fn order(sort: Sort) -> TenantOrder {
    match sort {
        Sort::In | Sort::Stored | Sort::Name => TenantOrder::BytesIn,
        Sort::Out => TenantOrder::BytesOut,
        Sort::RecordsIn => TenantOrder::RecordsIn,
        Sort::RecordsOut => TenantOrder::RecordsOut,
        Sort::Requests => TenantOrder::Requests,
        Sort::Throttled => TenantOrder::Throttled,
        Sort::Connections => TenantOrder::Connections,
        Sort::Streams => TenantOrder::Streams,
    }
}
