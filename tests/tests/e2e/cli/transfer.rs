//! `levee tenant export` and `levee tenant import`: a tenant that moves is what it was, and one that does not arrive
//! whole is not there.

mod refused;
mod unfinished;
mod world;

use super::Desk;
use levee_client::v1;
use levee_tests::tenancy::{client, member, name, operator, usage};
use levee_types::hex;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use world::{catalog, fill, log, make_plan};

impl Desk {
    /// A file in the home directory.
    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_a_tenant_that_moves_is_what_it_was() {
    let (from, to) = (Desk::new().await, Desk::new().await);
    let (source, target) = (operator(&from.broker.endpoint()), operator(&to.broker.endpoint()));
    make_plan(&source).await;
    make_plan(&target).await;
    fill(&from.broker.endpoint(), "acme").await;
    // So that no id here is an id there.
    target.create_tenant(&name("first"), None, false).await.expect("it can be created");
    let file = from.file("acme.tenant");
    let said = from.ok(&["tenant", "export", "acme", "--to", text(&file)]);
    assert!(said.starts_with("tenant acme exported: ") && said.contains("tokens are not carried"), "{said}");
    assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600);

    let said = to.json(&["tenant", "import", text(&file), "--name", "moved"]);
    assert_eq!((&said["tenant"]["name"], &said["tenant"]["state"]), (&"moved".into(), &"active".into()));
    assert_eq!(catalog(&target, "moved").await, catalog(&source, "acme").await);
    let (there, here) = (member(&to.broker.endpoint(), "moved"), member(&from.broker.endpoint(), "acme"));
    for (topic, partition) in [("orders", 0), ("orders", 1), ("orders", 2), ("gone", 0), ("empty", 0)] {
        assert_eq!(log(&there, topic, partition).await, log(&here, topic, partition).await, "{topic}");
    }
    assert_eq!(log(&there, "orders", 1).await.0, (5, 12), "trimmed in the middle of a batch");
    assert_eq!(log(&there, "gone", 0).await.0, (4, 4), "trimmed to its end");
    let stored = |tenant: v1::Tenant| (tenant.topics, tenant.partitions, tenant.stored_bytes);
    let moved = stored(target.get_tenant(&name("moved")).await.expect("it is there"));
    assert_eq!(moved, stored(source.get_tenant(&name("acme")).await.expect("it is there")));

    // It was not the tenant that appended, and it goes on where it was.
    let used = usage(&target, "moved").await.expect("it is counted");
    assert_eq!((used.bytes_in, used.records_in), (0, 0));
    let next = world::produce(&to.broker.endpoint(), "moved", "orders", 1, &["x"]).await;
    assert_eq!(next, 12);
    assert_eq!(events(&target, "moved", "TransferService/ImportTenant").await, 1);
    assert_eq!(events(&source, "acme", "TransferService/ExportTenant").await, 1);

    // It survives like any other.
    let Desk { mut broker, home, .. } = to;
    broker.kill();
    drop(broker);
    let setup = levee_tests::broker::Setup::new(&home.path().join("data"));
    let broker = levee_tests::broker::Broker::start(&setup).await;
    let again = member(&broker.endpoint(), "moved");
    assert_eq!(log(&again, "orders", 0).await, log(&here, "orders", 0).await);
    assert_eq!(catalog(&operator(&broker.endpoint()), "moved").await, catalog(&source, "acme").await);
    broker.stop().await;
    from.broker.stop().await;
}

/// How many events of an action stand in the log of a tenant.
async fn events(admin: &levee_client::Admin, tenant: &str, action: &str) -> usize {
    let request =
        v1::ListAuditEventsRequest { tenant: tenant.to_owned(), page_size: 1_000, ..Default::default() };
    let log = admin.list_audit_events(request).await.expect("a log");
    log.events.iter().filter(|event| event.action == action).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m2_an_export_holds_nothing_of_others() {
    let desk = Desk::new().await;
    let admin = operator(&desk.broker.endpoint());
    let mut bytes = [0; 16];
    levee_types::Random::fill(&levee_broker::ambient::SystemRandom, &mut bytes);
    let mark = hex::encode(&bytes);
    make_plan(&admin).await;
    // Before and behind it, by id and by name.
    for tenant in [format!("a{mark}"), "acme".to_owned(), format!("z{mark}")] {
        fill(&desk.broker.endpoint(), &tenant).await;
        if tenant != "acme" {
            let user = v1::CreateUserRequest {
                tenant: tenant.clone(),
                name: format!("u-{mark}"),
                certificates: vec![format!("URI:spiffe://{tenant}/u")],
                ..Default::default()
            };
            admin.create_user(user).await.expect("it can be created");
            let topics = vec![levee_tests::tenancy::topic(&format!("t-{mark}"), 1, &[])];
            admin.create_topics(&tenant, topics, false).await.expect("they can be created");
            let topic = format!("t-{mark}");
            world::produce(&desk.broker.endpoint(), &tenant, &topic, 0, &[&mark]).await;
        }
    }
    let output = desk.levee(&["tenant", "export", "acme", "--to", "-"]).output().expect("levee runs");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.starts_with(b"LEVEETEN") && output.stdout.len() > 1_000);
    let is_in = |bytes: &[u8]| output.stdout.windows(bytes.len()).any(|window| window == bytes);
    assert!(is_in(b"ada") && is_in(b"orders"), "it holds its own");
    assert!(!is_in(mark.as_bytes()) && !is_in(&bytes), "it holds something of another tenant");
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{output:?}");

    // What comes out of one goes into the other.
    let piped = desk.file("piped");
    std::fs::write(&piped, &output.stdout).expect("it can be written");
    let other = Desk::new().await;
    make_plan(&operator(&other.broker.endpoint())).await;
    let mut import = other.levee(&["tenant", "import", "-"]);
    import.stdin(Stdio::from(std::fs::File::open(&piped).expect("it is there")));
    let output = import.output().expect("levee runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(other.ok(&["tenant", "ls", "-o", "name"]), "acme\n");
    // A state other than active is carried as well.
    desk.ok(&["tenant", "suspend", "acme", "--mode", "frozen"]);
    let frozen = desk.file("frozen.tenant");
    desk.ok(&["tenant", "export", "acme", "--to", text(&frozen)]);
    other.ok(&["tenant", "delete", "acme", "--grace", "0s", "--yes"]);
    let said = other.json(&["tenant", "import", text(&frozen), "--plan", "unlimited"]);
    assert_eq!((&said["tenant"]["state"], &said["tenant"]["plan"]), (&"frozen".into(), &"unlimited".into()));
    desk.broker.stop().await;
    other.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_are_for_operators() {
    let desk = Desk::with_orders("1").await;
    let own = member(&desk.broker.endpoint(), "acme").admin();
    let export = own.export_tenant(&name("acme")).await.err().expect("it is refused");
    assert_eq!(export.code(), Some(levee_types::ErrorCode::PermissionDenied));
    let import = own.import_tenant(None, None, futures::stream::empty()).await.expect_err("it is refused");
    assert_eq!(import.code(), Some(levee_types::ErrorCode::PermissionDenied));
    let nobody = client(&desk.broker.endpoint(), levee_client::Identity::DevOperator).admin();
    let absent = nobody.export_tenant(&name("absent")).await.err().expect("there is none");
    assert_eq!(absent.code(), Some(levee_types::ErrorCode::NotFound));
    desk.broker.stop().await;
}
