//! What runs the real binaries: end to end, crash, power loss, compatibility.

pub mod history;
