use super::Doubts;
use crate::authorize::tests::Fixture;
use futures::FutureExt as _;
use tokio::sync::watch;

#[tokio::test]
async fn doubts_arise_at_first_and_with_each_change_of_the_tenant_and_of_the_keys() {
    let fixture = Fixture::new().await;
    let tenant = std::sync::Arc::clone(fixture.principal("Dev tenant acme").await.tenant());
    let (changed, keys) = watch::channel(());
    let clock = std::sync::Arc::clone(fixture.tenants.clock());
    let mut doubts = Doubts::new(tenant, Some(keys), clock, None);
    assert!(doubts.have_arisen(), "nothing was watched before");
    assert!(!doubts.have_arisen());
    changed.send_replace(());
    assert!(doubts.have_arisen(), "the keys have changed");
    assert!(!doubts.have_arisen() && doubts.arise().now_or_never().is_none());
    fixture.user("svc").await;
    assert!(doubts.have_arisen(), "the tenant has changed");
    assert!(!doubts.have_arisen());
    changed.send_replace(());
    assert!(doubts.arise().now_or_never().is_some() && !doubts.have_arisen());
    drop(doubts);
    fixture.stop().await;
}
