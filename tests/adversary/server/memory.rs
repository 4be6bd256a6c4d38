//! What a good server knows: whose each token is, and which of them are good.

use super::*;

#[derive(Default)]
pub(super) struct Memory {
    pub(super) moods: BTreeMap<Place, (Option<u8>, Recipe)>,
    pub(super) network: bool,
    /// Every access token by its text.
    pub(super) access: BTreeMap<String, Grant>,
    pub(super) refresh: BTreeMap<String, Grant>,
    pub(super) codes: BTreeMap<String, (String, String)>,
    /// The latest access token of each account of the device.
    pub(super) latest: BTreeMap<String, String>,
    pub(super) issued: u64,
    pub(super) requests: u64,
    pub(super) void_access_before: u64,
    pub(super) void_refresh_before: u64,
    pub(super) new_tokens_void: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) number: u64,
    /// Whose it is.
    pub(super) owner: String,
    /// Which account of the device it was given to.
    pub(super) asker: String,
    pub(super) issued_at: u64,
    pub(super) expires_at: u64,
    /// A refresh token is superseded when its successor was used.
    pub(super) successor_of: Option<String>,
    pub(super) dead: bool,
}

impl Memory {
    pub(super) fn next(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    pub(super) fn take_mood(&mut self, place: Place) -> Recipe {
        let Some((times, recipe)) = self.moods.get_mut(&place) else { return HONEST };
        let recipe = *recipe;
        if let Some(left) = times {
            *left -= 1;
            if *left == 0 {
                self.moods.remove(&place);
            }
        }
        recipe
    }

    pub(super) fn issue_access(&mut self, owner: &str, asker: &str, now: u64, expires_at: u64) -> String {
        let number = self.next();
        let token = format!("at-{SECRET}-{number}");
        self.access.insert(token.clone(), Grant::new(number, owner, asker, now, expires_at, self.new_tokens_void));
        token
    }

    pub(super) fn issue_refresh(&mut self, owner: &str, asker: &str, now: u64, after: Option<String>) -> String {
        let number = self.next();
        let token = format!("rt-{SECRET}-{number}");
        let grant = Grant { successor_of: after, ..Grant::new(number, owner, asker, now, u64::MAX, false) };
        self.refresh.insert(token.clone(), grant);
        token
    }

    pub(super) fn accepts(&self, token: &str, now: u64) -> bool {
        let good = |grant: &Grant| grant.number >= self.void_access_before && grant.expires_at > now && !grant.dead;
        self.access.get(token).is_some_and(good)
    }

    pub(super) fn refresh_owner(&self, token: Option<&str>) -> Option<String> {
        self.refresh.get(token?).map(|grant| grant.owner.clone())
    }

    /// Good until its successor was used; then its whole past is over.
    pub(super) fn accepts_refresh(&mut self, token: &str) -> bool {
        let Some(grant) = self.refresh.get(token).cloned() else { return false };
        if grant.number < self.void_refresh_before || grant.dead {
            return false;
        }
        let mut before = grant.successor_of;
        while let Some(superseded) = before {
            let Some(grant) = self.refresh.get_mut(&superseded) else { break };
            grant.dead = true;
            before = grant.successor_of.take();
        }
        true
    }
}

impl Grant {
    pub(super) fn new(number: u64, owner: &str, asker: &str, issued_at: u64, expires_at: u64, dead: bool) -> Self {
        let (owner, asker) = (owner.to_owned(), asker.to_owned());
        Self { number, owner, asker, issued_at, expires_at, successor_of: None, dead }
    }
}

pub(super) fn place_of(request: &Request<Bytes>) -> Place {
    let path = request.uri().path();
    match path {
        _ if path.starts_with("/.well-known/mainstay-status") || path == "/status" => Place::Status,
        _ if path.starts_with("/.well-known/") => Place::Discovery,
        "/userinfo" | "/api/me" => Place::Who,
        "/revoke" => Place::Revocation,
        _ if request.uri().host() == Some("api.example") => Place::Api,
        _ if form_of(request).contains_key("code") => Place::Code,
        _ => Place::Refresh,
    }
}

pub(super) fn form_of(request: &Request<Bytes>) -> BTreeMap<String, String> {
    form_urlencoded::parse(request.body()).into_owned().collect()
}

pub(super) fn metadata(how: Option<Metadata>) -> String {
    let endpoint = |name: &str, path: &str| (name.to_owned(), format!("{ISSUER}{path}"));
    let mut members: BTreeMap<String, String> = [
        ("issuer".to_owned(), ISSUER.to_owned()),
        endpoint("authorization_endpoint", "/authorize"),
        endpoint("token_endpoint", "/token"),
        endpoint("userinfo_endpoint", "/userinfo"),
        endpoint("revocation_endpoint", "/revoke"),
        endpoint("mainstay_status_endpoint", "/status"),
    ]
    .into();
    match how {
        None => {}
        Some(Metadata::TokensElsewhere) => {
            members.insert("token_endpoint".to_owned(), format!("{ISSUER}/gone"));
        }
        Some(Metadata::NoUserinfo) => {
            members.remove("userinfo_endpoint");
        }
        Some(Metadata::NoStatus) => {
            members.remove("mainstay_status_endpoint");
        }
        Some(Metadata::OtherIssuer) => {
            members.insert("issuer".to_owned(), "https://other.example".to_owned());
        }
        Some(Metadata::NoTokenEndpoint) => {
            members.remove("token_endpoint");
        }
        Some(Metadata::RelativeEndpoints) => {
            members.values_mut().for_each(|value| *value = value.replace("https://", "/"));
        }
    }
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    format!("{{{}}}", members.join(","))
}
