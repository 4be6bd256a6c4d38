//! Asking a person: the authorization endpoint (RFC 6749 section 4.1.1, PKCE by RFC 7636, `iss` by RFC 9207), also by a
//! request that was pushed (RFC 9126).

use std::{collections::HashMap, net::IpAddr};

use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use url::{Host, Url};

use crate::{
    call::{Call, Parameters, Problem, Reply, no_store, redirect},
    config::PushedRequests,
    observations::{NOBODY_YET, count},
    page,
    people::{PEOPLE, PIN},
    state::{App, World},
};

/// How long a code is good, in seconds (RFC 6749 section 4.1.2 recommends at most ten minutes).
const CODE_LIFE_S: u64 = 60;

/// How long a pushed request is good, in seconds (RFC 9126 section 2.2).
const PUSHED_LIFE_S: u64 = 60;

/// How long a sign-in page stays good, in seconds.
const TICKET_LIFE_S: u64 = 600;

/// What a client asked for.
#[derive(Clone)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: String,
    pub(crate) resource: Option<String>,
    /// Whether the person has to be asked, whatever the browser knows (`prompt=login`).
    pub(crate) anew: bool,
}

/// A code that was given out.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) request: AuthorizationRequest,
    pub(crate) person: String,
    pub(crate) auth_time: u64,
    pub(crate) expires_s: u64,
    /// The session that was opened for it, once it was used.
    pub(crate) session: Option<String>,
}

/// Sign-in pages that wait for somebody, and codes that were given out.
#[derive(Default)]
pub(crate) struct Codes {
    tickets: HashMap<String, (AuthorizationRequest, u64)>,
    codes: HashMap<String, Code>,
    /// Requests that were pushed, until the second they expire.
    pushed: HashMap<String, (Parameters, u64)>,
}

impl Codes {
    pub(crate) fn code(&self, code: &str) -> Option<&Code> {
        self.codes.get(code)
    }

    pub(crate) fn used(&mut self, code: &str, sid: &str) {
        if let Some(code) = self.codes.get_mut(code) {
            code.session = Some(sid.to_owned());
        }
    }
}

/// `GET /authorize`: the sign-in page, or at once the answer of the scripted person.
pub(crate) fn authorize(app: &App, call: &Call) -> Reply {
    let mut query = call.query()?;
    if let Some(reference) = query.get("request_uri").map(str::to_owned) {
        let now_s = app.read(World::now_s);
        let pushed = app.update(|world| world.codes.pushed.remove(&reference)).filter(|(_, expires)| *expires > now_s);
        match pushed {
            Some((pushed, _)) if pushed.get("client_id") == query.get("client_id") => query = pushed,
            _ => return Ok(page::dead_end("This sign-in has expired, or was opened before. Begin again in the app.")),
        }
    } else if app.read(|world| world.config.pushed_authorization_requests == PushedRequests::Required) {
        return Ok(page::dead_end("This server takes sign-ins only from apps that tell it first."));
    }
    // Until client and redirect URI are known to be good, nothing may be sent there (RFC 6749 section 4.1.2.1).
    let (Some(client_id), Some(redirect_uri)) = (query.get("client_id"), query.get("redirect_uri")) else {
        return Ok(page::dead_end("The app did not say who it is, or where to go afterwards."));
    };
    if app.read(|world| super::issue::known_client(world, client_id)).is_err() {
        return Ok(page::dead_end("This server does not know the app that sent you here."));
    }
    if !may_redirect_to(redirect_uri) {
        return Ok(page::dead_end("redirect_uri must be https, loopback http, or a private-use scheme with a dot."));
    }
    let state = query.get("state");
    let refuse = |error: &str| Ok(respond(&app.issuer, redirect_uri, state, &[("error", error)]));
    let mut request = match read_request(&query, client_id, redirect_uri) {
        Ok(request) => request,
        Err(error) => return refuse(error),
    };
    request.scope = app.read(|world| granted(&request.scope, &world.config.withheld_scopes));
    if query.get("prompt") == Some("none") {
        return refuse("login_required");
    }
    let hint = query.get("login_hint").unwrap_or_default();
    Ok(app.update(|world| match world.scripted.clone() {
        Some(person) => {
            count(&mut world.seen.prompts, &person);
            let age_s = if request.anew { 0 } else { world.config.authentication.age_seconds };
            give_code(world, &app.issuer, request, person, age_s)
        }
        None => {
            count(&mut world.seen.prompts, if hint.is_empty() { NOBODY_YET } else { hint });
            let ticket = world.random.text();
            let now_s = world.now_s();
            world.codes.tickets.retain(|_, (_, expires)| *expires > now_s);
            let shown = page::sign_in(StatusCode::OK, &request.client_id, &ticket, hint, None);
            world.codes.tickets.insert(ticket, (request, now_s.saturating_add(TICKET_LIFE_S)));
            shown
        }
    }))
}

