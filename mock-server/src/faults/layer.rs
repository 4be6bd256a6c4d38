//! The way of one request through the faults, to its handler and back.

use std::io;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;

use super::{Effects, FaultKind, Strike, board::Hold, device};
use crate::{
    Endpoint,
    call::{Call, redirect},
    config::Rejection,
    nodes::{COOKIE, Route},
    observations::count,
    pos,
    routes::Handler,
    state::{App, OnDrop},
};

/// Marks an answer that must never be written: the connection is cut instead.
#[derive(Clone, Copy)]
pub(crate) struct ConnectionCut;

/// Counts a request, lets the faults that strike it do so, and does its work.
pub(crate) async fn through(app: App, endpoint: Endpoint, mut call: Call, handler: Handler) -> Response {
    let Arrival { number, node, effects, set_cookie } = arrive(&app, endpoint, &call);
    let app = app.at_node(node);
    let _gone = OnDrop(|| app.update(|world| world.waiting.inside -= 1));

    if effects.slow_ms > 0 {
        app.sleep(effects.slow_ms).await;
    }
    if effects.hold == Some(Hold::BeforeTheWork) {
        app.hold().await;
    }
    call.foreign = effects.foreign.clone();
    let mut response = match &effects.cache {
        Some(cache) => from_cache(&app, cache, &call, || work(&app, endpoint, &call, handler, &effects)).await,
        None => work(&app, endpoint, &call, handler, &effects),
    };
    if effects.hold == Some(Hold::AfterTheWork) {
        app.hold().await;
    }
    if let Some(age) = effects.age {
        response.headers_mut().insert(header::AGE, age.into());
    }
    if let Some(cookie) = set_cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    let status = if effects.cut {
        response.extensions_mut().insert(ConnectionCut);
        "cut".to_owned()
    } else if let Some(bytes) = effects.cut_short {
        response = cut_short(response, bytes).await;
        "cut".to_owned()
    } else {
        response.status().as_u16().to_string()
    };
    tracing::debug!(name: "mock.request", endpoint = endpoint.name(), status);
    app.update(|world| {
        count(&mut world.seen.requests.entry(endpoint).or_default().by_status, &status);
        world.journal.answered(number, &status);
    });
    response
}

/// The answer that the cache of a fault keeps, or a new one, which it keeps from then on.
async fn from_cache(app: &App, cache: &str, call: &Call, own: impl FnOnce() -> Response) -> Response {
    let kept = app.read(|world| world.faults.cached(cache, &call.resource, world.now_ms()));
    if let Some(kept) = kept {
        return kept;
    }
    let (response, body) = in_full(own()).await;
    app.update(|world| {
        let now_ms = world.now_ms();
        world.faults.cache(cache, call.resource.clone(), now_ms, &response, &body);
    });
    response.map(|_| body.into())
}

/// An answer and its whole body. Our own bodies are in memory, so this neither waits nor fails.
async fn in_full(response: Response) -> (Response, Bytes) {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    (Response::from_parts(parts, Body::empty()), body)
}

/// The same answer, of which the connection breaks off after `bytes` of its body, or before the last one.
async fn cut_short(response: Response, bytes: usize) -> Response {
    let (mut response, body) = in_full(response).await;
    response.headers_mut().insert(header::CONTENT_LENGTH, body.len().max(1).into());
    let first = body.slice(..bytes.min(body.len().saturating_sub(1)));
    let rest = stream::once(async {
        // A pause in which the first part is sent.
        tokio::task::yield_now().await;
        Err(io::Error::other("cut on purpose"))
    });
    response.map(|_| Body::from_stream(stream::iter([Ok(first)]).chain(rest)))
}

/// A request that has come in.
struct Arrival {
    /// What the journal knows it by.
    number: usize,
    node: usize,
    effects: Effects,
    /// The cookie that keeps later requests at this node.
    set_cookie: Option<String>,
}

fn arrive(app: &App, endpoint: Endpoint, call: &Call) -> Arrival {
    let cookie = call.cookie(COOKIE).and_then(|value| value.parse::<usize>().ok());
    app.update(|world| {
        world.waiting.inside += 1;
        world.seen.requests.entry(endpoint).or_default().total += 1;
        let now_ms = world.now_ms();
        let device = if world.faults.looks_at_devices() { device::of(world, call) } else { None };
        let nodes = world.keys.nodes();
        let node = world.keys.choose(call.peer.connection, cookie);
        let named = (nodes.count > 1).then_some(node + 1);
        let set_cookie = named.filter(|node| nodes.route == Route::Cookie && cookie != Some(*node));
        Arrival {
            number: world.journal.arrived(now_ms, endpoint, named),
            node,
            effects: world.faults.strike(Strike { endpoint, now_ms, device }),
            set_cookie: set_cookie.map(|node| format!("{COOKIE}={node}; Path=/; HttpOnly")),
        }
    })
}

fn work(app: &App, endpoint: Endpoint, call: &Call, handler: Handler, effects: &Effects) -> Response {
    let own = || handler(app, call).unwrap_or_else(IntoResponse::into_response);
    match &effects.answer {
        None => own(),
        Some((kind, after_commit)) => {
            if *after_commit || effects.cut {
                own();
            }
            answer(app, endpoint, kind)
        }
    }
}

/// The answer that a fault gives.
fn answer(app: &App, endpoint: Endpoint, kind: &FaultKind) -> Response {
    match kind {
        FaultKind::RejectAll { status, legacy } => {
            let style = match app.read(|world| world.config.rejection.clone()) {
                _ if !endpoint.is_api() => Rejection::Standard,
                Rejection::Standard if *legacy => Rejection::legacy(*status),
                Rejection::Legacy { content_type, body, .. } if *legacy => {
                    Rejection::Legacy { status: *status, content_type, body }
                }
                style => style,
            };
            pos::reject(app, &style, *status, "fault")
        }
        FaultKind::Status { status, retry_after } => {
            let status = code(*status);
            let mut response = (status, status.canonical_reason().unwrap_or_default()).into_response();
            if let Some(value) = retry_after.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
        FaultKind::Html { status } => {
            let page = "<!doctype html><title>Welcome</title><h1>Welcome to our free Wi-Fi</h1>\
                        <p>Please accept the terms to go on.</p>";
            (code(*status), [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
        }
        FaultKind::Redirect { location } => redirect(location),
        FaultKind::Body { status, content_type, body, headers } => {
            let mut response = (code(*status), body.bytes().unwrap_or_default()).into_response();
            let own = [("content-type", content_type.as_str())];
            let all = own.into_iter().chain(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            for (name, value) in all {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
        FaultKind::Portal { location: Some(location) } => redirect(location),
        FaultKind::Portal { location: None } => answer(app, endpoint, &FaultKind::Html { status: 200 }),
        FaultKind::WrongRetryAfter { status, how } => {
            let retry_after = Some(app.read(|world| how.value(world.clock)));
            answer(app, endpoint, &FaultKind::Status { status: *status, retry_after })
        }
        FaultKind::DropAfterCommit {}
        | FaultKind::CutShort { .. }
        | FaultKind::BrownOut { .. }
        | FaultKind::SharedCache { .. }
        | FaultKind::Slow { .. }
        | FaultKind::Hold {}
        | FaultKind::Cached { .. }
        | FaultKind::ForeignIdentity { .. } => code(500).into_response(),
    }
}

/// Checked when the fault was set.
fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
