//! TLS by rustls and ring, with the roots of the operating system.

use std::sync::Arc;

#[cfg(not(target_os = "android"))]
use rustls::{CertificateError, pki_types::CertificateDer, pki_types::pem::PemObject};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_platform_verifier::BuilderVerifierExt;

/// A configuration of our own: the process-wide default provider is the app's business.
///
/// A machine without root certificates trusts nobody: every handshake fails, and plain HTTP to loopback still works.
pub(super) fn config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = || ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let mut config = match builder()?.with_platform_verifier() {
        Ok(verified) => verified.with_no_client_auth(),
        Err(error) => {
            tracing::error!(name: "tls.no_roots", %error);
            builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    };
    config.alpn_protocols = protocols();
    Ok(config)
}

/// The same, and trusts these certificate authorities (PEM) beside the operating system's.
///
/// Here a mistake is an error: whoever names an authority wants to know that it is not trusted.
#[cfg(not(target_os = "android"))]
pub(super) fn config_trusting(roots: &str) -> Result<ClientConfig, rustls::Error> {
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(roots.as_bytes()).collect();
    let roots = roots.ok().filter(|roots| !roots.is_empty()).ok_or(CertificateError::BadEncoding)?;
    let provider = Arc::new(ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(roots, Arc::clone(&provider))?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = protocols();
    Ok(config)
}

fn protocols() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}
