//! The hot path: an access token without a lock, an allocation or a message.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use arc_swap::ArcSwapOption;
use mainstay_core::Generation;

use crate::{
    Secret,
    host::{Clock, Monotonic},
};

/// An access token as it is handed out. `Debug` is redacted; the token itself only by [`expose`](Self::expose).
#[derive(Clone, Debug)]
pub struct AccessToken(Arc<Published>);

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

impl AccessToken {
    pub(super) fn new(published: Published) -> Self {
        Self(Arc::new(published))
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

/// The published token. Only the account's task publishes; anybody may withdraw what was rejected.
#[derive(Debug, Default)]
pub(super) struct Hot {
    current: ArcSwapOption<Published>,
    epoch: AtomicU64,
    /// Rejections that the account's task has not dealt with yet; nothing is published meanwhile.
    withdrawals: AtomicUsize,
}

impl Hot {
    /// The token, if there is one whose deadline has not passed.
    pub(super) fn load(&self, clock: &dyn Clock) -> Option<AccessToken> {
        let published = self.current.load_full()?;
        (clock.monotonic() < published.deadline).then_some(AccessToken(published))
    }

    /// The epoch to publish under. Raised by every sign-out before anything else happens.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) fn raise_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.current.store(None);
    }

    /// Publishes, or withdraws with `None`; moves forward only. What was prepared before a sign-out is dropped.
    pub(super) fn publish(&self, published: Option<Published>) {
        let Some(published) = published else { return self.current.store(None) };
        let epoch = published.epoch;
        let may_publish = || epoch == self.epoch() && self.withdrawals.load(Ordering::Acquire) == 0;
        if may_publish() {
            self.current.store(Some(Arc::new(published)));
            // A sign-out or a rejection between the two lines above has to win.
            if !may_publish() {
                self.current.store(None);
            }
        }
    }

    /// Whether exactly this is published already.
    pub(super) fn holds(&self, epoch: u64, generation: Generation, deadline: Monotonic) -> bool {
        self.current
            .load()
            .as_ref()
            .is_some_and(|it| it.epoch == epoch && it.generation == generation && it.deadline == deadline)
    }

    /// Withdraws a rejected token, if it is still the one that is handed out. Until the account's task has dealt with the
    /// rejection ([`withdrawal_dealt_with`](Self::withdrawal_dealt_with)), nothing is published.
    pub(super) fn withdraw(&self, generation: Generation) {
        self.withdrawals.fetch_add(1, Ordering::AcqRel);
        let current = self.current.load();
        if current.as_ref().is_some_and(|published| published.generation == generation) {
            self.current.compare_and_swap(&*current, None);
        }
    }

    pub(super) fn withdrawal_dealt_with(&self) {
        self.withdrawals.fetch_sub(1, Ordering::AcqRel);
    }
}
