//! The same against a real S3 server: versitygw, which serves a directory.
//!
//! `go install github.com/versity/versitygw/cmd/versitygw@v1.8.0` makes it; it is looked for in `VERSITYGW`, on the
//! path and in `~/go/bin`.

use super::{back_up, restore};
use levee_tests::broker::{Broker, Setup, free_port};
use levee_tests::load::{Pace, World, Writers, drain};
use levee_tests::recorder::Recorder;
use levee_tests::seed::Seed;
use levee_tests::tenancy::{name, operator};
use levee_tests::wait;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KEY: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "levee-tests"), ("AWS_SECRET_ACCESS_KEY", "not-a-secret")];

/// A server that ends with this.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    async fn start(binary: &Path, directory: &Path) -> Self {
        let port = free_port();
        fs::create_dir_all(directory.join("backups")).expect("a bucket");
        let child = Command::new(binary)
            .args(["--port", &format!("127.0.0.1:{port}"), "--access", KEY[0].1, "--secret", KEY[1].1])
            .args(["--quiet", "posix", "--nometa"])
            .arg(directory)
            .stdout(Stdio::null())
            .spawn()
            .expect("the server runs");
        let server = Self { child, port };
        let answers = || TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(());
        wait::until("the server listens", Duration::from_secs(30), answers).await;
        server
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server() -> Option<PathBuf> {
    let named = std::env::var_os("VERSITYGW").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join("go/bin"));
    let on_path = std::env::split_paths(&path).chain(home).map(|directory| directory.join("versitygw"));
    named.into_iter().chain(on_path).find(|file| file.is_file())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_backups_go_to_an_s3_server() {
    let Some(binary) = server() else {
        return wait::skipped(
            "d10_backups_go_to_an_s3_server",
            "there is no S3 server; make one with: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0",
        );
    };
    let mut seed = Seed::from_env("d10-s3");
    let dir = tempfile::tempdir().expect("a directory");
    let bucket = dir.path().join("s3");
    let server = Server::start(&binary, &bucket).await;
    let environment: Vec<String> = KEY.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let wrapper: Vec<&str> = std::iter::once("env").chain(environment.iter().map(String::as_str)).collect();
    let setup = crate::small(&dir.path().join("data"))
        .set_text("backup.url", "s3://backups/levee/one")
        .set_text("backup.s3_endpoint", &server.endpoint())
        .set_text("backup.s3_allow_http", "true")
        .through(&wrapper);
    let broker = Broker::start(&setup).await;
    let admin = operator(&broker.endpoint());
    let recorder = Recorder::new("d10-s3");
    let world = World::create(&broker.endpoint(), 2, &recorder).await;
    let writers = Writers::start(&world, 2, Pace { bytes: 10_000, ..Pace::default() }, &mut seed);
    world.progress(1_000).await;
    let first = back_up(&admin).await;
    world.progress(1_000).await;
    let since = Instant::now();
    let second = back_up(&admin).await;
    assert!(second.written_bytes < second.bytes && second.sequence > first.sequence, "{second:?}");
    writers.stop().await;
    assert_eq!(admin.list_backups().await.expect("a list").backups, [first, second.clone()]);
    assert_eq!(fs::read_dir(bucket.join("backups/levee/one/backups")).expect("objects").count(), 2);

    let tenant = admin.restore_tenant(&name("checked"), Some(&name("again")), None, None).await;
    let mut restoring = tenant.expect("it begins");
    while restoring.next().await.expect("it is restored").tenant.is_none() {}
    broker.stop().await;

    let data = dir.path().join("restored");
    let endpoint = server.endpoint();
    let allowed = [("LEVEE_BACKUP_S3_ENDPOINT", endpoint.as_str()), ("LEVEE_BACKUP_S3_ALLOW_HTTP", "true")];
    let environment = [&KEY[..], &allowed[..]].concat();
    restore("s3://backups/levee/one", &data, &[], &environment).expect("it is restored");
    let broker = Broker::start(&Setup::new(&data)).await;
    for partition in 0..world.partitions {
        recorder.forgive(world.number(partition), since);
    }
    drain(&world.at(&broker.endpoint(), &recorder)).await.expect("everything can be read");
    recorder.judge().assert_ok(2_000);
    broker.stop().await;

    // Whoever may not is told so, and where to look.
    let wrong = [&[KEY[0], ("AWS_SECRET_ACCESS_KEY", "wrong")][..], &allowed[..]].concat();
    let refusal =
        restore("s3://backups/levee/one", &dir.path().join("no"), &[], &wrong).expect_err("a wrong key");
    assert!(refusal.contains("cannot be read or written"), "{refusal}");
}
