//! Quotas: what limits a tenant, its users and its topics, as documents and their evaluation.
//!
//! A [`Quota`] is what people set, with gaps; an [`Effective`] quota is what holds, without gaps and with
//! where it comes from. For a tenant the nearest of its own quota, its plan's and the broker's default holds,
//! as a whole: a gap in a quota is filled with the default of that field, never with the same field of a quota
//! further away. So nobody has to know a plan to know what a quota does. Users and topics have the quotas that are
//! set for them, and no others; they hold beside the tenant's.
//!
//! Must hold: an [`Effective`] quota that came from checked documents can be enforced as it is.

mod dimension;
mod effective;
mod plan;
mod set;
mod simulate;

pub use dimension::{Action, Dimension};
pub use effective::{Effective, EffectiveQuotas, Source};
pub use plan::Plan;
pub use set::{Quota, Quotas};
pub use simulate::{HourOfUse, Simulated, WorstHour, simulate};
