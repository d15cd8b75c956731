//! Compiles `proto/` without `protoc`.
//!
//! A batch is stored and served verbatim, so the generated code carries it as bytes: in protobuf an
//! embedded message and a `bytes` field look the same on the wire. The descriptors for reflection stay
//! as published.

use prost::Message as _;
use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::Type;
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

/// Fields of the published protocol that the generated code carries as bytes.
const OPAQUE: [(&str, &str); 4] = [
    ("ProduceRequest", "batch"),
    ("StoredBatch", "batch"),
    ("ExportedBatch", "batch"),
    ("TransactionBatch", "batch"),
];

/// Messages that hold a secret: their `Debug` is written by hand, in `src/secret.rs`.
const SECRET: [&str; 1] = [".levee.v1.IssueTokenResponse"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files: Vec<PathBuf> = fs::read_dir(root.join("levee/v1"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut descriptors = protox::compile(&files, [&root])?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let published = FileDescriptorSet { file: descriptors.file.clone() };
    fs::write(out.join("levee.v1.bin"), published.encode_to_vec())?;

    make_opaque(&mut descriptors);
    tonic_prost_build::configure().bytes(".").skip_debug(SECRET).compile_fds(descriptors)?;
    Ok(())
}

fn make_opaque(descriptors: &mut FileDescriptorSet) {
    for message in descriptors.file.iter_mut().flat_map(|file| &mut file.message_type) {
        for field in &mut message.field {
            if OPAQUE.contains(&(message.name.as_deref().unwrap_or(""), field.name())) {
                field.set_type(Type::Bytes);
                field.type_name = None;
            }
        }
    }
}
