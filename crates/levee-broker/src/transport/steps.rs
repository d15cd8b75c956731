//! The steps of [`super::stack`], in their order there.

pub(crate) mod request_id;

pub(super) mod observe;

pub(super) mod explain;

pub(super) mod concurrency;

pub(super) mod deadline;

pub(super) mod retire;

pub(super) mod authenticate;

pub(super) mod admit;

pub(super) mod outgoing;
