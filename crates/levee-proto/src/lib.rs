//! Levee's protocol: what `proto/` compiles to, its descriptors, and the check of a record batch at the
//! receiver. Senders convert infallibly; only the receiver validates.

pub mod batch;
mod secret;

/// Generated from `proto/levee/v1`. Fields that hold a record batch are bytes here: see [`batch`].
#[expect(clippy::allow_attributes, reason = "which lints generated code breaks is not ours to know")]
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    missing_docs,
    rust_2018_idioms,
    unreachable_pub,
    reason = "generated"
)]
pub mod v1 {
    tonic::include_proto!("levee.v1");
}

/// The published protocol as a serialized `google.protobuf.FileDescriptorSet`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/levee.v1.bin"));
