//! Access tokens for other audiences, with other scopes, or with some life left.
//!
//! Asking for one is a refresh, so an account asks for one at a time, in a task that no caller can cancel. What the server
//! would not give is remembered: an app that asks again and again is told so without another request (P7). None of it
//! is a matter of the session, whose own token is looked after by the decision core.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mainstay_core::{Event, Generation, Timestamp, pacing::FRESH_TOKEN_AGE};
use tokio::sync::oneshot;

use super::{
    account::{Account, lock},
    attempts,
    hot::{AccessToken, Published},
    message::{Brought, Message},
    options::TokenRequest,
};
use crate::{
    Credentials, Error, StoredAccessToken,
    error::{Failure, TRY_AGAIN_SOON},
    vault::Fingerprint,
};

/// How many requests that came to nothing an hour may bring.
const FAILURES_PER_HOUR: usize = 12;
/// For how long what the server would not give is not asked for again.
const HOUR: Duration = Duration::from_secs(3600);
/// How many rejected tokens are remembered. An audience has one at a time, and they expire.
const REJECTED_KNOWN: usize = 32;
/// How long a call waits for a renewal of the session's own token.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(15);
/// How often another process may be ahead before a call gives up.
const MOST_TRIES: usize = 3;

/// What an account knows about tokens for other audiences. In memory only: a restart may ask once more.
#[derive(Default)]
pub(super) struct Audiences {
    /// One request at a time.
    turn: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    refusals: Vec<Refusal>,
    /// When requests came to nothing, in the last hour.
    failures: Vec<Timestamp>,
    /// The server is in trouble, or asked to wait.
    paused_until: Timestamp,
    /// Tokens that a resource server took for void, the latest of them. They are not handed out again.
    rejected: Vec<Fingerprint>,
}

/// What the server would not give.
struct Refusal {
    request: TokenRequest,
    at: Timestamp,
    /// What the app is told.
    text: String,
}

impl Refusal {
    /// Whether `request` asks for the same, or for more of it.
    fn covers(&self, request: &TokenRequest) -> bool {
        let TokenRequest { audience, scopes, min_remaining } = &self.request;
        *audience == request.audience && *scopes == request.scopes && *min_remaining <= request.min_remaining
    }
}

impl Audiences {
    /// Other credentials may be granted what was refused to the ones before.
    pub(super) fn forget_refusals(&self) {
        lock(&self.memory).refusals.clear();
    }

    /// A resource server rejected this token. Asking for another counts as a request that came to nothing: a server that
    /// rejects whatever it is given costs 12 an hour, and no more.
    pub(super) fn reject(&self, token: Fingerprint, now: Timestamp) {
        let mut memory = lock(&self.memory);
        if !memory.rejected.contains(&token) {
            memory.rejected.push(token);
            memory.failures.push(now);
        }
        let surplus = memory.rejected.len().saturating_sub(REJECTED_KNOWN);
        memory.rejected.drain(..surplus);
    }

    fn remember(&self, request: &TokenRequest, failure: &Failure, now: Timestamp) {
        let refused = match failure {
            Failure::NotGranted(_) => Some(TokenRequest { min_remaining: Duration::ZERO, ..request.clone() }),
            Failure::LivesTooShort { .. } => Some(request.clone()),
            _ => None,
        };
        let mut memory = lock(&self.memory);
        memory.failures.push(now);
        match refused {
            Some(request) => memory.refusals.push(Refusal { request, at: now, text: failure.to_string() }),
            None => {
                let asked_to_wait = match failure {
                    Failure::Token(error) => error.retry_after,
                    Failure::ToldToWait(wait) => Some(*wait),
                    _ => None,
                };
                memory.paused_until = now.plus(asked_to_wait.unwrap_or_default().max(TRY_AGAIN_SOON));
            }
        }
    }

    /// Why there will be no token, as far as that is known without asking.
    fn refuses(&self, request: &TokenRequest, issuer_paused_until: Option<Timestamp>, now: Timestamp) -> Option<Error> {
        let mut memory = lock(&self.memory);
        memory.refusals.retain(|refusal| now.since(refusal.at) < HOUR);
        memory.failures.retain(|at| now.since(*at) < HOUR);
        if let Some(refusal) = memory.refusals.iter().find(|refusal| refusal.covers(request)) {
            return Some(Error::Misconfigured(refusal.text.clone()));
        }
        let oldest = memory.failures.len().checked_sub(FAILURES_PER_HOUR).and_then(|at| memory.failures.get(at));
        let until = oldest.map(|at| at.plus(HOUR)).max(issuer_paused_until).max(Some(memory.paused_until));
        let wait = until.map(|at| at.since(now)).filter(|wait| !wait.is_zero());
        wait.map(|retry_after| Error::TryLater { cause: None, retry_after })
    }
}

pub(super) async fn token(account: &Arc<Account>, request: &TokenRequest) -> Result<AccessToken, Error> {
    account.token().await?;
    let mut request = request.clone();
    request.scopes.sort_unstable();
    if let Some(answer) = at_hand(account, &request) {
        return answer;
    }
    let (done, fetched) = oneshot::channel();
    let fetch = fetch(Arc::clone(account), request, done);
    account.server().host.spawn.spawn("mainstay-audience", Box::pin(fetch));
    fetched.await.unwrap_or(Err(Error::Internal("the request's task ended early")))
}

