//! A front of real TLS before the mock server: a certificate authority of its own, HTTP/1.1 or HTTP/2 by ALPN.

use std::{net::SocketAddr, sync::Arc};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A port that is bound, and whose certificate is made, before the server behind it is started.
pub struct Front {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    authority: String,
}

impl Front {
    /// Speaks only `protocol`, so that a test knows which one was searched.
    pub async fn bind(protocol: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();

        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), authority: authority.pem() }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.listener.local_addr().unwrap().port())
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Passes everything on to a server that speaks plain HTTP.
    pub fn before(self, server: SocketAddr) {
        let client = Client::builder(TokioExecutor::new()).build_http();
        tokio::spawn(async move {
            loop {
                let (stream, _) = self.listener.accept().await.unwrap();
                let (acceptor, client) = (self.acceptor.clone(), client.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let pass = service_fn(move |request| pass_on(client.clone(), server, request));
                    // A connection that ends in the middle is its client's business.
                    let _ended =
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), pass).await;
                });
            }
        });
    }
}

async fn pass_on(
    client: Client<HttpConnector, Full<bytes::Bytes>>,
    server: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<bytes::Bytes>>, hyper_util::client::legacy::Error> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap();
    parts.uri = format!("http://{server}{path}").parse().unwrap();
    parts.version = http::Version::HTTP_11;
    let body = body.collect().await.unwrap().to_bytes();
    let (mut parts, body) = client.request(Request::from_parts(parts, Full::new(body))).await?.into_parts();
    // What belongs to one connection does not belong to the next.
    parts.headers.remove(http::header::CONNECTION);
    parts.headers.remove(http::header::TRANSFER_ENCODING);
    Ok(Response::from_parts(parts, Full::new(body.collect().await.unwrap().to_bytes())))
}
