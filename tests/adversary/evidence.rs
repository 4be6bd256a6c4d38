//! The evidence table of DESIGN.md section 4, and which of its answers met a session in which state.

use std::collections::BTreeMap;

/// States as they meet answers, in the order of DESIGN.md section 4.
pub const STATES: [&str; 8] =
    ["starting", "locked", "signed_out", "signed_in", "recovering", "holding", "sign_in_required", "quarantined"];

macro_rules! rows {
    ($($name:ident $server:ident $text:literal;)+) => {
        /// An answer of the evidence table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Row { $($name,)+ }

        impl Row {
            pub const ALL: &[Self] = &[$(Self::$name),+];

            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            const fn server(self) -> Server {
                match self { $(Self::$name => Server::$server,)+ }
            }
        }
    };
}

/// Who gave the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    /// A resource server, to the app or to the probe.
    Resource,
    /// The token endpoint, to a refresh.
    Authorization,
    /// Nobody yet: see [`unreachable`].
    None,
}

rows! {
    InvalidToken Resource "RS 401 invalid_token";
    BareUnauthorized Resource "RS 401 without error code";
    UseDpopNonce Resource "RS 401 use_dpop_nonce";
    InvalidDpopProof Resource "RS 401 invalid_dpop_proof";
    Forbidden Resource "RS 403 or insufficient_scope";
    StepUp Resource "RS 401 insufficient_user_authentication";
    OtherAudience Resource "RS 401 for another audience";
    Legacy Resource "RS rejection by a rule of the profile";
    SessionRevoked Resource "RS says that the session was revoked";
    FreshRejected Resource "RS rejects a fresh token";
    NeighbourRejected Resource "another account is rejected too";
    NeighbourAccepted Resource "another account is accepted";
    NamedStranger Resource "RS names somebody else";
    InvalidGrant Authorization "AS invalid_grant";
    Configuration Authorization "AS invalid_client, unauthorized_client, unsupported_grant_type";
    InvalidScope Authorization "AS invalid_scope";
    SaysTrouble Authorization "AS server_error, temporarily_unavailable, in whatever status";
    Redirect Authorization "AS 3xx";
    TryAgain Authorization "AS 408, 425";
    TooMany Authorization "AS 429";
    Broken Authorization "AS 5xx";
    Timeout Authorization "AS never answers";
    Lost Authorization "AS answer lost on the way";
    Unreachable Authorization "AS unreachable, DNS, TLS";
    NotJson Authorization "AS non-JSON";
    Unreasoned Authorization "AS refusal without a reason: empty 400, bare 403, 404, unknown code";
    Cached Authorization "AS answer out of a cache";
    NoAccessToken Authorization "AS empty or absent access token";
    OtherIdentity Authorization "AS names another subject, issuer or audience";
    SharedToken Authorization "AS gives two accounts the same token";
    KeyVanished None "ID-token kid vanished from JWKS";
}

/// Cells that cannot be reached, and why.
pub fn unreachable(row: Row, state: &str) -> Option<&'static str> {
    let closed = matches!(state, "starting" | "locked");
    match row.server() {
        Server::None => {
            Some("the driver reads no key set: ID tokens come over TLS from the token endpoint, so no kid is looked up")
        }
        Server::Authorization if closed => Some("no token is asked for before the vault is open"),
        Server::Authorization if state == "signed_out" => {
            Some("an answer that comes after the sign-out is nobody's evidence")
        }
        Server::Resource if row == Row::NamedStranger && (closed || state == "signed_out") => {
            Some("whose it should be is not known")
        }
        Server::Resource if state == "starting" => {
            Some("the vault is read in one breath here; core/tests/promises.rs plays rejections while it is read")
        }
        _ => None,
    }
}

#[derive(Clone, Debug, Default)]
pub struct Coverage {
    cells: BTreeMap<(Row, &'static str), u64>,
    pub requests: u64,
    pub checks: u64,
    /// Virtual time, in seconds.
    pub seconds: u64,
}

impl Coverage {
    pub fn count(&mut self, row: Row, state: &'static str) {
        *self.cells.entry((row, state)).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        other.cells.iter().for_each(|(cell, hits)| *self.cells.entry(*cell).or_default() += hits);
        self.requests += other.requests;
        self.checks += other.checks;
        self.seconds += other.seconds;
    }

    fn hits(&self, row: Row, state: &'static str) -> u64 {
        self.cells.get(&(row, state)).copied().unwrap_or_default()
    }

    /// Cells that should have been reached and were not.
    pub fn gaps(&self) -> Vec<String> {
        let cells = Row::ALL.iter().flat_map(|row| STATES.map(|state| (*row, state)));
        let gaps = cells.filter(|(row, state)| self.hits(*row, state) == 0 && unreachable(*row, state).is_none());
        gaps.map(|(row, state)| format!("\"{}\" never met {state}", row.text())).collect()
    }

    /// The table, a line for each answer. A dash is a cell that cannot be reached.
    pub fn table(&self) -> Vec<String> {
        let cell = |row, state: &'static str| match (self.hits(row, state), unreachable(row, state)) {
            (0, Some(_)) => format!("{state} -"),
            (hits, _) => format!("{state} {hits}"),
        };
        Row::ALL
            .iter()
            .map(|row| format!("{}: {}", row.text(), STATES.map(|state| cell(*row, state)).join(", ")))
            .collect()
    }
}
