use super::first_operator;
use crate::ambient::{SystemClock, SystemRandom};
use crate::running_shard::RunningShard;
use levee_storage::ShardSettings;
use levee_types::TenantId;
use std::path::Path;
use std::sync::Arc;

#[tokio::test]
async fn a_token_is_told_once_and_before_there_is_an_operator() {
    let dir = tempfile::tempdir().unwrap();
    let settings = ShardSettings { segment_bytes: 16 << 20, ..ShardSettings::default() };
    let storage =
        RunningShard::start(dir.path(), settings, Arc::new(SystemClock::new()), &SystemRandom).unwrap();
    let shard = &storage.shard;
    let operators = || shard.list_users(TenantId::SYSTEM, None, 9).unwrap().items.len();
    let mut told = 0;
    for start in 0..2 {
        let tell = |token: &str| {
            assert!(token.starts_with("levee_00000000"), "{token}");
            assert_eq!(operators(), 0, "killed now, the next start has to make another one");
            told += 1;
        };
        first_operator(shard, Path::new(""), &SystemRandom, tell).await.unwrap();
        assert_eq!((operators(), told), (1, 1), "start {start}");
    }
    assert!(storage.stop().await);
}
