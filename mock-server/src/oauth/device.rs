//! Signing in on another device (RFC 8628): a code for a screen, the page where a person types it in, and the questions of
//! the screen meanwhile.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Session,
    issue::{self, Extras, invalid_grant, known_client},
};
use crate::{
    call::{Call, Parameters, Problem, Reply, no_store},
    config::DeviceGrant,
    observations::count,
    page,
    people::{PEOPLE, PIN},
    state::{App, World},
};

/// The grant type (RFC 8628 section 3.4).
pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How long a device waits between two questions where the server does not say (RFC 8628 section 3.2), and what
/// `slow_down` adds (section 3.5); in seconds.
const INTERVAL_S: u64 = 5;

/// Letters of codes that people type: no vowels, so that no words come out (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// How many wrong codes are taken in one minute (RFC 8628 section 5.1).
const GUESSES: usize = 10;

/// Devices that wait for somebody.
#[derive(Default)]
pub(crate) struct DeviceGrants {
    /// By device code.
    waiting: HashMap<String, Waiting>,
    /// When wrong codes were typed in, in seconds since 1970.
    guesses: Vec<u64>,
}

struct Waiting {
    user_code: String,
    client_id: String,
    scope: String,
    challenge: Option<String>,
    expires_s: u64,
    interval_s: u64,
    /// When the device asked last.
    asked_s: Option<u64>,
    answer: Answer,
}

#[derive(Clone, PartialEq, Eq)]
enum Answer {
    NotYet,
    Approved { person: String, at_s: u64 },
    Denied,
}

impl DeviceGrants {
    /// The codes that somebody may type in now, the one that expires last at the end.
    pub(crate) fn user_codes(&self, now_s: u64) -> Vec<String> {
        let open = |it: &&Waiting| it.answer == Answer::NotYet && it.expires_s > now_s;
        let mut open: Vec<_> = self.waiting.values().filter(open).collect();
        open.sort_by_key(|it| it.expires_s);
        open.into_iter().map(|it| it.user_code.clone()).collect()
    }

    /// Answers for a person; false if no such code is open.
    pub(crate) fn answer(&mut self, user_code: &str, approved_by: Option<&str>, now_s: u64) -> bool {
        let typed = plain(user_code);
        let fits =
            |it: &&mut Waiting| plain(&it.user_code) == typed && it.answer == Answer::NotYet && it.expires_s > now_s;
        let Some(waiting) = self.waiting.values_mut().find(fits) else { return false };
        waiting.answer = match approved_by {
            Some(person) => Answer::Approved { person: person.to_owned(), at_s: now_s },
            None => Answer::Denied,
        };
        true
    }
}

/// A code as it is compared: people leave the dash out, and do not care for capitals.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

/// `POST /device_authorization` (RFC 8628 section 3.1).
pub(crate) fn device_authorization(app: &App, call: &Call) -> Reply {
    let form = call.form()?;
    let client_id = form.require("client_id")?;
    let challenge = form.get("code_challenge").filter(|_| form.get("code_challenge_method") == Some("S256"));
    app.update(|world| {
        known_client(world, client_id)?;
        let DeviceGrant { lifetime_seconds, interval_seconds, requires_challenge } = world.config.device_grant;
        if requires_challenge && challenge.is_none() {
            return Err(Problem::bad_request("code_challenge is missing, or not S256"));
        }
        let (device_code, user_code, now_s) = (world.random.text(), user_code(world), world.now_s());
        world.random.note("device code", &device_code);
        world.device_grants.waiting.retain(|_, it| it.expires_s.saturating_add(lifetime_seconds) > now_s);
        let waiting = Waiting {
            user_code: user_code.clone(),
            client_id: client_id.to_owned(),
            scope: form.get("scope").unwrap_or("openid").to_owned(),
            challenge: challenge.map(str::to_owned),
            expires_s: now_s.saturating_add(lifetime_seconds),
            interval_s: interval_seconds.unwrap_or(INTERVAL_S),
            asked_s: None,
            answer: Answer::NotYet,
        };
        world.device_grants.waiting.insert(device_code.clone(), waiting);
        let place = format!("{}/device", app.issuer);
        let mut body = json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": place,
            "verification_uri_complete": format!("{place}?user_code={user_code}"),
            "expires_in": lifetime_seconds,
        });
        if let Some(interval) = interval_seconds {
            body["interval"] = interval.into();
        }
        Ok(no_store(StatusCode::OK, &body))
    })
}

