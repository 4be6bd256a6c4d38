//! Signing in with another device (RFC 8628): a screen shows a code, and asks no faster than it may.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mainstay::{
    Error,
    driver::{DeviceCode, DevicePrompt, QrMatrix},
    host::BoxFuture,
};
use mainstay_mock_server::{Control, Endpoint, Fault};

use crate::till::{Till, is_signed_in};

/// What somebody does who sees a code.
type Sees<'a> = dyn Fn(usize, &DeviceCode) + Send + Sync + 'a;

/// A screen, and what people do when they see a code on it.
struct Screen<'a> {
    codes: Mutex<Vec<DeviceCode>>,
    sees: Box<Sees<'a>>,
    shows_another: bool,
    is_switched_off: bool,
}

impl<'a> Screen<'a> {
    /// `sees` is given how many codes were there before.
    fn new(sees: impl Fn(usize, &DeviceCode) + Send + Sync + 'a) -> Self {
        Self { codes: Mutex::default(), sees: Box::new(sees), shows_another: false, is_switched_off: false }
    }

    /// Somebody approves at once.
    fn approved_by(control: Control, person: &'a str) -> Self {
        Self::new(move |_, code| assert!(control.approve_device(&code.user_code, person)))
    }

    fn codes(&self) -> Vec<DeviceCode> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl DevicePrompt for Screen<'_> {
    fn show(&self, code: &DeviceCode) {
        let before = self.codes().len();
        self.codes.lock().unwrap().push(code.clone());
        (self.sees)(before, code);
    }

    fn wants_another(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(self.shows_another))
    }

    fn cancelled(&self) -> BoxFuture<'_, ()> {
        match self.is_switched_off {
            true => Box::pin(std::future::ready(())),
            false => Box::pin(std::future::pending()),
        }
    }
}

