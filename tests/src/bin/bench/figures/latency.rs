//! The time from when a record is due to be sent to its acknowledgement, at 1,000 records a second, beside
//! a bare write and sync of 4 KiB on the same disk; and beside the bare server, which shows what of it is
//! the way over the network and back. A record that waits because an earlier one is slow
//! counts from when it was due. The bare sync is shown in both ways: as long as it took, which is the stricter
//! comparison and has the target, and from when it was due.

use crate::bare::Reads;
use crate::payload::Batch;
use crate::pipeline::{acknowledged, client, connect};
use crate::process::{Kind, Server, TENANT, TOPIC};
use crate::report::{Figure, Target};
use crate::statistics::percentile;
use crate::{Bench, Result};
use bytes::Bytes;
use futures::stream;
use levee_proto::v1;
use rustix::fs::FallocateFlags;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tonic::Request;

/// Between two records.
const INTERVAL: Duration = Duration::from_millis(1);
/// Bytes of a bare write.
const WRITE_BYTES: usize = 4096;
/// With what comes before, a record of 1 KiB.
const VALUE_BYTES: usize = 1024;

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let count = u32::try_from(bench.amount(20_000, 3_000))?;
    // Room for the block of each sync, should the file system write no less.
    let capacity = u64::from(count) * u64::from(bench.rounds + 1) * WRITE_BYTES as u64;
    let levee = Server::start(Kind::Levee, bench, 1, Reads::Nothing, 0, &[]).await?;
    let bare = Server::start(Kind::Bare, bench, 1, Reads::Nothing, capacity, &[]).await?;
    acks(&levee.endpoint(), count / 10).await?;
    acks(&bare.endpoint(), count / 10).await?;
    let directory = bench.fresh()?;
    let (mut of_disk, mut of_bare, mut of_levee) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        let path = directory.path().join(round.to_string());
        of_disk.push(tokio::task::spawn_blocking(move || syncs(&path, count)).await??);
        for kind in Kind::turns(round) {
            match kind {
                Kind::Bare => of_bare.push(acks(&bare.endpoint(), count).await?),
                Kind::Levee => of_levee.push(acks(&levee.endpoint(), count).await?),
            }
        }
    }
    for (percent, target) in [(50.0, Target::None), (99.0, Target::RatioAtMost(3.0)), (99.9, Target::None)] {
        let of = |rounds: &[Vec<f64>]| rounds.iter().map(|samples| percentile(samples, percent)).collect();
        let name = format!("latency: ms, p{percent} of a record at 1,000/s against a 4 KiB fdatasync");
        let took = of_disk.iter().map(|samples| percentile(&samples.took, percent)).collect();
        bench.report.add(Figure { name, peer: took, levee: of(&of_levee), target });
        let due = of_disk.iter().map(|samples| percentile(&samples.since_due, percent)).collect();
        let name = format!("latency: ms, p{percent} against the fdatasync, from when it was due");
        bench.report.add(Figure { name, peer: due, levee: of(&of_levee), target: Target::None });
        let name = format!("latency: ms, p{percent} against the bare server");
        bench.report.add(Figure { name, peer: of(&of_bare), levee: of(&of_levee), target: Target::None });
    }
    Ok(())
}

/// Milliseconds of bare writes with their syncs.
#[derive(Default)]
struct Syncs {
    took: Vec<f64>,
    since_due: Vec<f64>,
}

/// Writes and syncs at the same pace, into a file that was made large enough.
fn syncs(path: &Path, count: u32) -> std::io::Result<Syncs> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, u64::from(count) * WRITE_BYTES as u64)?;
    file.sync_all()?;
    let bytes = [7; WRITE_BYTES];
    let mut samples = Syncs::default();
    let start = Instant::now();
    for number in 0..count {
        let due = start + INTERVAL * number;
        wait_until(due);
        let began = Instant::now();
        file.write_all_at(&bytes, u64::from(number) * WRITE_BYTES as u64)?;
        rustix::fs::fdatasync(&file)?;
        samples.took.push(milliseconds(began.elapsed()));
        samples.since_due.push(milliseconds(due.elapsed()));
    }
    Ok(samples)
}

/// Milliseconds to each acknowledgement.
async fn acks(endpoint: &str, count: u32) -> Result<Vec<f64>> {
    acks_of(endpoint, count, &format!("Dev tenant {TENANT}"), TOPIC).await
}

/// The same for somebody else.
pub(super) async fn acks_of(
    endpoint: &str,
    count: u32,
    credential: &str,
    topic: &'static str,
) -> Result<Vec<f64>> {
    let batch = Batch::of(std::iter::once(Bytes::from(vec![7; VALUE_BYTES])));
    let (send, due) = mpsc::unbounded_channel();
    // A thread of its own: the runtime's timers count in milliseconds.
    let pace = move |start: Instant| {
        for number in 0..count {
            wait_until(start + INTERVAL * number);
            let request = batch.request(topic, 0, None);
            if send
                .send(v1::ProduceStreamRequest { correlation_id: number.into(), request: Some(request) })
                .is_err()
            {
                return;
            }
        }
    };
    let requests =
        stream::unfold(due, |mut due| async move { due.recv().await.map(|request| (request, due)) });
    let mut request = Request::new(requests);
    request.metadata_mut().insert("authorization", credential.parse()?);
    let mut answers = client(connect(endpoint).await?).produce_stream(request).await?.into_inner();
    let start = Instant::now();
    let pacer = std::thread::spawn(move || pace(start));
    let mut samples = Vec::with_capacity(count as usize);
    for number in 0..count {
        acknowledged(&mut answers, number.into()).await?;
        samples.push(milliseconds((start + INTERVAL * number).elapsed()));
    }
    pacer.join().map_err(|_| "the pacer panicked")?;
    Ok(samples)
}

fn wait_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
