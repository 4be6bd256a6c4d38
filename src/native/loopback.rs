//! A port of this device that a browser is sent back to, once ([RFC 8252 section
//! 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
};
use url::{Host, Url};

use super::pages::Pages;
use crate::host::{BrowserError, SignInPage};

/// How many connections are looked after at a time: browsers open some that they never use. The oldest makes room.
const CONNECTIONS: usize = 32;
/// The largest request head that is read, in bytes. The smallest that hyper takes.
const HEAD: usize = 16 * 1024;
/// How often another port is drawn where one is free on one of two addresses only.
const DRAWS: u8 = 16;

/// Listens from its making until it is dropped.
pub(super) struct Loopback {
    listeners: Vec<TcpListener>,
    redirect_uri: Url,
}

impl Loopback {
    /// Listens where `registered` says: at its address of this device, on its port, or on one that is free if it names none.
    /// `localhost` is both addresses, on one port: whoever had the other one would be sent the code.
    pub(super) fn bind(registered: &Url, runtime: &Handle) -> Result<Self, BrowserError> {
        let addresses: &[IpAddr] = match registered.host() {
            _ if registered.scheme() != "http" => return Err(BrowserError::WrongRedirectUri),
            Some(Host::Ipv4(ip)) if ip == Ipv4Addr::LOCALHOST => &[IpAddr::V4(Ipv4Addr::LOCALHOST)],
            Some(Host::Ipv6(ip)) if ip == Ipv6Addr::LOCALHOST => &[IpAddr::V6(Ipv6Addr::LOCALHOST)],
            Some(Host::Domain("localhost")) => &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
            _ => return Err(BrowserError::WrongRedirectUri),
        };
        let _on_runtime = runtime.enter();
        let listeners = listen(addresses, registered.port().unwrap_or(0)).map_err(|_| BrowserError::Unavailable)?;
        let port = listeners.first().and_then(|it| it.local_addr().ok()).ok_or(BrowserError::Unavailable)?.port();
        let mut redirect_uri = registered.clone();
        redirect_uri.set_port(Some(port)).map_err(|()| BrowserError::WrongRedirectUri)?;
        Ok(Self { listeners, redirect_uri })
    }

    /// Where the browser is to be sent back to.
    pub(super) const fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Waits for the one request that answers `page`. Anything else is told so, and ends nothing; nobody is listened to
    /// after it.
    pub(super) async fn answer(self, page: &SignInPage, pages: &Pages) -> Result<Url, BrowserError> {
        let desk = Arc::new(Desk {
            redirect_uri: self.redirect_uri,
            page: page.clone(),
            pages: pages.clone(),
            found: OnceLock::new(),
        });
        let mut arriving: FuturesUnordered<_> = self.listeners.iter().map(accept).collect();
        let mut open = std::collections::VecDeque::new();
        let mut served = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some((listener, stream)) = arriving.next() => {
                    arriving.push(accept(listener));
                    let stream = match stream {
                        Ok(stream) => stream,
                        // Whoever called has hung up again.
                        Err(error) if is_of_connection(&error) => continue,
                        Err(_) => return Err(BrowserError::Unavailable),
                    };
                    let (close, closed) = tokio::sync::oneshot::channel::<()>();
                    served.push(serve(stream, Arc::clone(&desk), closed));
                    open.push_back(close);
                    if open.len() > CONNECTIONS {
                        open.pop_front();
                    }
                }
                // Only now: the page is with the browser.
                Some(()) = served.next() => if let Some(callback) = desk.found.get() {
                    return Ok(callback.clone());
                },
                else => return Err(BrowserError::Unavailable),
            }
        }
    }
}

/// On one port of each of these addresses that the machine has.
fn listen(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for _ in 0..DRAWS {
        match listen_once(addresses, port) {
            Ok(listeners) if !listeners.is_empty() => return Ok(listeners),
            Ok(_) => return Err(failure),
            Err(error) => failure = error,
        }
        if port != 0 {
            break;
        }
    }
    Err(failure)
}

fn listen_once(addresses: &[IpAddr], mut port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        let socket = match address {
            IpAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
            IpAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
        };
        // A machine without IPv6, or without IPv4: nobody else can listen there either.
        let Ok(socket) = socket else { continue };
        match socket.bind(SocketAddr::new(*address, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => continue,
            bound => bound?,
        }
        let listener = socket.listen(64)?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Whether only one connection failed, and not the port.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn accept(listener: &TcpListener) -> (&TcpListener, io::Result<TcpStream>) {
    (listener, listener.accept().await.map(|(stream, _)| stream))
}

/// Answers what comes over one connection: one request, for none is kept alive.
async fn serve(stream: TcpStream, desk: Arc<Desk>, closed: tokio::sync::oneshot::Receiver<()>) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(&request)) }
    });
    let mut http = http1::Builder::new();
    let connection = http.keep_alive(false).max_buf_size(HEAD).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // What goes wrong with a connection concerns whoever opened it.
        _broken = connection => {}
        _gone = closed => {}
    }
}

/// What answers requests.
struct Desk {
    redirect_uri: Url,
    page: SignInPage,
    pages: Pages,
    /// The request that answered the sign-in.
    found: OnceLock<Url>,
}

impl Desk {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let callback = self.redirect_uri.join(request.uri().path_and_query().map_or("/", |it| it.as_str()));
        // `//elsewhere/callback` is a path here and an address in a browser.
        let callback = callback.ok().filter(|it| it.origin() == self.redirect_uri.origin());
        let Some(callback) = callback.filter(|it| it.path() == self.redirect_uri.path() && self.is_for_us(request))
        else {
            return self.pages.answer(StatusCode::NOT_FOUND, Pages::NOT_FOUND);
        };
        if request.method() != Method::GET {
            let mut response = self.pages.answer(StatusCode::METHOD_NOT_ALLOWED, Pages::NOT_FOUND);
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET"));
            return response;
        }
        if !self.page.is_answered_by(&callback) {
            return self.pages.answer(StatusCode::BAD_REQUEST, Pages::NOT_OURS);
        }
        let is_refusal = callback.query_pairs().any(|(name, _)| name == "error");
        match self.found.set(callback) {
            Err(_) => self.pages.answer(StatusCode::GONE, Pages::USED),
            Ok(()) if is_refusal => self.pages.answer(StatusCode::OK, Pages::REFUSED),
            Ok(()) => self.pages.answer(StatusCode::OK, Pages::DONE),
        }
    }

    /// Whether the browser was told this very address: a name that somebody else made lead here is not ours.
    fn is_for_us<B>(&self, request: &Request<B>) -> bool {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let (host, more) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next());
        let ours = &self.redirect_uri[url::Position::BeforeHost..url::Position::AfterPort];
        more.is_none() && host.is_some_and(|host| host.eq_ignore_ascii_case(ours))
    }
}

#[cfg(test)]
mod tests;
