//! D5 and D7: damaged and missing files. A broker that opens serves everything that was acked, or answers
//! with an explicit error; otherwise it refuses to open and says why. Never does it start with fewer records.

use crate::{cycles, small};
use levee_client::Error;
use levee_tests::broker::{Broker, Setup};
use levee_tests::files;
use levee_tests::history::Class;
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_types::ErrorCode;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Positions of damage: what a file system loses is a block.
const BLOCK: u64 = 4096;

/// A data directory of a broker that is down, and what it had acked.
struct Sample {
    dir: TempDir,
    setup: Setup,
    world: World,
    recorder: Arc<Recorder>,
}

/// What became of a damaged copy.
#[derive(Debug)]
enum Outcome {
    /// The broker did not open it.
    Refused(String),
    /// It opened it, and a read answered with this.
    Failed(Error),
    /// Everything is there.
    Complete,
}

impl Sample {
    /// Writes at least `records` of about `bytes`; in the middle the broker is down for a moment, and its
    /// directory is copied to `older`. In the end the broker is killed, so that the index is behind the journal.
    async fn killed(test: &str, records: u64, bytes: usize) -> Self {
        let (sample, mut broker) = Self::make(test, records, bytes).await;
        broker.kill();
        sample
    }

    /// The same with a broker that was stopped, so that the index covers all of the journal.
    async fn stopped(test: &str, records: u64, bytes: usize) -> Self {
        let (sample, broker) = Self::make(test, records, bytes).await;
        broker.stop().await;
        sample
    }

    async fn make(test: &str, records: u64, bytes: usize) -> (Self, Broker) {
        let mut seed = Seed::from_env(test);
        let dir = tempfile::tempdir().expect("a directory");
        let setup = small(&dir.path().join("data"));
        let recorder = Recorder::new(test);
        let mut broker = Broker::start(&setup).await;
        let world = World::create(&broker.endpoint(), 3, &recorder).await;
        for half in 0..2 {
            if half == 1 {
                broker.stop().await;
                files::copy(&setup.data, &dir.path().join("older"));
                broker = Broker::start(&setup).await;
            }
            let pace = Pace { burst: 20, every: Duration::from_millis(2), bytes };
            let writers = Writers::start(&world, 2, pace, &mut seed);
            world.progress(records / 2).await;
            let failures = writers.stop().await;
            assert!(failures.is_empty(), "{failures:?}");
        }
        (Self { dir, setup, world, recorder }, broker)
    }

    /// Gives a copy a file or directory back as it was when half was written.
    fn put_back(&self, copy: &Path, name: &Path) {
        let target = copy.join(name);
        if target.is_dir() {
            fs::remove_dir_all(&target).expect("a directory");
        } else if target.exists() {
            fs::remove_file(&target).expect("a file");
        }
        files::copy(&self.dir.path().join("older").join(name), &target);
    }

    /// The newest segment when half was written.
    fn older_newest(&self) -> PathBuf {
        let older = self.dir.path().join("older");
        let newest = files::segments(&older).pop().expect("a segment");
        newest.strip_prefix(&older).expect("a file of the older copy").to_owned()
    }

    /// Does harm to a copy and opens it. `what` names the harm.
    ///
    /// Panics when records are missing without an error, or others are there.
    async fn open(&self, what: &str, harm: impl FnOnce(&Path)) -> Outcome {
        let copy = self.dir.path().join("copy");
        files::copy(&self.setup.data, &copy);
        harm(&copy);
        let setup = self.setup.on(&copy).expecting_errors();
        let outcome = match Broker::try_start(&setup).await {
            Err(refusal) => {
                assert!(!refusal.status.success(), "{what}: refused with success");
                assert!(refusal.status.code().is_some(), "{what}: died instead of refusing: {refusal}");
                assert!(!refusal.log.contains("panicked at"), "{what}: {refusal}");
                let parts = ["journal", "index", "watermark", "LEVEE"];
                let names_one = parts.iter().any(|part| refusal.log.contains(part));
                assert!(names_one, "{what}: it does not say what is damaged: {refusal}");
                Outcome::Refused(refusal.log)
            }
            Ok(broker) => {
                let recorder = self.recorder.fork("copy");
                let drained = drain(&self.world.at(&broker.endpoint(), &recorder)).await;
                let report = recorder.judge();
                match drained {
                    Ok(_) => {
                        assert!(report.is_ok(), "{what}: opened, and reads give:\n{report}");
                        Outcome::Complete
                    }
                    Err(error) => {
                        assert_eq!(error.code(), Some(ErrorCode::DataCorrupt), "{what}: {error}");
                        for class in
                            [Class::Phantom, Class::InconsistentOffset, Class::Duplicate, Class::Skip]
                        {
                            assert_eq!(
                                report.count(class),
                                0,
                                "{what}: before the error, reads gave:\n{report}"
                            );
                        }
                        Outcome::Failed(error)
                    }
                }
            }
        };
        fs::remove_dir_all(&copy).expect("the copy can be removed");
        println!("{what}: {}", outcome.summary());
        outcome
    }
}