/// `POST /par`: takes a request from the client itself (RFC 9126 section 2.1).
pub(crate) fn push(app: &App, call: &Call) -> Reply {
    let form = call.form()?;
    let (client_id, redirect_uri) = (form.require("client_id")?, form.require("redirect_uri")?);
    app.read(|world| super::issue::known_client(world, client_id))?;
    let refuse = |error: &str| Problem::new(StatusCode::BAD_REQUEST, error, "the request cannot be carried out");
    if app.read(|world| world.config.pushed_authorization_requests == PushedRequests::Off) {
        return Err(Problem::not_found("requests are not pushed here"));
    }
    if !may_redirect_to(redirect_uri) || form.get("request_uri").is_some() {
        return Err(refuse("invalid_request"));
    }
    read_request(&form, client_id, redirect_uri).map_err(refuse)?;
    app.update(|world| {
        let reference = format!("urn:ietf:params:oauth:request_uri:{}", world.random.text());
        let now_s = world.now_s();
        world.codes.pushed.retain(|_, (_, expires)| *expires > now_s);
        world.codes.pushed.insert(reference.clone(), (form, now_s.saturating_add(PUSHED_LIFE_S)));
        Ok(no_store(StatusCode::CREATED, &json!({ "request_uri": reference, "expires_in": PUSHED_LIFE_S })))
    })
}

/// `POST /authorize/sign-in`: a person chose a name and typed the PIN.
pub(crate) fn sign_in(app: &App, call: &Call) -> Reply {
    let form = call.form()?;
    let (ticket, person) = (form.require("ticket")?, form.require("person")?);
    let pin = form.get("pin").unwrap_or_default();
    app.update(|world| {
        let now_s = world.now_s();
        let waiting = world.codes.tickets.get(ticket).filter(|(_, expires)| *expires > now_s);
        let Some((request, _)) = waiting.cloned() else {
            return Ok(page::dead_end("This sign-in page is no longer good."));
        };
        if pin != PIN || !PEOPLE.iter().any(|(known, _)| *known == person) {
            let client = &request.client_id;
            let wrong = Some("That is not the right PIN.");
            return Ok(page::sign_in(StatusCode::FORBIDDEN, client, ticket, person, wrong));
        }
        world.codes.tickets.remove(ticket);
        Ok(give_code(world, &app.issuer, request, person.to_owned(), 0))
    })
}

/// Checks the request; an error is the code to send back (RFC 6749 section 4.1.2.1).
fn read_request(query: &Parameters, client_id: &str, redirect_uri: &str) -> Result<AuthorizationRequest, &'static str> {
    if query.get("response_type") != Some("code") {
        return Err("unsupported_response_type");
    }
    let challenge = query.get("code_challenge").filter(|challenge| challenge.len() == 43);
    if query.get("code_challenge_method") != Some("S256") {
        return Err("invalid_request");
    }
    let owned = |name: &str| query.get(name).map(str::to_owned);
    Ok(AuthorizationRequest {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scope: owned("scope").unwrap_or_else(|| "openid".to_owned()),
        state: owned("state"),
        nonce: owned("nonce"),
        challenge: challenge.ok_or("invalid_request")?.to_owned(),
        resource: owned("resource"),
        anew: query.get("prompt") == Some("login"),
    })
}

/// What is granted of the scopes that were asked for.
fn granted(asked: &str, withheld: &[String]) -> String {
    let given = asked.split(' ').filter(|scope| withheld.iter().all(|never| never != scope));
    given.collect::<Vec<_>>().join(" ")
}

/// `age_s`: how long ago the person signed in, in seconds.
fn give_code(world: &mut World, issuer: &str, request: AuthorizationRequest, person: String, age_s: u64) -> Response {
    let code = world.random.text();
    let now_s = world.now_s();
    let auth_time = now_s.saturating_sub(age_s);
    let answer = respond(issuer, &request.redirect_uri, request.state.as_deref(), &[("code", &code)]);
    let expires_s = now_s.saturating_add(CODE_LIFE_S);
    world.codes.codes.insert(code, Code { request, person, auth_time, expires_s, session: None });
    answer
}

/// Sends the browser back to the client.
fn respond(issuer: &str, redirect_uri: &str, state: Option<&str>, parameters: &[(&str, &str)]) -> Response {
    let Ok(mut url) = Url::parse(redirect_uri) else { return redirect(redirect_uri) };
    url.query_pairs_mut()
        .extend_pairs(parameters)
        .extend_pairs(state.map(|state| ("state", state)))
        .append_pair("iss", issuer);
    redirect(url.as_str())
}

/// Redirect URIs of native apps (RFC 8252 section 7), and of web apps over https.
fn may_redirect_to(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    };
    let scheme_fits = match url.scheme() {
        "https" => true,
        "http" => loopback,
        scheme => scheme.contains('.'),
    };
    scheme_fits && url.fragment().is_none()
}