async fn fetch(account: Arc<Account>, request: TokenRequest, done: oneshot::Sender<Result<AccessToken, Error>>) {
    let turn = account.audiences.turn.lock().await;
    let answer = match at_hand(&account, &request) {
        // Whoever had the turn before brought it, or was refused the same.
        Some(answer) => answer,
        None => ask(&account, &request).await.map_err(|failure| {
            account.audiences.remember(&request, &failure, account.server().line.now());
            failure.into()
        }),
    };
    drop(turn);
    let _caller_left = done.send(answer);
}

/// The answer, if no request is needed for it.
fn at_hand(account: &Account, request: &TokenRequest) -> Option<Result<AccessToken, Error>> {
    let now = account.server().line.now();
    let kept = kept(account);
    let good = kept.as_ref().and_then(|kept| Some((kept.generation, best(account, kept, request)?)));
    if let Some((generation, token)) = good
        && token.expires_at >= now.plus(request.min_remaining)
    {
        return Some(Ok(handed_out(account, generation, token.clone())));
    }
    let issuer_paused_until = lock(&account.deployment.pacing).paused_until(now);
    if let Some(error) = account.audiences.refuses(request, issuer_paused_until, now) {
        return Some(Err(error));
    }
    // What has only just come is not renewed for a little more life, nor because it was rejected too.
    let latest = kept.as_ref().and_then(|kept| fitting(kept, request).map(|token| token.received_at).max());
    let age = latest.map(|at| now.since(at)).filter(|age| *age < FRESH_TOKEN_AGE);
    age.map(|age| Err(Error::TryLater { cause: None, retry_after: FRESH_TOKEN_AGE.saturating_sub(age) }))
}

async fn ask(account: &Arc<Account>, request: &TokenRequest) -> Result<AccessToken, Failure> {
    if request.audience.is_none() && own_covers(account, request) {
        renew_own(account).await;
        return judge(account, request);
    }
    for _ in 0..MOST_TRIES {
        if attempts::refresh_for(account, request).await? == attempts::More::Granted {
            return judge(account, request);
        }
        // Another process, or the session's own renewal, came first: its credentials may hold the token.
        if let Some(Ok(token)) = at_hand(account, request) {
            return Ok(token);
        }
    }
    Err(Failure::NotNow(TRY_AGAIN_SOON))
}

/// What came of a request.
fn judge(account: &Account, request: &TokenRequest) -> Result<AccessToken, Failure> {
    let not_now = Failure::NotNow(TRY_AGAIN_SOON);
    let Some(kept) = kept(account) else { return Err(not_now) };
    let Some(token) = best(account, &kept, request) else { return Err(Failure::NotGranted(request.describe())) };
    let now = account.server().line.now();
    let lives_for = token.expires_at.since(token.received_at);
    if now.since(token.received_at) >= FRESH_TOKEN_AGE {
        return Err(not_now);
    }
    if lives_for < request.min_remaining {
        return Err(Failure::LivesTooShort { wanted: request.describe(), lives_for });
    }
    Ok(handed_out(account, kept.generation, token.clone()))
}

/// Renews the session's own token, if the core agrees; what comes of it is seen in what is kept.
async fn renew_own(account: &Arc<Account>) {
    let received_at = || kept(account).and_then(|kept| Some(kept.access_tokens.first()?.received_at));
    let before = received_at();
    let mut board = account.board.subscribe();
    board.mark_unchanged();
    account.tell_and_wait(Event::RenewEarly).await;
    let renewed = async {
        while received_at().is_none_or(|at| Some(at) == before) {
            if board.changed().await.is_err() {
                return;
            }
        }
    };
    let _in_time = super::server::within(&*account.server().host.clock, RENEWAL_PATIENCE, renewed).await;
}

/// The generation that is handed out now.
fn kept(account: &Account) -> Option<Credentials> {
    let generation = account.hot.load(&*account.server().host.clock)?.generation();
    account.credentials(generation)
}

/// The longest-lived token that is what was asked for, and that nobody rejected.
fn best<'a>(account: &Account, kept: &'a Credentials, request: &TokenRequest) -> Option<&'a StoredAccessToken> {
    let rejected = lock(&account.audiences.memory).rejected.clone();
    let print = |token: &StoredAccessToken| account.deployment.fingerprints.fingerprint(&token.token);
    fitting(kept, request).filter(|token| !rejected.contains(&print(token))).max_by_key(|token| token.expires_at)
}

fn fitting<'a>(kept: &'a Credentials, request: &TokenRequest) -> impl Iterator<Item = &'a StoredAccessToken> {
    kept.access_tokens.iter().filter(|token| token.audience == request.audience && covers(token, &request.scopes))
}

fn own_covers(account: &Account, request: &TokenRequest) -> bool {
    kept(account).is_some_and(|kept| kept.access_tokens.first().is_some_and(|own| covers(own, &request.scopes)))
}

fn covers(token: &StoredAccessToken, scopes: &[String]) -> bool {
    scopes.iter().all(|scope| token.scopes.contains(scope))
}

fn handed_out(account: &Account, generation: Generation, token: StoredAccessToken) -> AccessToken {
    AccessToken::new(Published {
        epoch: account.hot.epoch(),
        generation,
        deadline: account.server().line.to_monotonic(token.expires_at),
        token: token.token,
        token_type: token.token_type,
        audience: token.audience,
    })
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
        self.tell(Message::SignedIn { event, credentials, name: None, epoch, done });
        let _gone = dealt_with.await;
    }
}
