//! The hot path: an access token without a lock, an allocation or a message.

#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use arc_swap::{ArcSwap, Guard};
use mainstay_core::Generation;

use crate::{
    Secret,
    host::{Clock, Monotonic},
};

/// An access token as it is handed out. `Debug` is redacted; the token itself only by [`expose`](Self::expose).
///
/// Handing it out counts no reference: it is a [`Guard`], which whoever publishes the next token settles for.
#[derive(Debug)]
pub struct AccessToken(Guard<Arc<Published>>);

/// What is published: (epoch, generation, token, deadline).
#[derive(Debug)]
pub(super) struct Published {
    pub(super) epoch: u64,
    pub(super) generation: Generation,
    pub(super) token: Secret,
    pub(super) token_type: String,
    pub(super) deadline: Monotonic,
    pub(super) audience: Option<String>,
}

impl Published {
    /// In place of a token while there is none. Its deadline has always passed.
    fn nothing() -> Arc<Self> {
        Arc::new(Self {
            epoch: 0,
            generation: Generation::FIRST,
            token: Secret::default(),
            token_type: String::new(),
            deadline: Monotonic::ZERO,
            audience: None,
        })
    }
}

impl AccessToken {
    pub(super) fn new(published: Published) -> Self {
        Self(Guard::from_inner(Arc::new(published)))
    }

    /// The token, to be sent as `Authorization: Bearer <token>` (RFC 6750 section 2.1) and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.token.expose_text()
    }

    /// The scheme it is sent with, `Bearer` unless the server said otherwise (RFC 6749 section 7.1).
    #[must_use]
    pub fn token_type(&self) -> &str {
        &self.0.token_type
    }

    /// The generation of credentials it belongs to; grows with every renewal.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.0.generation
    }

    /// The audience it was asked for (RFC 8707); `None` is the session's own.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.0.audience.as_deref()
    }
}

impl Clone for AccessToken {
    fn clone(&self) -> Self {
        Self(Guard::from_inner(Arc::clone(&self.0)))
    }
}

/// The published token. Only the account's task publishes; anybody may withdraw what was rejected.
#[derive(Debug)]
pub(super) struct Hot {
    current: ArcSwap<Published>,
    nothing: Arc<Published>,
    epoch: AtomicU64,
    /// Rejections that the account's task has not dealt with yet; nothing is published meanwhile.
    withdrawals: AtomicUsize,
}

impl Hot {
    /// The token, if there is one whose deadline has not passed.
    #[inline]
    pub(super) fn load(&self, clock: &dyn Clock) -> Option<AccessToken> {
        let published = self.current.load();
        (clock.monotonic() < published.deadline).then_some(AccessToken(published))
    }

    fn clear(&self) {
        self.current.store(Arc::clone(&self.nothing));
    }

    /// The epoch to publish under. Raised by every sign-out before anything else happens.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) fn raise_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.clear();
    }

    /// Publishes, or withdraws with `None`; moves forward only. What was prepared before a sign-out is dropped.
    pub(super) fn publish(&self, published: Option<Published>) {
        let Some(published) = published else { return self.clear() };
        let epoch = published.epoch;
        let may_publish = || epoch == self.epoch() && self.withdrawals.load(Ordering::Acquire) == 0;
        if may_publish() {
            self.current.store(Arc::new(published));
            // A sign-out or a rejection between the two lines above has to win.
            if !may_publish() {
                self.clear();
            }
        }
    }

    /// Whether exactly this is published already.
    pub(super) fn holds(&self, epoch: u64, generation: Generation, deadline: Monotonic) -> bool {
        let it = self.current.load();
        it.epoch == epoch && it.generation == generation && it.deadline == deadline
    }

    /// Withdraws a rejected token, if it is still the one that is handed out. Until the account's task has dealt with the
    /// rejection ([`withdrawal_dealt_with`](Self::withdrawal_dealt_with)), nothing is published.
    pub(super) fn withdraw(&self, generation: Generation) {
        self.withdrawals.fetch_add(1, Ordering::AcqRel);
        let current = self.current.load();
        if current.generation == generation {
            self.current.compare_and_swap(&*current, Arc::clone(&self.nothing));
        }
    }

    pub(super) fn withdrawal_dealt_with(&self) {
        self.withdrawals.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Default for Hot {
    fn default() -> Self {
        let nothing = Published::nothing();
        let current = ArcSwap::new(Arc::clone(&nothing));
        Self { current, nothing, epoch: AtomicU64::default(), withdrawals: AtomicUsize::default() }
    }
}
