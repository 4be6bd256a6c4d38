//! A7: many tills are hit by one incident. What each of them does about it; `fleet.rs` shows five hundred.

use std::{collections::BTreeSet, time::Duration};

use mainstay::{Error, Session};
use mainstay_mock_server::{Body, Endpoint, Fault, FaultKind};

use crate::till::{A_WHILE, TOKEN_LIFE, Till, is_signed_in, needs_a_person};

const HOUR: Duration = Duration::from_secs(3600);

struct Fleet {
    first: Till,
    others: Vec<(Till, Session)>,
    session: Session,
}

impl Fleet {
    async fn of(size: u64) -> Self {
        let (first, session) = Till::signed_in().await;
        let mut others = Vec::new();
        for seed in 100..99 + size {
            let till = first.neighbour(seed).await;
            let session = till.sign_in("ada").await;
            others.push((till, session));
        }
        first.pass(A_WHILE).await;
        Self { first, others, session }
    }

    fn sessions(&self) -> impl Iterator<Item = &Session> {
        [&self.session].into_iter().chain(self.others.iter().map(|(_, session)| session))
    }

    /// Every till's background work learns of the rejection in the same moment; nobody waits for an answer.
    async fn all_rejected_at_once(&self, rejection: &http::Response<bytes::Bytes>) {
        let url = self.first.server.url().join("/api/sales").unwrap();
        for session in self.sessions() {
            let token = session.access_token().await.unwrap();
            session.report_rejection(&token, &url, rejection);
        }
        self.first.settle().await;
    }
}

fn unauthorized(spread: Option<&str>) -> http::Response<bytes::Bytes> {
    let answer = http::Response::builder().status(401).header("www-authenticate", r#"Bearer error="invalid_token""#);
    let answer = spread.into_iter().fold(answer, |answer, it| answer.header("mainstay-spread-seconds", it));
    answer.body(bytes::Bytes::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tills_that_are_hit_in_one_moment_ask_over_five_minutes() {
    let fleet = Fleet::of(20).await;
    fleet.first.control().change_secret(false);
    fleet.all_rejected_at_once(&unauthorized(None)).await;
    fleet.first.pass(Duration::from_secs(330)).await;

    let times = fleet.first.times_of(Endpoint::Refresh);
    assert_eq!(times.len(), 20, "one refresh each");
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(last - first > 150 && last - first <= 300, "{times:?}");
    assert!(times.iter().collect::<BTreeSet<_>>().len() >= 15, "{times:?}");
    assert!(fleet.sessions().all(is_signed_in));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_can_ask_for_a_longer_spread() {
    let fleet = Fleet::of(12).await;
    fleet.first.control().change_secret(false);
    let began = fleet.first.control().clock().now_ms / 1000 - crate::till::EVENING_MS / 1000;
    fleet.all_rejected_at_once(&unauthorized(Some("3600"))).await;
    fleet.first.pass(HOUR * 6 / 5 + Duration::from_secs(60)).await;

    let times = fleet.first.times_of(Endpoint::Refresh);
    let late = times.iter().filter(|at| **at > began + 330).count();
    assert!(late >= 8, "{times:?}");
    assert!(fleet.sessions().all(is_signed_in));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_token_endpoint_is_asked_at_most_twelve_times_an_hour_and_twenty_seconds_apart() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.control().change_secret(false);
    till.control().set_fault(Fault::status(503).at(Endpoint::Refresh)).unwrap();
    // The app is impatient: it asks all the time.
    for _ in 0..6 * 60 {
        let refused = till.call(&session).await;
        assert!(matches!(refused, Err(Error::TryLater { .. })), "{refused:?}");
        till.pass(Duration::from_secs(60)).await;
    }
    let times = till.times_of(Endpoint::Refresh);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 20), "{times:?}");
    for window in times.windows(13) {
        assert!(window[12] - window[0] >= 3600, "{times:?}");
    }
    assert!(times.len() >= 6, "and it does go on asking: {times:?}");
    till.control().clear_faults();
    till.pass(HOUR).await;
    assert!(is_signed_in(&session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_obeyed_in_both_spellings_and_by_the_next_start() {
    // 20 November 2026, 18:13:20: ten minutes and twenty seconds after the rejection below.
    for retry_after in ["600", "Fri, 20 Nov 2026 18:13:20 GMT"] {
        let (mut till, session) = Till::signed_in().await;
        till.pass(A_WHILE).await;
        till.control().change_secret(false);
        let busy = Fault::status_with_retry_after(429, retry_after).at(Endpoint::Refresh);
        till.control().set_fault(busy).unwrap();
        assert!(matches!(till.call(&session).await, Err(Error::TryLater { .. })));
        let asked_at = *till.times_of(Endpoint::Refresh).last().unwrap();
        till.control().clear_faults();
        till.settle().await;

        let session = till.restart().await.unwrap();
        till.pass(HOUR).await;
        let times = till.times_of(Endpoint::Refresh);
        assert!(times.len() >= 2 && times[1] >= asked_at + 590, "{retry_after}: {times:?}");
        assert!(is_signed_in(&session));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_was_refused_is_presented_again_once_an_hour_at_most() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.control().change_secret(false);
    till.control().wipe_sessions();
    assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired);
    for _ in 0..24 * 6 {
        assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired);
        till.pass(Duration::from_secs(600)).await;
    }
    let times = till.times_of(Endpoint::Refresh);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 3600), "{times:?}");
    assert!((20..=24).contains(&times.len()), "{times:?}");
    assert!(needs_a_person(&session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejections_without_an_end_do_not_make_a_loop() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.control().set_fault(Fault::reject_all()).unwrap();
    for _ in 0..4 * 60 {
        let _not_now = till.call(&session).await;
        till.pass(Duration::from_secs(60)).await;
    }
    assert!(till.total(Endpoint::Refresh) <= 4 * 12, "{}", till.total(Endpoint::Refresh));
    // Six in the first eight minutes, twelve more in that hour, then hourly; and each retry probes before it renews.
    assert!(till.total(Endpoint::Me) <= 200, "{}", till.total(Endpoint::Me));
    till.control().clear_faults();
    till.pass(HOUR).await;
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_accounts_of_one_till_share_its_budget() {
    let till = Till::new().await;
    let (ada, grace) = (till.sign_in("ada").await, till.sign_in("grace").await);
    till.pass(TOKEN_LIFE / 2).await;
    till.control().set_fault(Fault::status_with_retry_after(503, "900").at(Endpoint::Refresh)).unwrap();
    till.control().change_secret(false);
    let (_, _) = (till.call(&ada).await, till.call(&grace).await);
    till.pass(Duration::from_secs(870)).await;
    assert_eq!(till.total(Endpoint::Refresh), 1, "what one account was told holds for the other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_document_and_a_header_are_hints_and_nothing_more() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    let mut shy = Fault::new(FaultKind::Body {
        status: 401,
        content_type: "application/json".to_owned(),
        body: Body::Text("{}".to_owned()),
        headers: [("mainstay-spread-seconds".to_owned(), "999999999".to_owned())].into(),
    });
    shy.scope = Endpoint::Me.into();
    till.control().set_fault(shy.times(2)).unwrap();
    let _not_now = till.call(&session).await;
    // A day, stretched by a fifth, is the most that a server can ask for.
    till.pass(HOUR * 29).await;
    till.assert_sells(&session).await;
    assert_eq!(till.prompts(), 1);
}
