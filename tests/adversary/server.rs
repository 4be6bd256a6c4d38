//! The adversary: one authorization server and one resource server that answer as a history says, and otherwise well.

mod memory;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use mainstay::{
    Secret,
    driver::{ImportedTokens, ProviderError},
    host::{BoxFuture, Clock, Connection, ConnectionWish, Inbound, Lane, Outbound, Transport, TransportError},
    test_support::VirtualClock,
};
use url::{Url, form_urlencoded};

use memory::{Memory, form_of, metadata, place_of};

use crate::{
    answers::{self, API, CLIENT, ISSUER, Made, Naming, STRANGER, Written},
    book::{Asked, Book, Came},
    ears::SECRET,
    evidence::Row,
    history::{
        Access, Action, CHALLENGES, Deployment, Echo, Head, Health, IdToken, Loss, Metadata, Owner, Place, Recipe,
        Refresh, Shape, Tokens, Upheaval, What,
    },
};

/// Requests in one history beyond which nothing is answered any more: something asks in a tight loop.
const MOST_REQUESTS: u64 = 100_000;

pub const GOOD: Tokens = Tokens {
    owner: Owner::Asker,
    id_token: IdToken::Owner,
    access: Access::New,
    refresh: Refresh::New,
    expires_in: None,
    token_type: Some("Bearer"),
    shape: Shape::Plain,
};

const HONEST: Recipe = Recipe { what: What::Honest, head: Head::PLAIN, delay: 0 };

/// The servers. Clones are the same ones.
#[derive(Clone)]
pub struct Adversary(Arc<Inner>);

struct Inner {
    clock: VirtualClock,
    book: Arc<Mutex<Book>>,
    deployment: Deployment,
    memory: Mutex<Memory>,
}

