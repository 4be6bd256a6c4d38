//! What can happen, as data: a history is made by proptest, can be printed, and gets shorter when it is shrunk.

mod strategies;

use crate::evidence::Row;
use mainstay::{host::TransportError, test_support::Survivors};

pub use strategies::histories;

/// What is decided once: the deployment, and the history that it goes through.
#[derive(Clone, Debug)]
pub struct History {
    pub deployment: Deployment,
    pub actions: Vec<Action>,
}

/// What the profile says, and what the app brings.
#[derive(Clone, Copy, Debug)]
pub struct Deployment {
    pub asks: Asks,
    /// Whether a refresh keeps the identity of the one before where nothing says otherwise.
    pub inherits: bool,
    /// Whether every answer of the resource server repeats whom it answers for.
    pub echoes: bool,
    pub fresh_connections: bool,
    pub provider: bool,
    /// The life of the honest server's access tokens, in seconds.
    pub life: u32,
}

/// The probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    Nobody,
    Userinfo,
    WhoAmI,
    Protected,
}

/// Seconds.
pub type Seconds = u64;

#[derive(Clone, Debug)]
pub enum Action {
    Wait(Seconds),
    /// How one endpoint answers from now on: so many times, or until told otherwise.
    Answer {
        at: Place,
        times: Option<u8>,
        recipe: Recipe,
    },
    /// Every mood is over.
    Recovers,
    Server(Upheaval),
    App {
        who: u8,
        call: Call,
        gives_up: bool,
    },
    Person {
        who: u8,
        act: Person,
    },
    Device(Device),
}

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Discovery,
    /// The token endpoint, for a code.
    Code,
    /// The token endpoint, for a refresh token.
    Refresh,
    /// Userinfo or *who am I*, whoever asks.
    Who,
    /// Everything else of the resource server.
    Api,
    Status,
    Revocation,
}

/// What happens to the server's memory.
#[derive(Clone, Copy, Debug)]
pub enum Upheaval {
    /// Every access token issued so far is void: another key.
    KeyChanged,
    /// Every refresh token issued so far is void: a lost session store.
    GrantsLost,
    /// The hotfix: all of that is good again.
    Restored,
    /// Every token issued from now on is void.
    NewTokensVoid,
}