fn says(till: &Till, error: &str, times: u64) {
    let answer = Fault::json(400, format!(r#"{{"error":"{error}"}}"#)).at(Endpoint::DeviceCode);
    till.control().set_fault(answer.times(times)).unwrap();
}

/// The waits between the questions, in seconds, the one before the first included.
fn waits(till: &Till) -> Vec<u64> {
    let asked = till.times_of(Endpoint::DeviceCode);
    let shown = till.times_of(Endpoint::DeviceAuthorization);
    let all: Vec<_> = shown.iter().take(1).chain(&asked).copied().collect();
    all.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_approves_the_code_is_signed_in_at_the_screen() {
    let mut till = Till::new().await;
    let screen = Screen::approved_by(till.control(), "ada");
    let session = till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap();
    till.settle().await;
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
    till.assert_sells(&session).await;
    let code = screen.codes().remove(0);
    assert_eq!(code.verification_uri, till.server.url().join("/device").unwrap());
    assert!(code.verification_uri_complete.unwrap().query().unwrap().contains(&code.user_code));
    assert_eq!((code.lifetime, waits(&till)), (Duration::from_secs(600), vec![5]));
    drop(screen);
    // It is a session like any other.
    let session = till.restart().await.unwrap();
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_asks_as_often_as_the_server_says_and_every_five_seconds_if_it_does_not() {
    for (interval, expected) in [(Some(7), 7), (None, 5), (Some(1), 1)] {
        let till = Till::new().await;
        till.control().reconfigure(|config| config.device_grant.interval_seconds = interval).unwrap();
        says(&till, "authorization_pending", 4);
        let screen = Screen::approved_by(till.control(), "ada");
        till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap();
        assert_eq!(waits(&till), [expected; 5], "{interval:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_slow_down_is_asked_less_often_from_then_on() {
    let till = Till::new().await;
    says(&till, "slow_down", 2);
    let screen = Screen::approved_by(till.control(), "ada");
    till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap();
    assert_eq!(waits(&till), [5, 10, 15]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_in_trouble_is_asked_less_often_and_the_code_stays_good() {
    let till = Till::new().await;
    till.control().set_fault(Fault::status(503).at(Endpoint::DeviceCode).times(2)).unwrap();
    let screen = Screen::approved_by(till.control(), "ada");
    till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap();
    assert_eq!((waits(&till), screen.codes().len()), (vec![5, 10, 20], 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_asked_about_a_code_that_has_expired() {
    let till = Till::new().await;
    till.control().reconfigure(|config| config.device_grant.lifetime_seconds = 22).unwrap();
    let screen = Screen::new(|_, _| {});
    let given_up = till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap_err();
    assert_eq!((given_up, waits(&till)), (Error::Cancelled, vec![5; 4]));
    till.pass(Duration::from_secs(600)).await;
    assert_eq!(till.total(Endpoint::DeviceCode), 4);
}

/// 1. Nobody looks at the screen until the code has expired. 2. It shows another one. 3. That one is approved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_that_always_shows_a_code_begins_anew() {
    let till = Till::new().await;
    till.control().reconfigure(|config| config.device_grant.lifetime_seconds = 22).unwrap();
    let control = till.control();
    let mut screen = Screen::new(move |before, code| {
        if before == 2 {
            assert!(control.approve_device(&code.user_code, "ada"));
        }
    });
    screen.shows_another = true;
    let session = till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap();
    till.settle().await;
    assert!(is_signed_in(&session));
    let codes = screen.codes();
    assert!(codes.len() == 3 && codes[0].user_code != codes[1].user_code, "{codes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_and_a_screen_that_is_switched_off_end_it() {
    let till = Till::new().await;
    let control = till.control();
    let screen = Screen::new(move |_, code| assert!(control.deny_device(&code.user_code)));
    assert_eq!(till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap_err(), Error::Cancelled);
    assert_eq!(till.total(Endpoint::DeviceCode), 1);

    let mut screen = Screen::new(|_, _| {});
    screen.is_switched_off = true;
    assert_eq!(till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap_err(), Error::Cancelled);
    till.pass(Duration::from_secs(60)).await;
    assert_eq!(till.total(Endpoint::DeviceCode), 1, "nobody asks any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_wants_pkce_here_too_gets_it() {
    let till = Till::new().await;
    till.control().reconfigure(|config| config.device_grant.requires_challenge = true).unwrap();
    let screen = Screen::approved_by(till.control(), "ada");
    till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_the_grant_is_a_wrong_configuration() {
    for error in ["unsupported_grant_type", "unauthorized_client", "invalid_client", "who_knows"] {
        let till = Till::new().await;
        says(&till, error, 1);
        let screen = Screen::new(|_, _| {});
        let refused = till.wait_for(till.client.sign_in_with_device(&screen)).await.unwrap_err();
        let is_passing = matches!(refused, Error::TryLater { .. });
        assert!(is_passing == (error == "who_knows") && refused != Error::Cancelled, "{error}: {refused:?}");
        assert_eq!(till.total(Endpoint::DeviceCode), 1, "{error}: asking again would not help");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_at_the_screen_does_not_get_the_session() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(Duration::from_secs(60)).await;
    let kept = till.credential_files().await;
    let screen = Screen::approved_by(till.control(), "grace");
    let refused = till.wait_for(session.sign_in_again_with_device(&screen)).await;
    assert_eq!((refused, till.credential_files().await), (Err(Error::IdentityMismatch), kept));
    till.pass(Duration::from_secs(60)).await;
    // The negative control: their own person does.
    let before = session.state().generation;
    let screen = Screen::approved_by(till.control(), "ada");
    till.wait_for(session.sign_in_again_with_device(&screen)).await.unwrap();
    till.settle().await;
    assert!(session.state().generation > before);
}

#[test]
fn a_code_comes_as_squares_that_a_camera_can_read() {
    let qr = QrMatrix::new("https://id.example/device?user_code=WDJB-MJHT").unwrap();
    assert!(qr.size() >= 21 && qr.size() % 4 == 1 && qr.squares().len() == qr.size() * qr.size());
    // The three marks in the corners: dark, a light ring, dark.
    let last = qr.size() - 1;
    for (x, y) in [(0, 0), (last - 6, 0), (0, last - 6)] {
        let square = |dx: usize, dy: usize| qr.is_dark(x + dx, y + dy);
        assert!((0..7).all(|at| square(at, 0) && square(0, at)) && square(3, 3) && !square(1, 1) && !square(5, 1));
    }
    assert!(!qr.is_dark(qr.size(), 0) && !qr.is_dark(0, qr.size()));
    assert_eq!(QrMatrix::new(&"x".repeat(10_000)), None);
}
