//! Transfers that come to nothing in the middle.

use super::super::Desk;
use super::refused::frames;
use super::text;
use super::world::{fill, make_plan};
use bytes::Bytes;
use futures::channel::mpsc;
use levee_client::v1::TenantState;
use levee_client::{Admin, v1};
use levee_tests::broker::{Broker, Setup};
use levee_tests::raw::{Raw, reason, request};
use levee_tests::tenancy::{member, name, operator, topic};
use levee_tests::wait;
use levee_types::ErrorCode;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A value that fills a batch, and does not shrink.
fn value(count: u32) -> Bytes {
    let mut state = u64::from(count) + 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(900_000).collect()
}

/// All messages of an export.
async fn exported(admin: &Admin, tenant: &str) -> Vec<v1::TenantParts> {
    let mut export = admin.export_tenant(&name(tenant)).await.expect("it begins");
    let mut messages = Vec::new();
    while let Some(parts) = export.next().await.expect("it goes on") {
        messages.push(parts);
    }
    messages
}

/// An import that was begun and gets nothing more.
async fn begin_import(
    admin: &Admin,
    mut messages: Vec<v1::TenantParts>,
    tenant: &'static str,
) -> (mpsc::UnboundedSender<v1::TenantParts>, tokio::task::JoinHandle<()>) {
    messages.pop();
    let (sender, parts) = mpsc::unbounded();
    messages.into_iter().for_each(|message| sender.unbounded_send(message).expect("it is open"));
    let importer = admin.clone();
    let import = tokio::spawn(async move {
        let outcome = importer.import_tenant(Some(&name(tenant)), None, parts).await;
        assert!(outcome.is_err(), "half a tenant became whole: {outcome:?}");
    });
    wait::poll("the import goes on", PATIENCE, async || {
        let found = admin.get_tenant(&name(tenant)).await.ok()?;
        (found.state() == TenantState::Importing && found.topics == 3 && found.stored_bytes > 0).then_some(())
    })
    .await;
    (sender, import)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m4_half_a_tenant_is_nobodys_and_after_a_kill_can_only_be_deleted() {
    let desk = Desk::new().await;
    let endpoint = desk.broker.endpoint();
    let admin = operator(&endpoint);
    make_plan(&admin).await;
    fill(&endpoint, "acme").await;
    let mut messages = exported(&admin, "acme").await;
    // The names of certificates would be taken.
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        match &mut part.kind {
            Some(v1::tenant_part::Kind::Certificates(certificates)) => {
                certificates.names = vec!["DNS:other".to_owned()];
            }
            Some(v1::tenant_part::Kind::User(user)) => user.certificates.clear(),
            _ => {}
        }
    }
    let (sender, import) = begin_import(&admin, messages.clone(), "half").await;
    is_nobodys(&desk.broker, &admin).await;

    let Desk { mut broker, home, token_file } = desk;
    broker.kill();
    drop((broker, sender));
    import.await.expect("it ends");
    let setup = Setup::new(&home.path().join("data"));
    let broker = Broker::start(&setup).await;
    let desk = Desk { broker, home, token_file };
    let admin = operator(&desk.broker.endpoint());
    is_nobodys(&desk.broker, &admin).await;
    assert!(desk.ok(&["tenant", "describe", "half"]).contains("importing"));
    desk.fails(2, &["tenant", "resume", "half"]);
    assert_eq!(desk.json(&["tenant", "describe", "half"])["tenant"]["state"], "importing");
    desk.ok(&["tenant", "delete", "half", "--grace", "0s", "--yes"]);
    assert_eq!(desk.ok(&["tenant", "ls", "-o", "name"]), "acme\n");
    let again = admin.import_tenant(Some(&name("half")), None, futures::stream::iter(messages)).await;
    assert_eq!(again.expect("it is whole").0.state(), TenantState::Active);
    desk.broker.stop().await;
}

