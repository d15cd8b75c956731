//! Certificates that change while clients connect.

use super::authority::{Authority, Issued};
use super::client::{call, channel, config, connect};
use super::files::Files;
use crate::harness::{Broker, PATIENCE};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::time::timeout;

/// What clients that connect all the time meet.
struct Load {
    connected: AtomicU64,
    failures: AtomicU64,
    is_over: AtomicBool,
}

impl Load {
    async fn run(self: Arc<Self>, broker: std::net::SocketAddr, authority: Arc<Authority>) {
        while !self.is_over.load(Ordering::Relaxed) {
            match call(&channel(broker, config(&authority, None))).await {
                Ok(()) => self.connected.fetch_add(1, Ordering::Relaxed),
                Err(_) => self.failures.fetch_add(1, Ordering::Relaxed),
            };
        }
    }

    /// Waits for some more connections.
    async fn more(&self) {
        let before = self.connected.load(Ordering::Relaxed);
        let more = async {
            while self.connected.load(Ordering::Relaxed) < before + 20 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, more).await.unwrap();
    }
}

/// Whether the broker shows this certificate.
async fn shows(broker: &Broker, authority: &Authority, issued: &Issued) -> bool {
    let stream = connect(broker.grpc, &Arc::new(config(authority, None))).await.unwrap();
    stream.get_ref().1.peer_certificates() == Some(&issued.chain())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_fails_while_certificates_change() {
    let authority = Arc::new(Authority::new("servers"));
    let mut present = authority.server();
    let files = Files::new(&present);
    let broker = files.start().await;
    let lasting = channel(broker.grpc, config(&authority, None));
    call(&lasting).await.unwrap();

    let load = Arc::new(Load {
        connected: AtomicU64::new(0),
        failures: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    });
    let clients: Vec<_> =
        (0..4).map(|_| tokio::spawn(Arc::clone(&load).run(broker.grpc, Arc::clone(&authority)))).collect();
    for _ in 0..10 {
        let next = authority.server();
        // At first they do not belong together, and then they are no certificates at all.
        files.write("certificate", &next.certificate);
        load.more().await;
        assert!(shows(&broker, &authority, &present).await);
        files.write("key", "nothing");
        load.more().await;
        assert!(shows(&broker, &authority, &present).await);
        files.write("key", &next.key);
        let is_shown = async { while !shows(&broker, &authority, &next).await {} };
        timeout(PATIENCE, is_shown).await.unwrap();
        present = next;
    }
    load.more().await;
    load.is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(load.failures.load(Ordering::Relaxed), 0);
    assert!(load.connected.load(Ordering::Relaxed) > 400);
    call(&lasting).await.unwrap();
    broker.stop().await;
}
