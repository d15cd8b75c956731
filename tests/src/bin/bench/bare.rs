//! A bare tonic server: what any broker has to do at least, with the broker's own limits of HTTP/2 and the
//! generated code of the same services. It checks nothing, knows no topics, and keeps one file.
//!
//! It runs as a process of its own, so that its CPU time can be told from the load's.

mod append;
mod kept;
pub(crate) mod rocks;
mod service;

use crate::Result;
use append::Appender;
use clap::{Args, ValueEnum};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kept::Kept;
use levee_broker::transport::accept;
use levee_broker::transport::limits::http2;
use levee_proto::v1::produce_service_server::ProduceServiceServer;
use levee_proto::v1::read_service_server::ReadServiceServer;
use levee_types::limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};
use service::Bare;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::service::Routes;
use tower::ServiceExt as _;

/// What the server is to do.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file that everything is appended to
    #[arg(long)]
    file: PathBuf,
    /// Where it listens
    #[arg(long)]
    port: u16,
    /// Bytes that the file is made for
    #[arg(long)]
    capacity: u64,
    /// Where reads are served from
    #[arg(long)]
    reads: Reads,
}

/// Where reads are served from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reads {
    /// Nothing can be read
    Nothing,
    /// Recent batches, as many bytes as the broker's tail cache has by default
    Recent,
    /// All batches, in memory
    Memory,
    /// All batches, in the file
    File,
}

impl Reads {
    /// As it is given on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Recent => "recent",
            Self::Memory => "memory",
            Self::File => "file",
        }
    }
}

/// Serves until it is killed, or whoever started it is gone.
#[tokio::main]
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let kept = Arc::new(Kept::new(arguments.reads));
    let (appender, file) = Appender::start(&arguments.file, arguments.capacity, Arc::clone(&kept))?;
    let bare = Bare { appender: Arc::new(appender), kept, file };
    let produce = ProduceServiceServer::new(bare.clone())
        .max_decoding_message_size(MAX_REQUEST_BYTES)
        .max_encoding_message_size(MAX_RESPONSE_BYTES);
    let read = ReadServiceServer::new(bare)
        .max_decoding_message_size(MAX_REQUEST_BYTES)
        .max_encoding_message_size(MAX_RESPONSE_BYTES);
    listen(arguments.port, Routes::new(produce).add_service(read).prepare()).await
}

/// Serves on loopback.
async fn listen(port: u16, routes: Routes) -> Result<()> {
    let listener = accept::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, routes.clone()));
    }
}

async fn serve(stream: TcpStream, routes: Routes) {
    let service =
        service_fn(move |request: http::Request<Incoming>| routes.clone().oneshot(request.map(Body::new)));
    // Clients go as they like.
    let _ = http2(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}