impl Adversary {
    pub fn new(clock: VirtualClock, book: Arc<Mutex<Book>>, deployment: Deployment) -> Self {
        let memory = Mutex::new(Memory { network: true, ..Memory::default() });
        Self(Arc::new(Inner { clock, book, deployment, memory }))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.clock.monotonic().as_millis()).unwrap()
    }

    /// The network as one process of the device sees it.
    pub fn seen_by(&self, process: u32) -> Arc<dyn Transport> {
        Arc::new(Line { server: self.clone(), process })
    }

    pub fn set_mood(&self, action: &Action) {
        if let Action::Answer { at, times, recipe } = action {
            self.memory().moods.insert(*at, (*times, *recipe));
        }
    }

    /// Every mood is over; what they were.
    pub fn recover(&self) -> impl Send + use<> {
        std::mem::take(&mut self.memory().moods)
    }

    /// Runs `moods` to their end for a fair visit, and has them back afterwards.
    pub fn moods(&self) -> Moods {
        Moods(self.memory().moods.clone())
    }

    pub fn restore(&self, moods: Moods) {
        self.memory().moods = moods.0;
    }

    pub fn set_network(&self, up: bool) {
        self.memory().network = up;
    }

    pub fn has_network(&self) -> bool {
        self.memory().network
    }

    pub fn upheaval(&self, what: Upheaval) {
        let mut memory = self.memory();
        let issued = memory.issued + 1;
        match what {
            Upheaval::KeyChanged => memory.void_access_before = issued,
            Upheaval::GrantsLost => memory.void_refresh_before = issued,
            Upheaval::NewTokensVoid => memory.new_tokens_void = true,
            Upheaval::Restored => {
                (memory.void_access_before, memory.void_refresh_before, memory.new_tokens_void) = (0, 0, false);
            }
        }
    }

    /// What a person's browser brings back: a code for `person`, bound to the nonce of the visit.
    pub fn code_for(&self, person: &str, nonce: &str) -> String {
        let mut memory = self.memory();
        let number = memory.next();
        let code = format!("code-{SECRET}-{number}");
        memory.codes.insert(code.clone(), (person.to_owned(), nonce.to_owned()));
        code
    }

    /// Tokens for an app's own credential provider.
    pub fn supply(&self, person: &str, stranger: bool) -> (String, String) {
        let owner = if stranger { STRANGER } else { person };
        let now = self.now();
        let mut memory = self.memory();
        let access = memory.issue_access(owner, person, now, now + 900_000);
        let refresh = memory.issue_refresh(owner, person, now, None);
        drop(memory);
        self.book().issued(person, now);
        (access, refresh)
    }

    async fn answer(&self, process: u32, outbound: Outbound) -> Result<Inbound, TransportError> {
        let request = &outbound.request;
        let place = place_of(request);
        let wants_fresh = outbound.connection == ConnectionWish::Fresh;
        let (recipe, overwhelmed) = {
            let mut memory = self.memory();
            if !memory.network {
                return Err(TransportError::Unreachable);
            }
            memory.requests += 1;
            (memory.take_mood(place), memory.requests > MOST_REQUESTS)
        };
        let spread = match recipe.what {
            What::Health(Health::IllAndSpread(seconds)) => Some(u64::from(seconds)),
            _ => recipe.head.spread.and_then(|spread| spread.parse().ok()),
        };
        if spread.is_some_and(|seconds| seconds > 3 * 3600) {
            self.book().spread_was_asked_for = true;
        }
        let mut asked = self.read(process, place, &outbound);
        if overwhelmed {
            self.book().too_many();
            std::future::pending::<()>().await;
        }
        if let What::Unsent(error) = recipe.what {
            self.book().delivered(&asked, &Came::nothing(Row::Unreachable), self.now());
            return Err(error);
        }
        let sent = self.book().requested(&mut asked, self.now());
        let _gone = InFlight { server: self.clone(), asked: asked.clone(), sent };
        let written = match recipe.what {
            What::Lost { acts: false, .. } => Written::new(500, Vec::new()),
            what => self.write(&what, place, &asked, request, recipe.head),
        };
        if recipe.delay > 0 {
            self.0.clock.sleep_until(self.0.clock.monotonic() + Duration::from_secs(recipe.delay)).await;
        }
        if let What::Lost { how, .. } = recipe.what {
            let row = if how == Loss::Never { Row::Timeout } else { Row::Lost };
            self.book().delivered(&asked, &Came::nothing(row), self.now());
            match how {
                Loss::Broken => return Err(TransportError::Broken),
                Loss::TooLarge => return Err(TransportError::TooLarge),
                Loss::Never => std::future::pending().await,
            }
        }
        if written.body.len() > outbound.body_limit {
            self.book().delivered(&asked, &Came::nothing(Row::Lost), self.now());
            return Err(TransportError::TooLarge);
        }
        let response = self.dress(&written, &recipe.head, place, &asked);
        let came = Came::of(&written, &recipe.head, &response);
        self.book().delivered(&asked, &came, self.now());
        let connection = match (recipe.head.connection_known, wants_fresh && self.0.deployment.fresh_connections) {
            (false, _) => Connection::Unknown,
            (true, true) => Connection::Fresh,
            (true, false) => Connection::Reused,
        };
        Ok(Inbound { response, connection, from_cache: recipe.head.from_cache })
    }

    fn dress(&self, written: &Written, head: &Head, place: Place, asked: &Asked) -> Response<Bytes> {
        let echoes = self.0.deployment.echoes && matches!(place, Place::Api | Place::Who);
        let echo = match head.echo {
            Echo::Owner => asked.owner.as_deref(),
            Echo::Stranger => Some(STRANGER),
            Echo::Absent => None,
        };
        let now = u64::try_from(self.0.clock.wall().as_millis()).unwrap() / 1000;
        // A good server's clock is right whatever the device's says.
        let now = now.max(1_700_000_000);
        written.with(head, echo.filter(|_| echoes), now)
    }

    /// Whose request this is, by what it carries.
    fn read(&self, process: u32, place: Place, outbound: &Outbound) -> Asked {
        let request = &outbound.request;
        let form = form_of(request);
        let memory = self.memory();
        let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let access = bearer.and_then(|value| value.split_once(' ')).map(|(_, token)| token.to_owned());
        let refresh = form.get("refresh_token").cloned();
        let grant = match (&access, &refresh) {
            (Some(token), _) => memory.access.get(token),
            (None, Some(token)) => memory.refresh.get(token),
            (None, None) => None,
        };
        Asked {
            process,
            place,
            own: outbound.lane == Lane::Own,
            asker: grant.map(|grant| grant.asker.clone()),
            owner: grant.map(|grant| grant.owner.clone()),
            issued_at: grant.map_or(0, |grant| grant.issued_at),
            access,
            refresh,
            audience: form.get("resource").cloned(),
            at: self.now(),
        }
    }

    fn write(&self, what: &What, place: Place, asked: &Asked, request: &Request<Bytes>, head: Head) -> Written {
        let at_token_endpoint = matches!(place, Place::Refresh | Place::Code);
        let written = match what {
            What::Honest | What::Lost { .. } => self.honest(place, asked, request),
            What::Tokens(how) if at_token_endpoint => self.grant(how, asked, request),
            What::Refusal { status, code } => {
                let row = match *code {
                    "server_error" | "temporarily_unavailable" | "slow_down" => Some(Row::SaysTrouble),
                    "invalid_grant" if matches!(status, 400..=403) => Some(Row::InvalidGrant),
                    "invalid_scope" if matches!(status, 400..=403) => Some(Row::InvalidScope),
                    "invalid_client" | "unauthorized_client" | "unsupported_grant_type"
                        if matches!(status, 400..=403) =>
                    {
                        Some(Row::Configuration)
                    }
                    "use_dpop_nonce" | "invalid_dpop_proof" if matches!(status, 400..=403) => None,
                    _ if *status >= 500 => Some(Row::Broken),
                    _ => Some(Row::Unreasoned),
                };
                let text = format!("{{\"error\":\"{code}\",\"error_description\":\"{SECRET} {CLIENT}\"}}");
                Written { row, ..Written::new(*status, text) }
            }
            What::Challenge(number) => {
                let (status, challenge, row) = CHALLENGES[usize::from(*number)];
                Written { challenge: Some(challenge), row: Some(row), ..Written::new(status, "{\"message\":\"no\"}") }
            }
            What::Names(name) => answers::names(*name, asked.owner.as_deref().unwrap_or(STRANGER)),
            What::Metadata(how) => Written::new(200, metadata(Some(*how))),
            What::Health(health) => Written::new(
                200,
                match health {
                    Health::Ill => "{\"healthy\":false,\"message\":\"we know\"}".to_owned(),
                    Health::IllAndSpread(seconds) => format!("{{\"healthy\":false,\"spread_seconds\":{seconds}}}"),
                    Health::Odd => "{\"healthy\":\"yes\",\"spread_seconds\":-1}".to_owned(),
                },
            ),
            What::Raw { status, body } => {
                let row = match place {
                    Place::Refresh | Place::Code => answers::row_at_token_endpoint(*status, *body),
                    Place::Who | Place::Api => answers::row_at_resource(*status, *body),
                    _ => None,
                };
                Written { row, ..Written::new(*status, answers::body(*body)) }
            }
            What::Tokens(_) | What::Unsent(_) => Written::new(500, Vec::new()),
        };
        match (at_token_endpoint, answers::is_cached(&head)) {
            (true, true) => Written { access: None, refresh: None, naming: Naming::Nobody, ..written }.row(Row::Cached),
            (false, true) => Written { naming: Naming::Nobody, ..written },
            (_, false) => written,
        }
    }

    /// What a good server says.
    fn honest(&self, place: Place, asked: &Asked, request: &Request<Bytes>) -> Written {
        let rejected = || Written {
            challenge: Some("Bearer error=\"invalid_token\""),
            row: Some(Row::InvalidToken),
            ..Written::new(401, "{\"message\":\"no\"}")
        };
        match place {
            Place::Discovery => match request.uri().path() {
                "/.well-known/openid-configuration" => Written::new(200, metadata(None)),
                _ => Written::new(404, "no"),
            },
            Place::Code | Place::Refresh if request.uri().path() != "/token" => {
                Written::new(404, "<html>nothing is here</html>").row(Row::NotJson)
            }
            Place::Code => self.grant(&self.good(), asked, request),
            Place::Refresh => {
                let good = asked.refresh.as_ref().is_some_and(|token| self.memory().accepts_refresh(token));
                if good { self.grant(&self.good(), asked, request) } else { refused() }
            }
            Place::Who | Place::Api => match (&asked.access, &asked.owner) {
                (Some(token), Some(owner)) if self.memory().accepts(token, self.now()) => {
                    answers::names(crate::history::Name::Owner, owner)
                }
                _ => rejected(),
            },
            Place::Status => Written::new(200, "{\"healthy\":true}"),
            Place::Revocation => Written::new(200, Vec::new()),
        }
    }

    fn good(&self) -> Tokens {
        Tokens { expires_in: Some(in_seconds(self.0.deployment.life)), ..GOOD }
    }

    /// Tokens, good or odd.
    fn grant(&self, how: &Tokens, asked: &Asked, request: &Request<Bytes>) -> Written {
        let form = form_of(request);
        let now = self.now();
        let life = u64::from(self.0.deployment.life);
        let mut memory = self.memory();
        let visit = form.get("code").and_then(|code| memory.codes.remove(code));
        if form.contains_key("code") && visit.is_none() {
            return refused();
        }
        let nonce = visit.as_ref().map(|(_, nonce)| nonce.clone());
        let asker = visit.map(|(person, _)| person).or_else(|| asked.asker.clone());
        let Some(asker) = asker else { return refused() };
        let given = memory.refresh_owner(asked.refresh.as_deref()).unwrap_or_else(|| asker.clone());
        let owner = match how.owner {
            Owner::Stranger => STRANGER.to_owned(),
            Owner::Asker | Owner::Neighbour => given,
        };
        let neighbours = memory.latest.iter().find(|(who, _)| **who != asker).map(|(_, token)| token.clone());
        let old = memory.latest.get(&asker).cloned();
        let shared = neighbours.filter(|_| how.owner == Owner::Neighbour);
        let is_shared = shared.is_some();
        let access = match shared.or(old.filter(|_| how.access == Access::Old)) {
            Some(token) => token,
            None => memory.issue_access(&owner, &asker, now, now + life.max(30) * 1000),
        };
        let refresh = match (how.refresh, &asked.refresh) {
            (Refresh::Old, Some(presented)) => presented.clone(),
            _ => memory.issue_refresh(&owner, &asker, now, asked.refresh.clone()),
        };
        let now_seconds = (u64::try_from(self.0.clock.wall().as_millis()).unwrap() / 1000).max(1_700_000_000);
        let made = Made {
            access: &access,
            refresh: &refresh,
            owner: &owner,
            asker: &asker,
            nonce: nonce.as_deref(),
            now_seconds,
        };
        let written = answers::tokens(how, &made);
        if written.access.is_some() && asked.audience.is_none() && !is_shared {
            memory.latest.insert(asker, access);
        }
        drop(memory);
        if is_shared && written.access.is_some() { written.row(Row::SharedToken) } else { written }
    }
}

