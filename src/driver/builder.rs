//! Describing a client, and building it over whatever the vault holds.

use std::{sync::Arc, time::Duration};

use url::Url;

use super::{
    account::Deployment, client::Client, options::Options, provider::CredentialProvider, revocations, roster::Roster,
    server::Server, survey::survey, time_line::TimeLine, watching,
};
use crate::{
    Error,
    error::Failure,
    host::Host,
    oauth::{Issuer, OAuthClient},
    profile::{Dpop, Profile},
    vault::{Fingerprinter, Vault},
};

/// How long an app may go on without a server unless it says otherwise: a week.
const OFFLINE_PERMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Describes a [`Client`] before it is built.
pub struct ClientBuilder {
    issuer: String,
    client: OAuthClient,
    redirect_uri: String,
    scopes: Vec<String>,
    profile: Profile,
    dpop: Option<Dpop>,
    provider: Option<Arc<dyn CredentialProvider>>,
    host: Option<Host>,
    offline_permit: Duration,
}

impl ClientBuilder {
    pub(super) fn new(issuer: String, client_id: String) -> Self {
        Self {
            issuer,
            client: OAuthClient::public(client_id),
            redirect_uri: "http://127.0.0.1/callback".to_owned(),
            scopes: vec!["openid".to_owned(), "offline_access".to_owned()],
            profile: Profile::default(),
            dpop: None,
            provider: None,
            host: None,
            offline_permit: OFFLINE_PERMIT,
        }
    }

    /// Where the authorization server sends the browser back to (RFC 6749 section 3.1.2). Default: `http://127.0.0.1/callback`.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = uri.into();
        self
    }

    /// The scopes to ask for (RFC 6749 section 3.3). Default: `openid offline_access`.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// What is known about the deployment beforehand.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// How this client proves itself to the authorization server (RFC 6749 section 2.3). Default: a public client.
    #[must_use]
    pub fn client_auth(mut self, auth: crate::oauth::ClientAuth) -> Self {
        self.client.auth = auth;
        self
    }

    /// Whether tokens are bound to a key of the session (DPoP, RFC 9449), whatever the [profile](Self::profile) says.
    #[must_use]
    pub const fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// Rung 4 by the app's own means.
    #[must_use]
    pub fn credential_provider(mut self, provider: Arc<dyn CredentialProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// How long the app may go on selling without a server, since one last accepted a token. The app's policy; default:
    /// 7 days.
    #[must_use]
    pub const fn offline_permit(mut self, permit: Duration) -> Self {
        self.offline_permit = permit;
        self
    }

    /// The machine, as the app supplies it.
    #[must_use]
    pub fn host(mut self, host: Host) -> Self {
        self.host = Some(host);
        self
    }

    /// Builds the client and begins to read the vault. Needs no network.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] names what is wrong; [`Error::VaultLocked`] if the vault's folder cannot be listed now.
    pub async fn build(mut self) -> Result<Client, Error> {
        let issuer = Issuer::parse(&self.issuer).map_err(Failure::from)?;
        let redirect_uri = Url::parse(&self.redirect_uri)
            .map_err(|_| Error::Misconfigured("the redirect URI is no URL".to_owned()))?;
        let missing = || Error::Misconfigured("a client needs a host: see `native::desktop`".to_owned());
        let host = self.host.ok_or_else(missing)?;
        self.profile.dpop = self.dpop.unwrap_or(self.profile.dpop);
        self.profile.check().map_err(|error| Error::Misconfigured(format!("the profile: {error}")))?;
        let vault = Vault::new((&host).into());
        let survey = survey(&vault).await.map_err(Failure::from)?;
        if !survey.is_blank() {
            vault.check_locks().await.map_err(Failure::from)?;
        }
        let latest = survey.records().max_by_key(|record| record.clock.line_ms());
        let line = Arc::new(TimeLine::resume(Arc::clone(&host.clock), latest.map(|record| &record.clock)));
        let pacing = latest.map(|record| record.pacing).unwrap_or_default();
        let fingerprints = Fingerprinter::ephemeral(&*host.entropy);
        let server = Server::new(issuer, self.client, self.profile, host, line);
        let deployment = Arc::new(Deployment::new(server, vault, pacing, self.provider, fingerprints));
        let options = Options { redirect_uri, scopes: self.scopes, offline_permit: self.offline_permit };
        let roster = Roster::new(&deployment, &options.scopes, survey);
        revocations::start(&deployment);
        let client = Client::new(roster, options);
        client.finish_reseal();
        watching::start(&deployment);
        Ok(client)
    }
}