fn user_code(world: &mut World) -> String {
    let random = world.random.text();
    let letters = random.bytes().map(|byte| LETTERS.get(usize::from(byte) % LETTERS.len()).copied().unwrap_or(b'X'));
    let letters: String = letters.take(8).map(char::from).collect();
    letters.split_at_checked(4).map_or(letters.clone(), |(first, second)| format!("{first}-{second}"))
}

/// `GET /device`: the page where a code is typed in.
pub(crate) fn device_page(app: &App, call: &Call) -> Reply {
    let query = call.query()?;
    app.update(|world| count(&mut world.seen.prompts, crate::observations::NOBODY_YET));
    Ok(page::device(StatusCode::OK, query.get("user_code").unwrap_or_default(), None))
}

/// `POST /device`: a person approves, or says no.
pub(crate) fn device_answer(app: &App, call: &Call) -> Reply {
    let form = call.form()?;
    let (code, person) = (form.require("user_code")?, form.require("person")?);
    let approves = match form.require("answer")? {
        "approve" => true,
        "deny" => false,
        _ => return Err(Problem::bad_request("answer is approve or deny")),
    };
    app.update(|world| {
        let now_s = world.now_s();
        if form.get("pin") != Some(PIN) || !PEOPLE.iter().any(|(known, _)| *known == person) {
            return Ok(page::device(StatusCode::FORBIDDEN, code, Some("That is not the right PIN.")));
        }
        world.device_grants.guesses.retain(|at| at.saturating_add(60) > now_s);
        if world.device_grants.guesses.len() >= GUESSES {
            let wait = Some("Too many wrong codes. Wait a minute.");
            return Ok(page::device(StatusCode::TOO_MANY_REQUESTS, code, wait));
        }
        if !world.device_grants.answer(code, approves.then_some(person), now_s) {
            world.device_grants.guesses.push(now_s);
            let unknown = Some("No screen waits with this code. Look at it again, or ask the screen for a new one.");
            return Ok(page::device(StatusCode::NOT_FOUND, code, unknown));
        }
        Ok(page::device_done(approves))
    })
}

/// The token endpoint, asked by a device (RFC 8628 sections 3.4 and 3.5).
pub(super) fn exchange(app: &App, call: &Call, form: &Parameters, bound_to: Option<String>) -> Reply {
    let (client_id, device_code) = (form.require("client_id")?, form.require("device_code")?);
    let challenge = form.get("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    let not_yet = |error: &str| Problem::new(StatusCode::BAD_REQUEST, error, "nobody has approved yet");
    app.update(|world| {
        known_client(world, client_id)?;
        let now_s = world.now_s();
        if let Some(verifier) = form.get("code_verifier") {
            world.random.note("code verifier", verifier);
        }
        let waiting = world.device_grants.waiting.get_mut(device_code).ok_or_else(|| invalid_grant("no such code"))?;
        if waiting.client_id != client_id {
            return Err(invalid_grant("the code was issued for another client"));
        }
        if waiting.expires_s <= now_s {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "expired_token", "the code has expired"));
        }
        let too_soon = waiting.asked_s.is_some_and(|asked| now_s < asked.saturating_add(waiting.interval_s));
        waiting.asked_s = Some(now_s);
        if too_soon {
            waiting.interval_s = waiting.interval_s.saturating_add(INTERVAL_S);
            return Err(not_yet("slow_down"));
        }
        let (person, auth_time) = match waiting.answer.clone() {
            Answer::NotYet => return Err(not_yet("authorization_pending")),
            Answer::Denied => {
                return Err(Problem::new(StatusCode::BAD_REQUEST, "access_denied", "somebody said no"));
            }
            Answer::Approved { person, at_s } => (person, at_s),
        };
        if waiting.challenge.is_some() && waiting.challenge != challenge {
            return Err(invalid_grant("the code verifier does not fit"));
        }
        let scope = waiting.scope.clone();
        // Once: whoever copied the code comes too late.
        world.device_grants.waiting.remove(device_code);
        let session = Session {
            person,
            client_id: client_id.to_owned(),
            scope: scope.clone(),
            audience: issue::default_audience(&app.issuer),
            auth_time,
            revoked: false,
            last_access: None,
            last_refresh_key: None,
            bound_to,
        };
        let sid = issue::open_session(world, &session, None)?;
        let extras = Extras {
            refresh_token: Some(issue::refresh_token(world, &sid)?),
            id_token: true,
            foreign: call.foreign.clone(),
            ..Extras::default()
        };
        issue::answer(world, &app.issuer, &sid, &scope, extras)
    })
}
