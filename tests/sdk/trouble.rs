//! Networks and servers that fail. None of it shows a sign-in screen, and nothing is lost (P4).

use std::time::Duration;

use http::Uri;
use mainstay::{Connectivity, Error, HoldCause, Session, State, host::TransportError};
use mainstay_mock_server::{Endpoint, Fault, Rotation};

use crate::till::{A_WHILE, Setup, TOKEN_LIFE, Till, codes, is_signed_in, needs_a_person, noted, prompts_raised};

/// A way in which a refresh meets nobody who could answer.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Timeout,
    NoRoute,
    RefusedPort,
    NotTls,
    CutConnection,
    Status(u16),
    Html,
    NotFoundPage,
}

const EVERY_TROUBLE: [Trouble; 15] = [
    Trouble::Timeout,
    Trouble::NoRoute,
    Trouble::RefusedPort,
    Trouble::NotTls,
    Trouble::CutConnection,
    Trouble::Status(408),
    Trouble::Status(425),
    Trouble::Status(429),
    Trouble::Status(500),
    Trouble::Status(501),
    Trouble::Status(502),
    Trouble::Status(503),
    Trouble::Status(504),
    Trouble::Html,
    Trouble::NotFoundPage,
];

impl Trouble {
    fn strikes(self, till: &Till) {
        let fault = match self {
            Self::Timeout => Fault::hold(),
            Self::CutConnection => Fault::drop_after_commit(),
            Self::Status(status) => Fault::status(status),
            Self::Html => Fault::html(),
            Self::NotFoundPage => Fault::new(mainstay_mock_server::FaultKind::Html { status: 404 }),
            Self::NoRoute => return till.wire.reroute(|uri| refresh_only(uri, Err(TransportError::Unreachable))),
            Self::RefusedPort => {
                let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
                return till.wire.reroute(move |uri| refresh_only(uri, Ok(format!("http://{nobody}/token"))));
            }
            Self::NotTls => {
                let authority = till.server.url().authority().to_owned();
                return till.wire.reroute(move |uri| refresh_only(uri, Ok(format!("https://{authority}/token"))));
            }
        };
        till.control().set_fault(fault.at(Endpoint::Refresh)).unwrap();
    }

    fn ends(till: &Till) {
        till.control().clear_faults();
        till.wire.repair();
    }
}

fn refresh_only(uri: &Uri, elsewhere: Result<String, TransportError>) -> Result<Uri, TransportError> {
    if uri.path() == "/token" { elsewhere.map(|there| there.parse().unwrap()) } else { Ok(uri.clone()) }
}

fn forgiving_server() -> Setup {
    Setup::new().server(|server| server.profile(Rotation::UntilUsed))
}

async fn meets(trouble: Trouble, till: &Till, session: &Session) -> Result<http::Response<bytes::Bytes>, Error> {
    trouble.strikes(till);
    let answer = till.call(session).await;
    till.pass(Duration::from_secs(60)).await;
    answer
}

/// D1, with a token that has merely expired: without a rejection, being offline is never Holding.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_finds_nobody_keeps_an_expired_session_signed_in() {
    for trouble in EVERY_TROUBLE {
        let (till, session) = forgiving_server().signed_in().await;
        till.wire.unplug();
        till.pass(TOKEN_LIFE + Duration::from_secs(1)).await;
        till.wire.repair();
        let before = till.keepsake().await;

        let answer = meets(trouble, &till, &session).await;

        assert!(matches!(answer, Err(Error::TryLater { cause: None, .. })), "{trouble:?} {answer:?}");
        let offline = State::SignedIn { connectivity: Connectivity::Offline };
        assert_eq!(session.state().state, offline, "{trouble:?} {:?}", codes(&session));
        assert_eq!(till.keepsake().await, before, "{trouble:?}");

        Trouble::ends(&till);
        till.pass(Duration::from_secs(600)).await;
        assert!(is_signed_in(&session), "{trouble:?}");
        till.assert_sells(&session).await;
        assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0), "{trouble:?}");
    }
}

