//! Every route the server has, in one table.

use axum::{
    Router,
    extract::{RawPathParams, Request, State},
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};
use http::StatusCode;
use http_body_util::LengthLimitError;

use crate::{
    Endpoint,
    admin::http as admin,
    call::{BODY_LIMIT, Call, Problem, Reply},
    control::http as control,
    faults, metrics, oauth, page, pos,
    server::Peer,
    state::App,
};

pub(crate) type Handler = fn(&App, &Call) -> Reply;

/// Who may call a route, and how it counts.
#[derive(Clone, Copy)]
enum Door {
    /// Counted, and open to faults.
    Counted(Endpoint),
    /// The token endpoint: counted by grant.
    Token,
    Control,
    Admin,
    /// A page, or what belongs to it.
    Page,
}

/// One route.
pub(crate) struct Route {
    /// The method's name.
    pub(crate) method: &'static str,
    /// The path, with `{parameters}`.
    pub(crate) path: &'static str,
    door: Door,
    handler: Handler,
}

const fn get(path: &'static str, door: Door, handler: Handler) -> Route {
    Route { method: "GET", path, door, handler }
}

const fn post(path: &'static str, door: Door, handler: Handler) -> Route {
    Route { method: "POST", path, door, handler }
}

const fn put(path: &'static str, door: Door, handler: Handler) -> Route {
    Route { method: "PUT", path, door, handler }
}

const fn delete(path: &'static str, door: Door, handler: Handler) -> Route {
    Route { method: "DELETE", path, door, handler }
}

/// The table.
pub(crate) const ROUTES: &[Route] = &[
    get("/.well-known/openid-configuration", Door::Counted(Endpoint::Discovery), oauth::document),
    get("/.well-known/oauth-authorization-server", Door::Counted(Endpoint::Discovery), oauth::document),
    get("/.well-known/mainstay-status", Door::Counted(Endpoint::Status), oauth::status),
    get("/jwks", Door::Counted(Endpoint::Jwks), oauth::jwks),
    get("/authorize", Door::Counted(Endpoint::Authorize), oauth::authorize),
    post("/authorize/sign-in", Door::Counted(Endpoint::Authorize), oauth::sign_in),
    post("/par", Door::Counted(Endpoint::PushedAuthorization), oauth::push),
    post("/device_authorization", Door::Counted(Endpoint::DeviceAuthorization), oauth::device_authorization),
    get("/device", Door::Counted(Endpoint::Authorize), oauth::device_page),
    post("/device", Door::Counted(Endpoint::Authorize), oauth::device_answer),
    post("/token", Door::Token, oauth::token),
    post("/enroll", Door::Counted(Endpoint::Enroll), oauth::enroll),
    delete("/enroll/{kid}", Door::Counted(Endpoint::Enroll), oauth::unenroll),
    post("/revoke", Door::Counted(Endpoint::Revoke), oauth::revoke),
    post("/introspect", Door::Counted(Endpoint::Introspect), oauth::introspect),
    get("/userinfo", Door::Counted(Endpoint::Userinfo), oauth::userinfo),
    get("/api/catalogue", Door::Counted(Endpoint::Catalogue), pos::catalogue),
    get("/api/sales", Door::Counted(Endpoint::Sales), pos::list_sales),
    post("/api/sales", Door::Counted(Endpoint::Sales), pos::sell),
    get("/api/shift", Door::Counted(Endpoint::Shift), pos::shift),
    post("/api/shift", Door::Counted(Endpoint::Shift), pos::work_shift),
    get("/api/me", Door::Counted(Endpoint::Me), pos::me),
    get("/control/faults", Door::Control, control::faults),
    delete("/control/faults", Door::Control, control::clear_faults),
    put("/control/faults/{name}", Door::Control, control::set_fault),
    delete("/control/faults/{name}", Door::Control, control::clear_fault),
    get("/control/nodes", Door::Control, control::nodes),
    put("/control/nodes", Door::Control, control::set_nodes),
    post("/control/release", Door::Control, control::release),
    post("/control/secret", Door::Control, control::secret),
    post("/control/sessions", Door::Control, control::sessions),
    put("/control/session-store", Door::Control, control::session_store),
    get("/control/clock", Door::Control, control::clock),
    post("/control/clock", Door::Control, control::set_clock),
    get("/control/config", Door::Control, control::config),
    put("/control/config", Door::Control, control::configure),
    get("/control/scripted", Door::Control, control::scripted),
    put("/control/scripted", Door::Control, control::script),
    get("/control/observations", Door::Control, control::observations),
    post("/control/observations/reset", Door::Control, control::reset_observations),
    get("/control/requests", Door::Control, control::requests),
    post("/control/reset", Door::Control, control::reset),
    get("/admin/alarms", Door::Admin, admin::alarms),
    get("/admin/keys", Door::Admin, admin::keys),
    post("/admin/dry-run", Door::Admin, admin::dry_run),
    get("/admin/operations", Door::Admin, admin::list_operations),
    post("/admin/operations", Door::Admin, admin::propose),
    delete("/admin/operations/{id}", Door::Admin, admin::withdraw),
    post("/admin/operations/{id}/approve", Door::Admin, admin::approve),
    get("/admin/sessions", Door::Admin, admin::sessions),
    delete("/admin/sessions/{sid}", Door::Admin, admin::revoke_session),
    get("/admin/status", Door::Admin, admin::status),
    put("/admin/status", Door::Admin, admin::announce),
    get("/", Door::Page, page::home),
    get("/page/style.css", Door::Page, page::style),
    get("/page/script.js", Door::Page, page::script),
    get("/metrics", Door::Page, metrics::metrics),
    get("/openapi.json", Door::Page, page::openapi),
];

