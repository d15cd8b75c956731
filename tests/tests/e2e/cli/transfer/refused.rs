//! Exports that are cut, damaged or do not fit: each is refused with a reason, and nothing is left.

use super::super::Desk;
use super::text;
use super::world::{fill, make_plan};
use levee_client::v1;
use levee_tests::tenancy::{name, operator, quota};
use levee_types::ErrorCode;
use std::path::PathBuf;

/// A broker without the tenant, and the bytes of an export.
struct Case {
    desk: Desk,
    export: Vec<u8>,
}

impl Case {
    async fn new() -> Self {
        let from = Desk::new().await;
        make_plan(&operator(&from.broker.endpoint())).await;
        fill(&from.broker.endpoint(), "acme").await;
        let file = from.file("acme.tenant");
        from.ok(&["tenant", "export", "acme", "--to", text(&file)]);
        let export = std::fs::read(&file).expect("it is there");
        from.broker.stop().await;
        let desk = Desk::new().await;
        make_plan(&operator(&desk.broker.endpoint())).await;
        Self { desk, export }
    }

    fn write(&self, bytes: &[u8]) -> PathBuf {
        let file = self.desk.file("case.tenant");
        std::fs::write(&file, bytes).expect("it can be written");
        file
    }

    /// Imports these bytes, which must fail with this code and leave nothing.
    fn refused(&self, bytes: &[u8], more: &[&str], code: ErrorCode, says: &str) {
        let before = self.desk.ok(&["tenant", "ls", "-o", "name"]);
        let file = self.write(bytes);
        let said = self.desk.run(&[&["tenant", "import", text(&file), "-o", "json"], more].concat());
        assert_ne!(said.code, 0, "{more:?}: {said:?}");
        let object: serde_json::Value = serde_json::from_str(&said.out).expect("one object");
        assert_eq!(object["error"]["code"], code.as_str(), "{said:?}");
        assert!(said.err.contains(says), "{says:?}: {said:?}");
        assert!(said.err.contains("nothing is left") || said.err.contains("nothing was made"), "{said:?}");
        assert_eq!(self.desk.ok(&["tenant", "ls", "-o", "name"]), before, "{more:?}");
    }
}

/// Where the frames of a file begin, and its end.
pub(super) fn frames(export: &[u8]) -> Vec<usize> {
    let mut starts = vec![12];
    while let Some(head) = starts.last().and_then(|start| export.get(*start..start + 4)) {
        let length = u32::from_le_bytes(head.try_into().expect("four bytes")) as usize;
        starts.push(starts.last().expect("one") + 8 + length);
    }
    starts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m3_what_is_cut_or_damaged_leaves_nothing() {
    let case = Case::new().await;
    let export = &case.export;
    let starts = frames(export);
    assert_eq!(starts.last(), Some(&export.len()));
    // At the beginning of frames the file is well, but for what is missing.
    for start in &starts[..starts.len() - 1] {
        case.refused(&export[..*start], &[], ErrorCode::InvalidArgument, "the last one is missing");
    }
    for cut in (1..8).map(|eighth| export.len() * eighth / 8).filter(|cut| !starts.contains(cut)) {
        case.refused(&export[..cut], &[], ErrorCode::DataCorrupt, "cut off");
    }
    case.refused(&export[..7], &[], ErrorCode::InvalidArgument, "not the export of a tenant");
    for position in (1..20).map(|step| 20 + (export.len() - 20) * step / 20) {
        let mut damaged = export.clone();
        damaged[position] ^= 0x10;
        case.refused(&damaged, &[], ErrorCode::DataCorrupt, "damaged at byte");
    }
    let mut later = export.clone();
    later[8] = 9;
    case.refused(&later, &[], ErrorCode::InvalidArgument, "version 9");
    // Frames that are sound, in an order that is not.
    let [.., last, end] = starts[..] else { panic!("too few frames") };
    let twice = [export, &export[last..end]].concat();
    case.refused(&twice, &[], ErrorCode::InvalidArgument, "not in their order");
    let behind = [export, &export[starts[0]..starts[1]]].concat();
    case.refused(&behind, &[], ErrorCode::InvalidArgument, "not in their order");
    let without = [&export[..starts[starts.len() - 3]], &export[last..end]].concat();
    case.refused(&without, &[], ErrorCode::InvalidArgument, "end");
    // The same bytes as they are go in.
    let file = case.write(export);
    case.desk.ok(&["tenant", "import", text(&file)]);
    case.desk.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m3_what_does_not_fit_leaves_nothing() {
    let case = Case::new().await;
    let (desk, export) = (&case.desk, &case.export);
    let admin = operator(&desk.broker.endpoint());
    desk.ok(&["tenant", "create", "taken"]);
    case.refused(export, &["--name", "taken"], ErrorCode::AlreadyExists, "\"taken\" already");
    case.refused(export, &["--plan", "absent"], ErrorCode::NotFound, "no plan \"absent\"");
    case.refused(export, &["--plan", "absent"], ErrorCode::NotFound, "--plan");
    let user = v1::CreateUserRequest {
        tenant: "taken".to_owned(),
        name: "owner".to_owned(),
        certificates: vec!["DNS:acme.example.org".to_owned()],
        ..Default::default()
    };
    admin.create_user(user).await.expect("it can be created");
    let says = "\"DNS:acme.example.org\" belongs to another user";
    case.refused(export, &[], ErrorCode::AlreadyExists, says);
    case.refused(export, &[], ErrorCode::AlreadyExists, "nothing was made");
    admin.delete_user("taken", "owner").await.expect("it can be deleted");
    for (plan, dimension, limit, says) in [
        ("few-topics", v1::QuotaDimension::Topics, 2, "2 topics"),
        ("little-room", v1::QuotaDimension::Storage, 500, "at its limit"),
    ] {
        let plan = v1::Plan {
            name: plan.to_owned(),
            weight: 1,
            quotas: vec![quota(dimension, limit)],
            ..Default::default()
        };
        let named = plan.name.clone();
        admin.create_plan(plan, false).await.expect("it can be created");
        case.refused(export, &["--plan", &named], ErrorCode::LimitExceeded, says);
        let left = admin.get_plan(&levee_tests::tenancy::plan(&named)).await.expect("it is there");
        assert_eq!(left.tenants, 0);
    }
    let status = admin.status().await.expect("it is told");
    assert_eq!((status.tenants, status.topics), (1, 0));
    let owner = admin.get_tenant(&name("taken")).await.expect("it is there");
    assert_eq!(owner.topics, 0);
    // A file that is there is left as it is.
    let file = case.write(export);
    desk.fails(1, &["tenant", "export", "taken", "--to", text(&file)]);
    assert_eq!(&std::fs::read(&file).expect("it is there"), export);
    case.desk.broker.stop().await;
}
