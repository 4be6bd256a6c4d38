//! The pages, embedded as they are: no build step.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::people::{PEOPLE, display_name};

/// The sign-in page.
pub(crate) fn sign_in(status: StatusCode, client: &str, ticket: &str, chosen: &str, wrong: Option<&str>) -> Response {
    let people = PEOPLE.iter().enumerate().map(|(at, (person, role))| {
        let checked = if *person == chosen || (at == 0 && chosen.is_empty()) { " checked" } else { "" };
        let name = display_name(person);
        format!(
            "<label class=\"person\"><input type=\"radio\" name=\"person\" value=\"{person}\" required{checked}>\
             <span class=\"avatar\" aria-hidden=\"true\">{initial}</span><span><b>{name}</b><small>{role}</small></span></label>",
            initial = name.get(..1).unwrap_or_default(),
        )
    });
    let html = include_str!("sign_in.html")
        .replace("{{client}}", &escape(client))
        .replace("{{ticket}}", &escape(ticket))
        .replace("{{people}}", &people.collect::<String>())
        .replace(
            "{{wrong}}",
            &wrong.map_or_else(String::new, |text| format!("<p role=\"alert\">{}</p>", escape(text))),
        );
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], html)
        .into_response()
}

/// Makes text safe between tags and in quoted attributes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