/// Neither its users nor operators can use or change it.
async fn is_nobodys(broker: &Broker, admin: &Admin) {
    let endpoint = broker.endpoint();
    let raw = Raw::tenant(&endpoint, "half");
    let append = request("orders", 0, &["x".into()], None);
    let refused = raw.produce().produce(append).await.expect_err("it is refused");
    assert_eq!(reason(&refused), "TENANT_SUSPENDED");
    let own = member(&endpoint, "half").admin();
    let refused = own.list_topics("", "", 0, "").await.expect_err("it is refused");
    assert_eq!(refused.code(), Some(ErrorCode::TenantSuspended));
    let topics = vec![topic("more", 1, &[])];
    let refused = admin.create_topics("half", topics, false).await.expect_err("it is refused");
    assert_eq!(refused.code(), Some(ErrorCode::InvalidArgument));
    for resumed in [
        admin.resume_tenant(&name("half")).await,
        admin.suspend_tenant(&name("half"), TenantState::ReadOnly).await,
        admin.update_tenant(&name("half"), Some(&name("other")), None).await,
    ] {
        assert_eq!(resumed.expect_err("it is refused").code(), Some(ErrorCode::InvalidArgument));
    }
    let refused = admin.export_tenant(&name("half")).await.err().expect("it is refused");
    assert_eq!(refused.code(), Some(ErrorCode::InvalidArgument));
    let found = admin.get_tenant(&name("half")).await.expect("it is visible");
    assert_eq!(found.state(), TenantState::Importing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m4_an_import_whose_client_goes_away_leaves_nothing() {
    let from = Desk::new().await;
    let to = Desk::new().await;
    let (source, target) = (operator(&from.broker.endpoint()), operator(&to.broker.endpoint()));
    make_plan(&source).await;
    make_plan(&target).await;
    fill(&from.broker.endpoint(), "acme").await;
    let export = from.file("acme.tenant");
    from.ok(&["tenant", "export", "acme", "--to", text(&export)]);
    let export = std::fs::read(export).expect("it is there");
    let [.., last, _] = frames(&export)[..] else { panic!("too few frames") };
    let mut import = to.levee(&["tenant", "import", "-"]).stdin(Stdio::piped()).spawn().expect("levee runs");
    let mut input = import.stdin.take().expect("a pipe");
    input.write_all(&export[..last]).expect("levee reads");
    wait::poll("the import goes on", PATIENCE, async || {
        let found = target.get_tenant(&name("acme")).await.ok()?;
        (found.state() == TenantState::Importing && found.stored_bytes > 0).then_some(())
    })
    .await;
    import.kill().expect("it is ours");
    import.wait().expect("it ends");
    wait::poll("nothing is left", PATIENCE, async || {
        let gone = target.get_tenant(&name("acme")).await.err()?;
        (gone.code() == Some(ErrorCode::NotFound)).then_some(())
    })
    .await;
    let status = target.status().await.expect("it is told");
    assert_eq!((status.tenants, status.topics), (0, 0));
    from.broker.stop().await;
    to.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m5_what_is_trimmed_during_an_export_is_no_silent_hole() {
    const BATCHES: u32 = 48;
    let desk = Desk::with_orders("1").await;
    let endpoint = desk.broker.endpoint();
    let raw = Raw::tenant(&endpoint, "acme");
    for count in 0..BATCHES {
        let append = request("orders", 0, &[value(count)], None);
        raw.produce().produce(append).await.expect("it is appended");
    }
    let admin = operator(&endpoint);
    // What is appended later is not in it.
    let mut export = admin.export_tenant(&name("acme")).await.expect("it begins");
    export.next().await.expect("it goes on").expect("there is more");
    raw.produce().produce(request("orders", 0, &["later".into()], None)).await.expect("it is appended");
    while export.next().await.expect("it goes on").is_some() {}
    assert_eq!(export.counts().expect("it is whole").records, u64::from(BATCHES));

    let mut export = admin.export_tenant(&name("acme")).await.expect("it begins");
    export.next().await.expect("it goes on").expect("there is more");
    admin.trim_partition("acme", "orders", 0, u64::from(BATCHES) - 1).await.expect("it can be trimmed");
    let error = loop {
        match export.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the hole is silent: {:?}", export.counts()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
    assert!(error.message().contains("trimmed"), "{error}");
    desk.broker.stop().await;
}
