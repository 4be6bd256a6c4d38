//! What the app does: calls in tasks of their own, and what comes of them held against P5.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use mainstay::{
    Error, Session,
    driver::{AccessToken, TokenRequest},
    host::Clock,
    test_support::VirtualClock,
};

use crate::{
    answers::API,
    book::{Book, Promise},
    evidence::Row,
    history::{CHALLENGES, Call},
    server::page,
    world::World,
};

/// What a call needs, wherever it runs.
struct Caller {
    session: Session,
    book: Arc<Mutex<Book>>,
    clock: VirtualClock,
    old_token: Arc<Mutex<Option<AccessToken>>>,
    signs_out: bool,
}

impl World {
    /// A call in a task of its own: it may outlast what happens next. Whoever gives up drops it where it waits.
    pub async fn app_calls(&mut self, who: &str, call: Call, gives_up: bool) {
        // Whoever sends requests by itself may report a rejection to a session that is nobody's by now.
        let any = || self.sessions().into_iter().next().filter(|_| matches!(call, Call::Reports { .. }));
        let Some(session) = self.session_of(who).or_else(any) else { return };
        let Some(running) = self.running.first() else { return };
        let caller = Caller {
            session,
            book: Arc::clone(&self.book),
            clock: self.clock.clone(),
            old_token: Arc::clone(&self.old_token),
            signs_out: self.between.app_signs_out,
        };
        if let Call::Reports { stale, challenge } = call {
            return caller.report(stale, challenge, self.now());
        }
        if gives_up {
            let call = self.activity.follow(async move { caller.make(call).await });
            let mut call = Box::pin(call);
            tokio::select! {
                biased;
                () = &mut call => {}
                () = self.activity.quiescent() => {}
            }
            return;
        }
        let calls = Arc::clone(&self.calls);
        let number = {
            let mut calls = calls.lock().unwrap();
            calls.push((self.now(), false));
            calls.len() - 1
        };
        let ended = Ended(calls, number);
        let task = async move {
            let _ended = ended;
            caller.make(call).await;
        };
        running.host.spawn.spawn("call", Box::pin(task));
        self.settle().await;
    }
}

/// A call that ended, or whose process did.
struct Ended(Arc<Mutex<Vec<(u64, bool)>>>, usize);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.lock().unwrap()[self.1].1 = true;
    }
}

impl Caller {
    async fn make(&self, call: Call) {
        match call {
            Call::Token => {
                if let Ok(token) = self.checked(self.session.access_token().await) {
                    self.hands(&token);
                    *self.old_token.lock().unwrap() = Some(token);
                }
            }
            Call::Get { who_am_i } => {
                let path = if who_am_i { "/api/me" } else { "/api/catalogue" };
                let request = Request::get(format!("{API}{path}")).body(Bytes::new()).unwrap();
                self.send(request, who_am_i).await;
            }
            Call::Post { key } => {
                let mut request = Request::post(format!("{API}/api/sales"));
                if key {
                    request = request.header("idempotency-key", "sale-1");
                }
                self.send(request.body(Bytes::from_static(b"{}")).unwrap(), false).await;
            }
            Call::For { audience, least } => {
                let request = TokenRequest {
                    audience: audience.then(|| "https://stock.example".to_owned()),
                    min_remaining: Duration::from_secs(least),
                    ..TokenRequest::default()
                };
                if let Ok(token) = self.checked(self.session.access_token_for(&request).await) {
                    self.hands(&token);
                    *self.old_token.lock().unwrap() = Some(token);
                }
            }
            Call::Reports { .. } => {}
        }
    }

    async fn send(&self, request: Request<Bytes>, who_am_i: bool) {
        let pinned = self.pinned();
        let Ok(response) = self.checked(self.session.send(request).await) else { return };
        if let Some(pinned) = pinned.filter(|pinned| Some(pinned) == self.pinned().as_ref()) {
            self.book.lock().unwrap().released(&response, who_am_i, &pinned);
        }
        if self.signs_out && response.status() == 401 {
            let _naive = self.session.sign_out().await;
        }
    }

    /// An error is the caller's next move, tells no secret and is never a defect.
    fn checked<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &answer {
            tracing::info!(name: "app.error", target: "mainstay", %error, shown = ?error);
            if let Error::Internal(why) = error {
                self.book.lock().unwrap().break_promise(Promise::P12, format!("a defect: {why}"));
            }
        }
        answer
    }

    fn pinned(&self) -> Option<String> {
        self.session.identity().and_then(|identity| identity.subject)
    }

    fn hands(&self, token: &AccessToken) {
        let now = u64::try_from(self.clock.monotonic().as_millis()).unwrap();
        if let Some(pinned) = self.pinned() {
            self.book.lock().unwrap().handed_out(token.expose(), &pinned, now);
        }
    }

    /// The app sends requests by itself, and says that one was rejected.
    fn report(&self, stale: bool, challenge: u8, _now: u64) {
        let old = self.old_token.lock().unwrap().clone();
        let now = futures_util::FutureExt::now_or_never(self.session.access_token()).and_then(Result::ok);
        let Some(token) = (if stale { old } else { now.or(old) }) else { return };
        let (status, text, row) = CHALLENGES[usize::from(challenge)];
        let mut response = http::Response::builder().status(status);
        if !text.is_empty() {
            response = response.header("www-authenticate", text);
        }
        let state = self.session.state().state.name();
        let row = if token.audience().is_some() { Row::OtherAudience } else { row };
        self.book.lock().unwrap().reported(row, state);
        self.session.report_rejection(&token, &page("/api/catalogue"), &response.body(Bytes::new()).unwrap());
    }
}
