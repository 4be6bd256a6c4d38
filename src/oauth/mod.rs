//! Protocol messages: what Mainstay asks servers, and what it reads out of their answers. Pure.
//!
//! One file per concept, each linked to the RFC it follows. Requests are built as [`SecretRequest`] and answers are
//! read from an [`Answer`]; nothing here waits, reads a clock, draws a random number or touches a file: times and
//! random bytes are arguments. A test reads the sources and keeps it so.
//!
//! A sign-in reads from top to bottom:
//! 1. [`ServerMetadata`] says where the server's endpoints are.
//! 2. [`PendingSignIn`] makes the authorization URL and takes the answer of the browser.
//!    [`push_request`] keeps the request out of the browser where the server offers it, and [`DeviceAuthorization`] needs no
//!    browser here at all.
//! 3. [`token_request`] asks for tokens, [`TokenAnswer::read`] takes them, or a [`TokenError`] says why not.
//! 4. [`IdToken`], which the server's [`KeySet`] vouches for, and [`who_am_i`] name the person; [`Claims`] compare with the pinned identity.
//! 5. [`Rejection::read`] says whether a resource server refused a token, and [`Challenge`] in which words.
//! 6. [`DpopKey`] proves, request by request, that tokens are this session's and nobody else's.
//! 7. [`DeviceKey`], [`Assertion`] and [`enrollment`] bring a session back with nobody at the keyboard.
//!
//! Every reader takes bytes from a server it does not trust: bounded in size and depth, never panicking, and a
//! [`MalformedAnswer`] names what is wrong without repeating it.

mod answer;
mod assertion;
mod authorization;
mod base64url;
mod challenge;
mod claims;
mod client;
mod device_authorization;
mod device_key;
mod dpop;
mod endpoint;
pub mod enrollment;
mod error;
#[cfg(test)]
mod fixtures;
mod form;
mod http_date;
mod id_token;
mod json;
mod jwks;
mod lifetime;
mod metadata;
mod pkce;
mod pushed_authorization;
mod rejection;
mod rejection_rule;
mod request;
mod revocation;
mod signature;
mod status;
mod step_up;
mod token;
mod token_error;
mod untrusted;
mod userinfo;

pub use answer::{Answer, MAX_BODY, MAX_RETRY_AFTER};
pub use assertion::{Assertion, AssertionClaims, MAX_ASSERTION_LIFETIME};
pub use authorization::{
    AuthorizationCode, AuthorizationError, CallbackError, PENDING_SIGN_IN_LIFETIME, PendingSignIn, SignInEntropy,
    SignInOptions,
};
pub use challenge::{BearerError, Challenge, Challenges};
pub(crate) use claims::text_of_name;
pub use claims::{Claims, IdentityError, IdentitySource};
pub use client::{ClientAuth, OAuthClient};
pub use device_authorization::{
    DEVICE_CODE_GRANT, DEVICE_POLL_INTERVAL, DEVICE_SLOW_DOWN, DeviceAuthorization, DevicePacing, DevicePoll,
    device_authorization_request,
};
pub use device_key::{DeviceKey, PublicJwk};
pub use dpop::{DPOP, DpopKey, DpopProof};
pub use endpoint::{Endpoint, EndpointError, Issuer};
pub use error::{ErrorCode, ErrorObject};
pub use http_date::parse_http_date;
pub use id_token::{ID_TOKEN_LENIENCY, IdToken, IdTokenError, IdTokenExpectation};
pub use json::{MAX_DEPTH, MalformedAnswer};
pub use jwks::{KeySet, SignatureError, jwks_request, signing_key};
pub use lifetime::{LIFETIME_ASSUMED, LIFETIME_CEILING, LIFETIME_FLOOR, Lifetime, LifetimeOrigin};
pub use metadata::ServerMetadata;
pub use pkce::Verifier;
pub use pushed_authorization::{PushedRequest, push_request};
pub use rejection::{REJECTION_BODY, Rejection};
pub use rejection_rule::{InvalidRule, RejectionRule, RuleMeaning};
pub use request::{RequestError, SecretRequest};
pub use revocation::{RevocationOutcome, TokenKind, read_revocation, revocation_request};
pub use status::{MAX_SPREAD, SPREAD_HEADER, ServerStatus, spread_hint, status_request};
pub use step_up::{AuthenticationError, AuthenticationWanted};
pub use token::{Grant, TokenAnswer, TokenType, token_request};
pub use token_error::{ConfigurationFault, TokenError, TokenFailure, TransientKind, Unreasoned, UnreasonedBody};
pub use untrusted::Untrusted;
pub use userinfo::{Probe, ProtectedFailure, protected_request, who_am_i};