/// The router over the table.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let method = match route.method {
            "GET" => MethodFilter::GET,
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            _ => MethodFilter::DELETE,
        };
        let handler =
            |State(app): State<App>, params: RawPathParams, request: Request| serve(app, route, params, request);
        router = router.route(route.path, on(method, handler));
    }
    router
        .fallback(async || Problem::not_found("no such path"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path has other methods")
        })
        .with_state(app)
}

async fn serve(app: App, route: &'static Route, params: RawPathParams, request: Request) -> Response {
    let call = match read(&params, request).await {
        Ok(call) => call,
        Err(problem) => return problem.into_response(),
    };
    let endpoint = match route.door {
        Door::Counted(endpoint) => endpoint,
        Door::Token => oauth::grant(&call),
        Door::Control => return answer(control::guard(&app, &call).and_then(|()| (route.handler)(&app, &call))),
        Door::Admin => return answer(admin::guard(&app, call).and_then(|call| (route.handler)(&app, &call))),
        Door::Page => return answer((route.handler)(&app, &call)),
    };
    let part = match endpoint {
        Endpoint::Token | Endpoint::Refresh | Endpoint::JwtBearer => oauth::Part::TokenEndpoint,
        _ => oauth::Part::Resource,
    };
    let proves = call.headers.contains_key("dpop");
    let mut response = faults::through(app.clone(), endpoint, call, route.handler).await;
    if proves {
        app.update(|world| oauth::hand_out(world, part, &mut response));
    }
    response
}

fn answer(reply: Reply) -> Response {
    reply.unwrap_or_else(IntoResponse::into_response)
}

/// Reads the whole request; an upload that stops half-way never gets here.
async fn read(params: &RawPathParams, request: Request) -> Result<Call, Problem> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        let too_large = std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
        match too_large {
            true => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the body exceeds 1 MiB"),
            false => Problem::bad_request("the body broke off"),
        }
    })?;
    let peer = *parts.extensions.get::<Peer>().ok_or_else(|| Problem::bad_request("the peer is unknown"))?;
    Ok(Call {
        resource: format!("{} {}", parts.method, parts.uri),
        headers: parts.headers,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        params: params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body,
        peer,
        foreign: None,
        operator: String::new(),
    })
}
