//! Asking a server whether a token is good.

use std::sync::Arc;

use mainstay_core::{Generation, IdentityProof, Outcome, ProbeOutcome, ProbePurpose, RejectionClass};

use crate::{
    driver::{
        account::{Account, lock},
        dpop::Presented,
        message::Message,
        opening::proof_of,
    },
    host::{Connection, ConnectionWish},
    oauth::{Probe, Rejection},
};

pub(in crate::driver) async fn probe(
    account: Arc<Account>,
    attempt: u32,
    generation: Generation,
    purpose: ProbePurpose,
) {
    let found = ask_probe(&account, generation, purpose).await.unwrap_or(ProbeOutcome::Silent);
    account.tell(Message::Ended { attempt, outcome: Outcome::Probe(found), brought: None });
}

/// `None`: nothing could be asked.
async fn ask_probe(account: &Account, generation: Generation, purpose: ProbePurpose) -> Option<ProbeOutcome> {
    let credentials = account.credentials(generation)?;
    let token = credentials.access_tokens.first()?;
    let (endpoint, names) = account.server().probe_endpoint().await?;
    if purpose == ProbePurpose::FreshConnection {
        let rejecting = lock(&account.rejecting_origin).clone();
        if rejecting.is_some_and(|origin| origin != endpoint.url().origin()) {
            // The token was rejected elsewhere: another server's opinion says nothing about that one.
            return None;
        }
    }
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| credentials.identity.clone());
    let key = account.dpop_key();
    let presented = Presented::stored(token, key.as_ref());
    let asked = account.server().probe(&endpoint, presented, &pinned, ConnectionWish::Fresh).await;
    let (found, inbound) = asked.ok()?;
    // A *who am I* that names nobody is no answer of the server that was asked.
    let unverified = proof_of(account, &pinned, &credentials.identity) == IdentityProof::Unverified;
    let must_be_named = unverified || (names && pinned.subject.is_some());
    let on_fresh_connection = inbound.connection == Connection::Fresh;
    Some(match found {
        Probe::Accepted { named } if named || !must_be_named => ProbeOutcome::Accepted { on_fresh_connection },
        Probe::Foreign => ProbeOutcome::Foreign,
        Probe::Rejected(rejection) => match class_of(&rejection) {
            Some(class) if accuses(class) => ProbeOutcome::Rejected(class),
            _ => ProbeOutcome::Silent,
        },
        Probe::Accepted { .. } | Probe::NoEvidence(_) => ProbeOutcome::Silent,
    })
}

const fn accuses(class: RejectionClass) -> bool {
    use RejectionClass as R;
    matches!(class, R::InvalidToken | R::Unauthorized | R::Legacy | R::SessionRevoked | R::InvalidDpopProof)
}

/// A resource server's answer as the core knows it; `None` if it is no rejection.
pub(in crate::driver) const fn class_of(rejection: &Rejection) -> Option<RejectionClass> {
    Some(match rejection {
        Rejection::InvalidToken => RejectionClass::InvalidToken,
        Rejection::Unauthorized => RejectionClass::Unauthorized,
        Rejection::Legacy { .. } => RejectionClass::Legacy,
        Rejection::SessionRevoked { .. } => RejectionClass::SessionRevoked,
        Rejection::UseDpopNonce { .. } => RejectionClass::UseDpopNonce,
        Rejection::InvalidDpopProof { .. } => RejectionClass::InvalidDpopProof,
        Rejection::Forbidden { .. } => RejectionClass::Forbidden,
        Rejection::InsufficientUserAuthentication { .. } => RejectionClass::StepUp,
        Rejection::ServerTrouble { .. } | Rejection::NotARejection => return None,
    })
}
