//! Access tokens for other audiences, with other scopes, or with some life left.

use std::{sync::Arc, time::Duration};

use mainstay_core::{Event, Timestamp};
use tokio::sync::oneshot;

use super::{
    account::{Account, Brought, Message, lock},
    attempts,
    hot::{AccessToken, Published},
    options::TokenRequest,
};
use crate::{Error, StoredAccessToken, oauth::LIFETIME_FLOOR};

/// After a failure, no other request for such a token for this long: an app that loops must not load the server (P7).
pub(super) const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(20);
/// How many such failures an hour may bring.
const FAILURES_PER_HOUR: usize = 12;
const HOUR: Duration = Duration::from_secs(3600);

pub(super) async fn token(account: &Arc<Account>, request: &TokenRequest) -> Result<AccessToken, Error> {
    let own = account.token().await?;
    if let Some(found) = find(account, request) {
        return Ok(found);
    }
    if request.audience.is_none() && has_scopes(account, request) {
        return renew_own(account, own, request.min_remaining).await;
    }
    if let Some(wait) = paused(account) {
        return Err(Error::TryLater { cause: None, retry_after: wait });
    }
    let (done, fetched) = oneshot::channel();
    let fetch = fetch(Arc::clone(account), request.clone(), done);
    account.server().host.spawn.spawn("mainstay-audience", Box::pin(fetch));
    match fetched.await {
        Ok(Ok(())) => find(account, &TokenRequest { min_remaining: Duration::ZERO, ..request.clone() })
            .ok_or_else(|| Error::Misconfigured("the server does not grant such a token".to_owned())),
        Ok(Err(error)) => Err(error),
        Err(_gone) => Err(Error::Internal("the request's task ended early")),
    }
}

async fn fetch(account: Arc<Account>, request: TokenRequest, done: oneshot::Sender<Result<(), Error>>) {
    let result = attempts::refresh_for(&account, &request).await;
    // A token that the server gave and that still is not the one that was asked for costs as much as a failure.
    if result.is_err() || find(&account, &TokenRequest { min_remaining: Duration::ZERO, ..request }).is_none() {
        let mut failures = lock(&account.audience_failures);
        let now = account.server().line.now();
        failures.retain(|at| now.since(*at) < HOUR);
        failures.push(now);
    }
    let _caller_left = done.send(result);
}

fn paused(account: &Account) -> Option<Duration> {
    let now = account.server().line.now();
    let failures = lock(&account.audience_failures);
    let after = |at: Option<&Timestamp>, pause| at.map(|at| at.plus(pause));
    let hourly = failures.len().checked_sub(FAILURES_PER_HOUR).and_then(|oldest| failures.get(oldest));
    let until = after(failures.last(), PAUSE_AFTER_FAILURE).max(after(hourly, HOUR));
    let until = until.max(lock(&account.deployment.pacing).paused_until(now));
    until.map(|at| at.since(now)).filter(|left| !left.is_zero())
}

/// The session's own token lives too short: it is renewed, once; what comes then is as good as it gets.
async fn renew_own(account: &Arc<Account>, own: AccessToken, wanted: Duration) -> Result<AccessToken, Error> {
    let now = account.server().line.now();
    let kept = account.credentials(own.generation());
    let age = kept.and_then(|kept| kept.access_tokens.first().map(|token| now.since(token.received_at)));
    if wanted.is_zero() || age.is_none_or(|age| age < LIFETIME_FLOOR) {
        return Ok(own);
    }
    let mut board = account.board.subscribe();
    board.mark_unchanged();
    account.tell_and_wait(Event::RenewEarly).await;
    let clock = Arc::clone(&account.server().host.clock);
    let renewed = async {
        while account.hot.load(&*clock).is_none_or(|token| token.generation() == own.generation()) {
            if board.changed().await.is_err() {
                return;
            }
        }
    };
    let _in_time = super::server::within(&*clock, Duration::from_secs(15), renewed).await;
    account.token().await
}

fn has_scopes(account: &Account, request: &TokenRequest) -> bool {
    let kept = lock(&account.kept);
    let own = kept.last().and_then(|credentials| credentials.access_tokens.first());
    own.is_some_and(|token| covers(token, &request.scopes))
}

fn covers(token: &StoredAccessToken, scopes: &[String]) -> bool {
    scopes.iter().all(|scope| token.scopes.contains(scope))
}

fn find(account: &Account, request: &TokenRequest) -> Option<AccessToken> {
    let line = &account.server().line;
    let needed_until: Timestamp = line.now().plus(request.min_remaining);
    let generation = account.hot.load(&*account.server().host.clock)?.generation();
    let kept = account.credentials(generation)?;
    let token = kept.access_tokens.into_iter().find(|token| {
        token.audience == request.audience && covers(token, &request.scopes) && token.expires_at > needed_until
    })?;
    Some(AccessToken::new(Published {
        epoch: account.hot.epoch(),
        generation,
        deadline: line.to_monotonic(token.expires_at),
        token: token.token,
        token_type: token.token_type,
        audience: token.audience,
    }))
}

impl Account {
    /// Stores credentials that differ from the current ones by one more access token.
    pub(super) async fn adopt_more(&self, event: Event, brought: Brought) {
        let (done, dealt_with) = oneshot::channel();
        let Brought { epoch, credentials, unsaved } = brought;
        let credentials = Box::new(credentials);
        if let Some(rotation) = unsaved {
            self.tell(Message::StillUnsaved { rotation, epoch });
        }
        self.tell(Message::SignedIn { event, credentials, epoch, done });
        let _gone = dealt_with.await;
    }
}
