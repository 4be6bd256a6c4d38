//! The way of one request through the faults, to its handler and back.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::{Effects, FaultKind, board::Hold};
use crate::{
    Endpoint,
    call::{Call, redirect},
    config::Rejection,
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
    let (number, effects) = arrive(&app, endpoint);
    let _gone = OnDrop(|| app.update(|world| world.waiting.inside -= 1));

    if effects.slow_ms > 0 {
        app.sleep(effects.slow_ms).await;
    }
    if effects.hold == Some(Hold::BeforeTheWork) {
        app.hold().await;
    }
    call.foreign = effects.foreign.clone();
    let mut response = work(&app, endpoint, &call, handler, &effects);
    if effects.hold == Some(Hold::AfterTheWork) {
        app.hold().await;
    }
    if let Some(age) = effects.age {
        response.headers_mut().insert(header::AGE, age.into());
    }
    let status = if effects.cut {
        response.extensions_mut().insert(ConnectionCut);
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

fn arrive(app: &App, endpoint: Endpoint) -> (usize, Effects) {
    app.update(|world| {
        world.waiting.inside += 1;
        world.seen.requests.entry(endpoint).or_default().total += 1;
        let now_ms = world.now_ms();
        (world.journal.arrived(now_ms, endpoint), world.faults.strike(endpoint))
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
        FaultKind::DropAfterCommit {}
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