/// Moods that are put off.
pub struct Moods(BTreeMap<Place, (Option<u8>, Recipe)>);

/// As it stands in the JSON of a good server.
fn in_seconds(life: u32) -> &'static str {
    if life == 900 { "900" } else { "3600" }
}

fn refused() -> Written {
    Written::new(400, "{\"error\":\"invalid_grant\"}").row(Row::InvalidGrant)
}

struct Line {
    server: Adversary,
    process: u32,
}

impl Transport for Line {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        Box::pin(self.server.answer(self.process, outbound))
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.server.0.deployment.fresh_connections
    }
}

/// A request that the server has, until its answer was delivered or nobody waits for it any more.
struct InFlight {
    server: Adversary,
    asked: Asked,
    sent: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let now = self.server.now();
        self.server.book().gone(&self.asked, self.sent, now);
    }
}

/// The address of one of the resource server's pages.
pub fn page(path: &str) -> Url {
    Url::parse(API).unwrap().join(path).unwrap()
}

impl Adversary {
    /// What an app's own provider gives: mostly tokens, sometimes none, and once in a while a stranger's.
    pub fn provide(&self, person: &str) -> Result<ImportedTokens, ProviderError> {
        let turn = {
            let mut memory = self.memory();
            memory.next()
        };
        match turn % 7 {
            0 => Err(ProviderError::Declined),
            1 | 2 => Err(ProviderError::Unavailable),
            _ => {
                let (access, refresh) = self.supply(person, turn % 7 == 3);
                Ok(ImportedTokens {
                    access_token: Some(Secret::from_text(&access)),
                    expires_in: Some(900),
                    refresh_token: Some(Secret::from_text(&refresh)),
                })
            }
        }
    }
}
