//! A7: five hundred tills are hit by one incident in one moment. What the server sees of it.
//!
//! Each till is a device of its own: its own vault, dice, budget and accounts. They share a way to the server, so that five
//! hundred devices fit into one process.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use mainstay::{
    Client, Session,
    host::{
        Host, Transport,
        memory::{MemoryFiles, MemoryLock, MemorySecretStore},
    },
    test_support::{Narrow, SeededEntropy},
};
use mainstay_mock_server::{Endpoint, Fault};

use crate::till::{A_WHILE, Till, is_signed_in, network};

const TILLS: usize = 500;

struct Fleet {
    /// Keeps the server and the time, and is none of the five hundred.
    shop: Till,
    tills: Vec<(Client, Session)>,
}

impl Fleet {
    /// All of them signed in a while ago.
    async fn signed_in() -> Self {
        let shop = Till::new().await;
        let way: Arc<dyn Transport> = Arc::new(Narrow::new(network(), 50));
        let clients = join_all((0..TILLS).map(|till| build(&shop, &way, till))).await;
        shop.control().script_sign_in("ada");
        let browser = shop.browser();
        let sign_ins = join_all(clients.iter().map(|client| client.sign_in(&browser)));
        let sessions = shop.wait_for(sign_ins).await;
        let tills: Vec<_> = clients.into_iter().zip(sessions.into_iter().map(Result::unwrap)).collect();
        shop.pass(A_WHILE).await;
        assert_eq!(shop.total(Endpoint::Refresh), 0);
        Self { shop, tills }
    }

    /// Every till's background work learns of the rejection in the same moment.
    async fn all_are_rejected_at_once(&self, spread: Option<&str>) -> u64 {
        let answer =
            http::Response::builder().status(401).header("www-authenticate", r#"Bearer error="invalid_token""#);
        let answer = spread.into_iter().fold(answer, |answer, it| answer.header("mainstay-spread-seconds", it));
        let answer = answer.body(bytes::Bytes::new()).unwrap();
        let url = self.shop.server.url().join("/api/sales").unwrap();
        let began = self.shop.control().clock().now_ms / 1000 - crate::till::EVENING_MS / 1000;
        for (_, session) in &self.tills {
            let token = session.access_token().await.unwrap();
            session.report_rejection(&token, &url, &answer);
        }
        self.shop.settle().await;
        began
    }

    fn signed_in_again(&self) -> usize {
        self.tills.iter().filter(|(_, session)| is_signed_in(session)).count()
    }
}

async fn build(shop: &Till, way: &Arc<dyn Transport>, till: usize) -> Client {
    let host = shop.activity.track(Host {
        transport: Arc::clone(way),
        secrets: Arc::new(MemorySecretStore::new()),
        files: Arc::new(MemoryFiles::new()),
        lock: Arc::new(MemoryLock::new()),
        entropy: Arc::new(SeededEntropy::new(u64::try_from(till).unwrap() + 1000)),
        clock: Arc::clone(&shop.machine.clock),
        spawn: Arc::new(shop.process.clone()),
    });
    let client = Client::builder(shop.server.issuer(), "till-app").scopes(["openid", "offline_access", "pos"]);
    client.profile(shop.profile.clone()).host(host).build().await.unwrap()
}

/// The most requests in any `seconds` on end.
fn busiest(times: &[u64], seconds: u64) -> usize {
    let mut by_second = BTreeMap::<u64, usize>::new();
    times.iter().for_each(|at| *by_second.entry(*at).or_default() += 1);
    let within = |from: u64| by_second.range(from..from + seconds).map(|(_, count)| count).sum();
    by_second.keys().map(|from| within(*from)).max().unwrap_or(0)
}

/// Five hundred over five minutes are 17 in ten seconds. Dice are no clockwork, so twice that.
fn is_spread(times: &[u64]) -> bool {
    busiest(times, 10) <= 35
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_tills_come_one_by_one_over_five_minutes() {
    let fleet = Fleet::signed_in().await;
    let shop = &fleet.shop;
    shop.control().change_secret(false);
    let began = fleet.all_are_rejected_at_once(None).await;
    shop.pass(Duration::from_secs(330)).await;

    let times = shop.times_of(Endpoint::Refresh);
    assert_eq!(times.len(), TILLS, "one refresh each");
    assert!(is_spread(&times), "{} in ten seconds", busiest(&times, 10));
    assert!(times.iter().all(|at| (began..=began + 300).contains(at)), "{times:?}");
    assert_eq!(fleet.signed_in_again(), TILLS);
    assert_eq!(shop.prompts(), u64::try_from(TILLS).unwrap(), "nobody signed in but at the beginning");
    assert_eq!(shop.control().observations().reuse_detections, 0);
}

/// The negative control: without the spread they come all at once, and the check above sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_spread_five_hundred_tills_are_a_stampede() {
    let fleet = Fleet::signed_in().await;
    fleet.shop.control().change_secret(false);
    fleet.all_are_rejected_at_once(Some("0")).await;
    fleet.shop.pass(Duration::from_secs(330)).await;

    let times = fleet.shop.times_of(Endpoint::Refresh);
    assert_eq!(busiest(&times, 10), TILLS);
    assert!(!is_spread(&times));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_tills_do_what_retry_after_says() {
    let fleet = Fleet::signed_in().await;
    let shop = &fleet.shop;
    shop.control().change_secret(false);
    let busy = Fault::status_with_retry_after(503, "900").at(Endpoint::Refresh);
    shop.control().set_fault(busy).unwrap();
    fleet.all_are_rejected_at_once(None).await;
    shop.pass(Duration::from_secs(890)).await;
    assert_eq!(shop.total(Endpoint::Refresh), u64::try_from(TILLS).unwrap(), "asked once, and told to wait");

    shop.control().clear_faults();
    shop.pass(Duration::from_secs(1800)).await;
    let times = shop.times_of(Endpoint::Refresh);
    assert!(is_spread(&times), "{} in ten seconds", busiest(&times, 10));
    assert_eq!(fleet.signed_in_again(), TILLS);
    assert_eq!(shop.prompts(), u64::try_from(TILLS).unwrap());
}
