//! Access rules: what the users of a tenant may do with its topics and groups, and the evaluation of them.
//!
//! Must hold: what no rule allows is refused; a rule that denies beats all that allow; the order of the rules
//! does not matter; a rule about topics says nothing about groups, and the other way round. An administrator needs no rule, but is bound by those that deny.
//!
//! Patterns are exact names and prefixes only: both are found by a look-up, so that what a decision costs
//! does not grow with the rules.

mod explain;
mod operation;
mod pattern;
mod policy;
mod resource;
mod rule;
mod slots;

pub use explain::Explanation;
pub use operation::{AclOperation, AclOperations, UnknownOperation};
pub use pattern::Pattern;
pub use policy::{AclPolicy, Decision};
pub use resource::{Resource, ResourceKind};
pub use rule::{AclRule, Effect, Member, Subject, TokenScope, scopes_allow};

#[cfg(test)]
mod tests;
