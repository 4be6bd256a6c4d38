//! The second founding incident with a real Redis that is killed and comes back. `cargo xtask test --suite server` installs one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests"
)]

#[path = "server/support/mod.rs"]
mod support;

use mainstay_mock_server::{MockServer, RedisServer, StoreFailure};
use support::{Till, Tokens};

/// A server whose sessions are in a Redis.
struct Shop {
    redis: RedisServer,
    server: MockServer,
    till: Till,
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn open(failing: StoreFailure) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = RedisServer::start(folder.path()).unwrap();
        let server = MockServer::builder().sessions(redis.address()).scripted_person("ada").start().await.unwrap();
        server.control().fail_with_the_store(failing, None);
        let till = Till::new(&server);
        Self { redis, server, till, _folder: folder }
    }

    async fn signed_in(&self, person: &str) -> Tokens {
        self.server.control().script_sign_in(person);
        let tokens = self.till.sign_in().await;
        assert_eq!(self.who(&tokens).await, person);
        tokens
    }

    /// Whom the server takes the caller for.
    async fn who(&self, tokens: &Tokens) -> String {
        self.till.get("/api/me", &tokens.access).await.text("sub")
    }
}

/// 1. Ada and Grace are signed in; Grace was served last.
/// 2. The session store is killed, and the server, which fails open, goes on with the session that it had in its hands.
/// 3. Ada sees Grace's dashboard, and so does whoever signs in.
/// 4. The store comes back, and everybody sees their own again.
#[tokio::test]
async fn a_killed_store_shows_one_persons_session_to_all_until_it_is_back() {
    let mut shop = Shop::open(StoreFailure::Open).await;
    let ada = shop.signed_in("ada").await;
    let grace = shop.signed_in("grace").await;

    shop.redis.kill().unwrap();
    assert_eq!((shop.who(&ada).await, shop.who(&grace).await), ("grace".into(), "grace".into()));
    shop.server.control().script_sign_in("linus");
    let linus = shop.till.sign_in().await;
    assert_eq!(shop.who(&linus).await, "grace");
    assert_eq!(shop.server.control().observations().identities_served["grace"], 4);

    shop.redis.start_again().unwrap();
    assert_eq!((shop.who(&ada).await, shop.who(&grace).await), ("ada".into(), "grace".into()));
    let ada = shop.till.refreshed(&ada.refresh).await;
    assert_eq!(shop.who(&ada).await, "ada");
}

/// The control for the test above: the same kill, and a server that checks.
#[tokio::test]
async fn a_server_that_fails_closed_shows_nobody_anything_while_its_store_is_dead() {
    let mut shop = Shop::open(StoreFailure::Closed).await;
    let (ada, _) = (shop.signed_in("ada").await, shop.signed_in("grace").await);
    shop.redis.kill().unwrap();
    assert_eq!(shop.till.get("/api/me", &ada.access).await.status, 503);
    assert_eq!(shop.till.refresh(&ada.refresh).await.status, 503);
    shop.redis.start_again().unwrap();
    assert_eq!(shop.who(&ada).await, "ada");
}

#[tokio::test]
async fn a_session_outlives_the_server_that_opened_it() {
    let shop = Shop::open(StoreFailure::Closed).await;
    let ada = shop.signed_in("ada").await;
    let other = MockServer::builder().sessions(shop.redis.address()).start().await.unwrap();
    assert_eq!(Till::new(&other).refresh(&ada.refresh).await.status, 200);
    assert_eq!(shop.till.refresh(&ada.refresh).await.text("error"), "invalid_grant", "the other server spent it");
}

#[tokio::test]
async fn sessions_in_a_redis_end_as_others_do() {
    let shop = Shop::open(StoreFailure::Closed).await;
    let (ada, grace) = (shop.signed_in("ada").await, shop.signed_in("grace").await);
    let control = shop.server.control();
    assert_eq!((control.observations().sessions, control.sessions().len()), (2, 2));
    control.revoke_sessions("ada", false);
    assert_eq!(shop.till.get("/api/me", &ada.access).await.status, 401);
    assert_eq!(control.observations().sessions, 1);
    control.wipe_sessions();
    assert_eq!(shop.till.get("/api/me", &grace.access).await.status, 200);
    assert_eq!(shop.till.refresh(&grace.refresh).await.text("error"), "invalid_grant");
    assert!(control.sessions().is_empty());
}