impl Outcome {
    /// One line.
    fn summary(&self) -> String {
        match self {
            Self::Refused(log) => format!("refused: {}", log.lines().last().unwrap_or_default()),
            Self::Failed(error) => format!("opened, reading fails: {error}"),
            Self::Complete => "opened with everything".to_owned(),
        }
    }
}

/// Reads each acked record of the damaged copy or gets an error, whatever is damaged.
async fn flip_and_cut(sample: &Sample, file: &Path, position: u64, bit: u8) {
    let name = file.strip_prefix(&sample.setup.data).expect("a file of the sample").to_owned();
    sample
        .open(&format!("bit {bit} of {} at {position}", name.display()), |copy| {
            files::flip(&copy.join(&name), position, bit);
        })
        .await;
    let cut = position / BLOCK * BLOCK;
    sample
        .open(&format!("{} cut to {cut}", name.display()), |copy| {
            files::truncate(&copy.join(&name), cut);
        })
        .await;
}

/// The files whose damage matters, with the length of what is in them.
fn damageable(data: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = files::under(data);
    // RocksDB's log for people, and the lock.
    files.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        !name.starts_with("LOG") && name != "LOCK"
    });
    let with_length = |path: PathBuf| (files::used(&path), path);
    files
        .into_iter()
        .map(with_length)
        .filter(|(used, _)| *used > 0)
        .map(|(used, path)| (path, used))
        .collect()
}

/// Flips bits and cuts at the beginning, at the end and at random places of each file that `places` gives a
/// number of them for.
async fn damage(sample: &Sample, seed: &mut Seed, places: impl Fn(&Path) -> Option<u64>) {
    for (file, used) in damageable(&sample.setup.data) {
        let Some(places) = places(&file) else { continue };
        let random: Vec<u64> = (0..places).map(|_| seed.range(0..used)).collect();
        for position in [0, used - 1].into_iter().chain(random) {
            let bit = u8::try_from(seed.range(0..8)).unwrap_or(0);
            flip_and_cut(sample, &file, position, bit).await;
        }
    }
}