/// D1, with a token that was rejected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_finds_nobody_holds_a_rejected_session_and_paces_itself() {
    for trouble in EVERY_TROUBLE {
        let (till, session) = forgiving_server().signed_in().await;
        till.pass(A_WHILE).await;
        let before = till.keepsake().await;
        till.control().change_secret(false);

        let answer = meets(trouble, &till, &session).await;

        assert!(matches!(answer, Err(Error::TryLater { .. })), "{trouble:?} {answer:?}");
        let cause = match trouble {
            Trouble::NoRoute | Trouble::RefusedPort | Trouble::NotTls => HoldCause::NoNetwork,
            _ => HoldCause::ServerTrouble,
        };
        let holding = matches!(session.state().state, State::Holding { cause: seen, .. } if seen == cause);
        assert!(holding, "{trouble:?} {:?} {:?}", session.state(), codes(&session));
        assert_eq!(till.keepsake().await, before, "{trouble:?}");
        till.pass(Duration::from_secs(1800)).await;
        let asked = noted(&session, "rung.refresh");
        assert!((2..=12).contains(&asked), "{trouble:?} {asked}");

        // At most twelve attempts an hour: that is how long it may take to notice that a server is well again.
        Trouble::ends(&till);
        till.pass(Duration::from_secs(3600)).await;
        assert!(is_signed_in(&session), "{trouble:?} {:?} {:?}", session.state(), codes(&session));
        till.assert_sells(&session).await;
        assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0), "{trouble:?}");
    }
}

/// D2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_start_without_network_is_signed_in_and_offline() {
    let (mut till, _session) = Till::signed_in().await;
    let before = till.keepsake().await;
    till.kill().await;
    till.pass(TOKEN_LIFE * 2).await;
    till.wire.unplug();

    let session = till.restart().await.unwrap();
    assert_eq!(session.state().state, State::SignedIn { connectivity: Connectivity::Offline });
    assert!(matches!(till.call(&session).await, Err(Error::TryLater { cause: None, .. })));
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
    assert!(session.offline_permit().is_valid());
    assert_eq!(till.keepsake().await, before);

    till.wire.repair();
    till.pass(Duration::from_secs(600)).await;
    till.assert_sells(&session).await;
    assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0));
}

/// D3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_renewal_that_fails_is_tried_again_by_itself() {
    let (till, session) = Till::signed_in().await;
    let token = session.access_token().await.unwrap();
    till.wire.unplug();
    // Renewal is due after 70 to 90 % of the token's life.
    till.pass(TOKEN_LIFE * 92 / 100).await;
    assert!(noted(&session, "step.renewal") >= 1);
    assert_eq!(session.access_token().await.unwrap().expose(), token.expose(), "silent while the token lives");

    till.wire.repair();
    till.pass(Duration::from_secs(600)).await;
    assert!(session.access_token().await.unwrap().generation() > token.generation(), "and nobody had to call");
    assert!(is_signed_in(&session));
}

/// D4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_really_was_revoked_asks_for_a_person_within_one_episode() {
    let (till, session) = Setup::new().profile(|profile| profile.enroll_device_key = true).signed_in().await;
    till.pass(A_WHILE).await;
    till.control().revoke_sessions("ada", true);

    assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired, "{:?}", codes(&session));
    till.pass(Duration::from_secs(300)).await;

    assert!(needs_a_person(&session));
    assert_eq!(prompts_raised(&session), 1);
    assert_eq!((till.total(Endpoint::Refresh), till.total(Endpoint::JwtBearer)), (1, 1), "each rung once");
    till.sign_in_again(&session, "ada").await.unwrap();
    till.assert_sells(&session).await;
}

/// D5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_means_wait_with_and_without_a_retry_after() {
    for busy in [Fault::status(429), Fault::status_with_retry_after(429, "300")] {
        let (till, session) = Till::signed_in().await;
        let before = till.credential_files().await;
        till.control().set_fault(busy.clone().at(Endpoint::Refresh)).unwrap();
        till.pass(TOKEN_LIFE + Duration::from_secs(1)).await;
        let asked = till.times_of(Endpoint::Refresh);
        let least = if busy == Fault::status(429) { 20 } else { 300 };
        assert!(asked.windows(2).all(|pair| pair[1] - pair[0] >= least), "{asked:?}");
        assert!(is_signed_in(&session));
        assert_eq!(till.credential_files().await, before);

        till.control().clear_faults();
        till.pass(Duration::from_secs(600)).await;
        till.assert_sells(&session).await;
        assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0));
    }
}

/// D5: the whole authorization server is busy, its discovery document included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_of_the_discovery_document_is_obeyed_too() {
    let (mut till, _session) = Till::signed_in().await;
    till.kill().await;
    till.pass(TOKEN_LIFE * 2).await;
    let busy = Fault::status_with_retry_after(503, "900");
    till.control().set_fault(busy.at(mainstay_mock_server::Scope::authorization_server())).unwrap();

    let session = till.restart().await.unwrap();
    till.pass(Duration::from_secs(3600)).await;
    let asked = till.times_of(Endpoint::Discovery);
    let since_the_start = asked.iter().filter(|at| **at >= TOKEN_LIFE.as_secs() * 2).count();
    assert!((2..=6).contains(&since_the_start), "{asked:?}");
    till.control().clear_faults();
    till.pass(Duration::from_secs(1200)).await;
    till.assert_sells(&session).await;
}