#[derive(Clone, Copy, Debug)]
pub enum Call {
    Token,
    Get {
        who_am_i: bool,
    },
    Post {
        key: bool,
    },
    /// A token for another audience, or one that lives at least so long.
    For {
        audience: bool,
        least: Seconds,
    },
    /// The app sends requests by itself, and was rejected: with the token at hand, or one it got long ago.
    Reports {
        stale: bool,
        challenge: u8,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Person {
    /// Signs in, or again. With `fair` the servers are well for as long as it takes.
    SignsIn {
        fair: bool,
        browser: Browser,
    },
    TriesNow,
    Dismisses,
    SignsOut,
}

/// What comes of a visit to the authorization server's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    Right,
    /// Somebody else signs in.
    Stranger,
    Cancels,
    /// Comes back with another sign-in's state.
    WrongState,
    WrongIssuer,
    /// Takes a while, and then is right.
    Slow(Seconds),
}

#[derive(Clone, Copy, Debug)]
pub enum Device {
    Network(bool),
    DiskFull(bool),
    KeyStore(KeyStore),
    /// The calendar clock is turned, by so many seconds.
    Clock(i64),
    /// The app's process is killed where it is, and starts again.
    Killed {
        gap: Seconds,
    },
    /// Power fails, after so many more changes to the disk.
    Power {
        changes: u8,
        torn: bool,
        within: Seconds,
        survivors: Survivors,
        gap: Seconds,
    },
    /// A second process over the same vault comes, or goes.
    SecondProcess(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStore {
    Open,
    Locked,
    Unavailable,
    Slow,
}

// ---- answers ---------------------------------------------------------------------------------------------------

/// One way to answer.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    pub what: What,
    pub head: Head,
    pub delay: Seconds,
}

#[derive(Clone, Copy, Debug)]
pub enum What {
    /// What a good server would say.
    Honest,
    /// An answer of the token endpoint that looks like tokens.
    Tokens(Tokens),
    /// An error object (RFC 6749 section 5.2).
    Refusal {
        status: u16,
        code: &'static str,
    },
    /// A challenge of a resource server, by its place in `CHALLENGES`.
    Challenge(u8),
    /// A *who am I* that names somebody, or nobody, in a good or an odd way.
    Names(Name),
    /// A discovery document that differs.
    Metadata(Metadata),
    Health(Health),
    /// Any status with any body.
    Raw {
        status: u16,
        body: Body,
    },
    /// The request never arrives.
    Unsent(TransportError),
    /// The request arrives, and no answer does. With `acts` the server has done what it was asked.
    Lost {
        acts: bool,
        how: Loss,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Broken,
    TooLarge,
    Never,
}

#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub date: Date,
    pub retry_after: Option<&'static str>,
    pub age: Option<&'static str>,
    pub content_type: Option<&'static str>,
    pub spread: Option<&'static str>,
    pub echo: Echo,
    pub from_cache: bool,
    /// Whether the transport knows which connection it was.
    pub connection_known: bool,
}

impl Head {
    pub const PLAIN: Self = Self {
        date: Date::Right,
        retry_after: None,
        age: None,
        content_type: Some("application/json"),
        spread: None,
        echo: Echo::Owner,
        from_cache: false,
        connection_known: true,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Date {
    Absent,
    Right,
    Off(i64),
    Garbage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Whose the token is.
    Owner,
    Stranger,
    Absent,
}

#[derive(Clone, Copy, Debug)]
pub struct Tokens {
    pub owner: Owner,
    pub id_token: IdToken,
    pub access: Access,
    pub refresh: Refresh,
    /// As it stands in the JSON; `None`: not there.
    pub expires_in: Option<&'static str>,
    pub token_type: Option<&'static str>,
    pub shape: Shape,
}

/// Whose tokens these really are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Asker,
    Stranger,
    /// The very token that the other account of the device got last.
    Neighbour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdToken {
    Absent,
    /// Names the tokens' owner.
    Owner,
    /// Names the asker, whoever's they are: a server that lies.
    Asker,
    OtherSubject,
    OtherIssuer,
    OtherAudience,
    NoSubject,
    NumericSubject,
    Unsigned,
    Expired,
    Garbage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    New,
    /// The one that the asker has already.
    Old,
    Empty,
    Absent,
    NotAscii,
    NotText,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    New,
    Absent,
    Empty,
    Old,
}

/// How the JSON is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Plain,
    ByteOrderMark,
    DoubledToken,
    DeepExtra,
    HugeExtra,
    CutOff,
    ControlCharacters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Owner,
    Stranger,
    Nobody,
    Empty,
    Null,
    Number,
    Doubled,
    List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// Tokens come from an address where nothing is.
    TokensElsewhere,
    NoUserinfo,
    NoStatus,
    OtherIssuer,
    NoTokenEndpoint,
    RelativeEndpoints,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Ill,
    IllAndSpread(u32),
    Odd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Empty,
    Object,
    Html,
    TokenInvalid,
    SessionRevoked,
    CutOff,
    Huge,
    Deep,
    NotUtf8,
    ControlCharacters,
    Doubled,
    List,
    Null,
    Number,
}

/// What resource servers say in `WWW-Authenticate`, with the status and what it means.
pub const CHALLENGES: &[(u16, &str, Row)] = &[
    (401, "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"expired\"", Row::InvalidToken),
    (401, "bearer error=invalid_token", Row::InvalidToken),
    (401, "Basic realm=\"x\", Bearer error=\"invalid_token\"", Row::InvalidToken),
    (401, "Bearer", Row::BareUnauthorized),
    (401, "", Row::BareUnauthorized),
    (401, "Basic realm=\"proxy\"", Row::BareUnauthorized),
    (401, "Bearer error=\"invalid_tok", Row::BareUnauthorized),
    (401, "DPoP error=\"use_dpop_nonce\"", Row::UseDpopNonce),
    (401, "DPoP error=\"invalid_dpop_proof\"", Row::InvalidDpopProof),
    (403, "Bearer error=\"insufficient_scope\", scope=\"refunds\"", Row::Forbidden),
    (403, "", Row::Forbidden),
    (401, "Bearer error=\"insufficient_user_authentication\", acr_values=\"high\"", Row::StepUp),
];
