//! The buckets of a tenant and its parts.

use super::Charge;
use super::bucket::Bucket;
use super::events::Level;
use super::limits::{Limits, of_part};
use levee_types::quota::{Dimension, Effective, Quotas, Source};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Rates are the first dimensions.
const RATES: [Dimension; 4] = [Dimension::Ingress, Dimension::Egress, Dimension::Requests, Dimension::Admin];

/// A bucket for each rate.
#[derive(Debug, Default)]
pub(super) struct Rates([Arc<Bucket>; RATES.len()]);

impl Rates {
    pub(super) fn set(&self, dimension: Dimension, quota: Option<Effective>) {
        if let Some(bucket) = self.of(dimension) {
            bucket.set(quota);
        }
    }

    fn of(&self, dimension: Dimension) -> Option<&Arc<Bucket>> {
        RATES.iter().position(|known| *known == dimension).map(|index| &self.0[index])
    }
}

/// The buckets of users or topics that have quotas of their own.
type Parts = RwLock<HashMap<String, Arc<Rates>>>;

/// The buckets of a tenant.
#[derive(Debug, Default)]
pub(super) struct Levels {
    tenant: Rates,
    users: Parts,
    topics: Parts,
}

impl Levels {
    pub(super) fn apply(&self, limits: &Limits) {
        for dimension in RATES {
            self.tenant.set(dimension, limits.of(dimension));
        }
        let users = limits.users().iter().map(|(name, quotas)| (name.as_str(), quotas));
        apply_to_parts(&self.users, users, Source::User);
        let topics = limits.topics().iter().map(|(name, quotas)| (name.as_str(), quotas));
        apply_to_parts(&self.topics, topics, Source::Topic);
    }

    /// The buckets that a charge goes to, the node's last.
    pub(super) fn of(&self, node: &Rates, charge: Charge<'_>) -> [Option<(Level, Arc<Bucket>)>; 4] {
        let Charge { dimension, user, topic, .. } = charge;
        let bucket = |rates: &Rates, level| rates.of(dimension).map(|bucket| (level, Arc::clone(bucket)));
        [
            bucket(&self.tenant, Level::Tenant),
            part(&self.users, user).and_then(|rates| bucket(&rates, Level::User)),
            topic
                .and_then(|topic| part(&self.topics, topic.as_str()))
                .and_then(|rates| bucket(&rates, Level::Topic)),
            bucket(node, Level::Node),
        ]
    }
}

fn part(parts: &Parts, name: &str) -> Option<Arc<Rates>> {
    let parts = parts.read().unwrap_or_else(PoisonError::into_inner);
    if parts.is_empty() { None } else { parts.get(name).cloned() }
}

fn apply_to_parts<'a>(parts: &Parts, set: impl Iterator<Item = (&'a str, &'a Quotas)>, source: Source) {
    let mut parts = parts.write().unwrap_or_else(PoisonError::into_inner);
    let mut next = HashMap::new();
    for (name, quotas) in set {
        // One that had a bucket keeps it, with its debt.
        let rates = parts.remove(name).unwrap_or_default();
        for dimension in RATES {
            rates.set(dimension, of_part(quotas, dimension, source));
        }
        next.insert(name.to_owned(), rates);
    }
    *parts = next;
}
