//! A network that breaks: forwards connections to a broker and cuts each after a random number of bytes.

use crate::seed::Seed;
use crate::wait;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy, until dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    cuts: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Forwards to `target`, an address and port. Each direction of a connection carries a random number of
    /// bytes out of `bytes`; then both are cut.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start(target: &str, bytes: Range<u64>, mut seed: Seed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let cuts = Arc::<AtomicU64>::default();
        let (target, counter) = (target.to_owned(), Arc::clone(&cuts));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (up, down) = (seed.range(bytes.clone()), seed.range(bytes.clone()));
                let (target, counter) = (target.clone(), Arc::clone(&counter));
                tokio::spawn(async move {
                    // Nobody there: the client's connection is closed.
                    let Ok(server) = TcpStream::connect(target).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::select! {
                        () = carry(from_client, to_server, up) => {}
                        () = carry(from_server, to_client, down) => {}
                    }
                    counter.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        Self { address, cuts, task }
    }

    /// Where clients connect.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections have ended.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Waits until that many connections have ended, so that there is something to judge.
    ///
    /// # Panics
    /// When a minute is not enough.
    pub async fn has_cut(&self, connections: u64) {
        let enough = || (self.cuts() >= connections).then_some(());
        wait::until("connections are cut", Duration::from_secs(60), enough).await;
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut bytes: u64) {
    let mut buffer = vec![0; 16 * 1024];
    while bytes > 0 {
        let room = usize::try_from(bytes).unwrap_or(usize::MAX).min(buffer.len());
        match from.read(&mut buffer[..room]).await {
            Ok(read @ 1..) if to.write_all(&buffer[..read]).await.is_ok() => bytes -= read as u64,
            _ => return,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
