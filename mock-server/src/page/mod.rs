//! The pages, embedded as they are: no build step, nothing from elsewhere.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::{
    call::{Call, Reply},
    people::{PEOPLE, display_name},
    state::App,
};

/// Own styles and scripts only, and no frame around it. No `form-action`: it would stop the redirect back to the app.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; frame-ancestors 'none'";

fn serve(status: StatusCode, kind: &'static str, content: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers.map(|(name, value)| (name, HeaderValue::from_static(value))), content).into_response()
}

/// Text of this kind that changes with every look at it.
pub(crate) fn text(kind: &'static str, content: String) -> Response {
    serve(StatusCode::OK, kind, content)
}

fn html(status: StatusCode, content: String) -> Response {
    serve(status, "text/html; charset=utf-8", content)
}

/// `GET /`: shows and flips each fault, and counts what happens.
pub(crate) fn home(app: &App, _call: &Call) -> Reply {
    Ok(html(StatusCode::OK, include_str!("home.html").replace("{{issuer}}", &escape(&app.issuer))))
}

/// `GET /page/style.css`.
pub(crate) fn style(_app: &App, _call: &Call) -> Reply {
    Ok(serve(StatusCode::OK, "text/css; charset=utf-8", include_str!("style.css").to_owned()))
}

/// `GET /page/script.js`.
pub(crate) fn script(_app: &App, _call: &Call) -> Reply {
    Ok(serve(StatusCode::OK, "text/javascript; charset=utf-8", include_str!("script.js").to_owned()))
}

/// `GET /openapi.json`.
pub(crate) fn openapi(_app: &App, _call: &Call) -> Reply {
    Ok(serve(StatusCode::OK, "application/json", include_str!("../../openapi.json").to_owned()))
}

/// The sign-in page of the authorization endpoint. `chosen` is who stands selected; `wrong` says what went wrong.
pub(crate) fn sign_in(status: StatusCode, client: &str, ticket: &str, chosen: &str, wrong: Option<&str>) -> Response {
    let page = include_str!("sign_in.html").replace("{{people}}", &people(chosen));
    let page = complained(page, wrong).replace("{{ticket}}", &escape(ticket)).replace("{{client}}", &escape(client));
    html(status, page)
}

/// The page where a device's code is typed in; `wrong` says what went wrong.
pub(crate) fn device(status: StatusCode, user_code: &str, wrong: Option<&str>) -> Response {
    let page = include_str!("device.html").replace("{{people}}", &people(""));
    html(status, complained(page, wrong).replace("{{code}}", &escape(user_code)))
}

/// What a person sees who has answered for a device.
pub(crate) fn device_done(approved: bool) -> Response {
    let text = match approved {
        true => "The screen is signed in. You can close this page.",
        false => "The screen is told that nobody signs in. You can close this page.",
    };
    html(StatusCode::OK, include_str!("device_done.html").replace("{{text}}", text))
}

/// The choice of a person; `chosen` stands selected.
fn people(chosen: &str) -> String {
    let known = PEOPLE.iter().any(|(person, _)| *person == chosen);
    let people = PEOPLE.iter().enumerate().map(|(at, (person, role))| {
        let checked = if *person == chosen || (at == 0 && !known) { " checked" } else { "" };
        let name = display_name(person);
        let initial: String = name.chars().take(1).collect();
        format!(
            r#"<label class="person"><input type="radio" name="person" value="{person}"{checked}><span class="avatar" aria-hidden="true">{initial}</span><span class="who"><b>{name}</b> <small>{role}</small></span></label>
"#
        )
    });
    people.collect()
}

fn complained(page: String, wrong: Option<&str>) -> String {
    let (alert, invalid) = match wrong {
        Some(text) => (
            format!(r#"<p class="alert" id="wrong" role="alert">{}</p>"#, escape(text)),
            r#" aria-invalid="true" aria-describedby="wrong hint""#,
        ),
        None => (String::new(), r#" aria-describedby="hint""#),
    };
    page.replace("{{alert}}", &alert).replace("{{invalid}}", invalid)
}

/// A page for a person who cannot sign in here: no way back to the app is known to be safe.
pub(crate) fn dead_end(description: &str) -> Response {
    html(StatusCode::BAD_REQUEST, include_str!("dead_end.html").replace("{{description}}", &escape(description)))
}

/// Makes text safe between tags and in quoted attributes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