fn is_segment(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "seg")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_damage_is_never_silent_loss() {
    let sample = Sample::killed("d5", 3_000, 7_000).await;
    let mut seed = Seed::from_env("d5-places");
    let whole = sample.open("no damage", |_| ()).await;
    assert!(matches!(whole, Outcome::Complete), "{whole:?}");
    // More often where more is.
    damage(&sample, &mut seed, |file| Some(if is_segment(file) { 20 } else { 4 })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_damage_behind_a_graceful_stop_is_never_silent_loss() {
    let sample = Sample::stopped("d5-stopped", 300, 7_000).await;
    let mut seed = Seed::from_env("d5-stopped-places");
    let whole = sample.open("no damage", |_| ()).await;
    assert!(matches!(whole, Outcome::Complete), "{whole:?}");
    damage(&sample, &mut seed, |file| is_segment(file).then_some(10)).await;

    // The index covers the last entry, so nothing is replayed; but where it ends is where the next one begins.
    let segment = files::segments(&sample.setup.data).pop().expect("a segment");
    let bytes = fs::read(&segment).expect("a segment");
    let last = bytes.windows(4).rposition(|bytes| bytes == b"LVE1").expect("an entry") as u64;
    let name = segment.strip_prefix(&sample.setup.data).expect("a file of the sample");
    for (what, byte) in [("operations", 24), ("payload", 28)] {
        for bit in [2, 6] {
            let flip = |copy: &Path| files::flip(&copy.join(name), last + byte, bit);
            refuses(
                &sample.open(&format!("bit {bit} of the length of the {what} of the last entry"), flip).await,
            );
        }
    }
}

/// One flipped bit of a MANIFEST can keep RocksDB busy for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_damaged_manifest_ends_the_start() {
    let sample = Sample::stopped("d5-manifest", 100, 1_000).await;
    let files = files::under(&sample.setup.data.join("index"));
    let is_manifest = |file: &&PathBuf| file.to_string_lossy().contains("/MANIFEST-");
    let manifest = files.iter().find(is_manifest).expect("a MANIFEST");
    let bytes = fs::read(manifest).expect("a MANIFEST");
    // A record is checksum, length in two bytes, type, payload.
    let second = 7 + u64::from(u16::from_le_bytes([bytes[4], bytes[5]]));
    let name = manifest.strip_prefix(&sample.setup.data).expect("a file of the sample");
    let flip = |copy: &Path| files::flip(&copy.join(name), second + 6, 2);
    refuses(&sample.open("the type of the second record of the MANIFEST", flip).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make chaos"]
async fn chaos_d5_damage_is_never_silent_loss() {
    let sample = Sample::killed("chaos-d5", 3_000, 7_000).await;
    let mut seed = Seed::from_env("chaos-d5-places");
    let step = usize::try_from(BLOCK).unwrap_or(usize::MAX);
    let files = damageable(&sample.setup.data);
    // Somewhere in every block of every file.
    for _ in 0..cycles(1) {
        for (file, used) in &files {
            for block in (0..*used).step_by(step) {
                let position = seed.range(block..(block + BLOCK).min(*used));
                let bit = u8::try_from(seed.range(0..8)).unwrap_or(0);
                flip_and_cut(&sample, file, position, bit).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d7_lost_files_are_noticed() {
    let sample = Sample::killed("d7", 8_000, 9_000).await;
    let segments = files::segments(&sample.setup.data);
    assert!(segments.len() >= 4, "too few segments to lose one: {segments:?}");
    let name = |path: &Path| path.strip_prefix(&sample.setup.data).expect("a file of the sample").to_owned();
    let newest = name(&segments[segments.len() - 1]);
    let middle = name(&segments[segments.len() / 2]);
    let oldest = name(&segments[0]);
    for (what, file) in [("newest", &newest), ("middle", &middle), ("oldest", &oldest)] {
        let harm = |copy: &Path| fs::remove_file(copy.join(file)).expect("a segment");
        let outcome = sample.open(&format!("the {what} segment is lost"), harm).await;
        let Outcome::Refused(log) = outcome else { panic!("the {what} segment is lost: {outcome:?}") };
        let number = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let number = number.trim_start_matches('0');
        assert!(log.contains(number), "it does not say which segment is missing ({number}):\n{log}");
    }

    let index = Path::new("index");
    let lose_index = |copy: &Path| fs::remove_dir_all(copy.join(index)).expect("the index");
    opens_or_refuses(sample.open("the index is lost", lose_index).await);
    let older_index = |copy: &Path| sample.put_back(copy, index);
    opens_or_refuses(sample.open("an older index", older_index).await);
    let older_segment = |copy: &Path| sample.put_back(copy, &sample.older_newest());
    opens_or_refuses(sample.open("an older segment", older_segment).await);
    let both = |copy: &Path| {
        fs::remove_file(copy.join(&newest)).expect("a segment");
        lose_index(copy);
    };
    refuses(&sample.open("the newest segment and the index are lost", both).await);
    let both = |copy: &Path| {
        fs::remove_file(copy.join(&newest)).expect("a segment");
        older_index(copy);
    };
    refuses(&sample.open("the newest segment is lost, and the index older", both).await);
}

/// The same where everything is in one segment: the older copy of it looks like a journal that ends earlier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d7_older_files_are_noticed() {
    let sample = Sample::killed("d7-older", 1_000, 3_000).await;
    assert_eq!(files::segments(&sample.setup.data).len(), 1, "everything is in one segment");
    let (index, watermark) = (Path::new("index"), Path::new("watermark"));
    let segment = sample.older_newest();
    let older_segment = |copy: &Path| sample.put_back(copy, &segment);
    refuses(&sample.open("an older segment", older_segment).await);
    let both = |copy: &Path| {
        older_segment(copy);
        sample.put_back(copy, index);
    };
    refuses(&sample.open("an older segment and an older index", both).await);
    let both = |copy: &Path| {
        older_segment(copy);
        fs::remove_dir_all(copy.join(index)).expect("the index");
    };
    refuses(&sample.open("an older segment, and the index is lost", both).await);
    opens_or_refuses(sample.open("an older index", |copy| sample.put_back(copy, index)).await);
    opens_or_refuses(sample.open("an older watermark", |copy| sample.put_back(copy, watermark)).await);
    let lose = |copy: &Path| fs::remove_file(copy.join(watermark)).expect("the watermark");
    opens_or_refuses(sample.open("the watermark is lost", lose).await);
}

fn refuses(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}

/// A file that is not there must be noticed when the broker opens, not when somebody reads.
fn opens_or_refuses(outcome: Outcome) {
    match outcome {
        Outcome::Complete => {}
        Outcome::Refused(log) => {
            let names = ["journal", "index", "watermark", "segment"];
            assert!(names.iter().any(|name| log.contains(name)), "it does not say what is missing:\n{log}");
        }
        Outcome::Failed(error) => panic!("opened, and then: {error}"),
    }
}
