//! `access_token()` from a warm session, against an `ArcSwap` load and a comparison of deadlines.

use std::{
    hint::black_box,
    sync::{Arc, OnceLock},
    time::Duration,
};

use allocation_counter::AllocationInfo;
use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use mainstay::{
    driver::AccessToken,
    host::{BootId, BoxFuture, Clock, Host, Monotonic, WallTime},
};
use mainstay_mock_server::MockServer;

use crate::{Compared, Outcome, Pairs, Till};

/// Batches of each kind.
const ROUNDS: u32 = 2000;
/// Calls in a batch: short enough that a busy machine leaves many batches alone.
const CALLS: u32 = 2000;

/// A warm session, and the least that could hand out its token.
#[derive(Debug)]
pub struct HotPath {
    till: Till,
    floor: Floor,
}

/// A token and its deadline, read as cheaply as several threads can read something that another one replaces.
struct Floor {
    current: ArcSwapOption<(Vec<u8>, Monotonic)>,
    /// The session's own clock, so that both read the same.
    clock: Arc<dyn Clock>,
}

impl Floor {
    fn is_good(&self) -> bool {
        let current = self.current.load();
        current.as_ref().is_some_and(|token| self.clock.monotonic() < token.1)
    }
}

impl std::fmt::Debug for Floor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Floor").finish_non_exhaustive()
    }
}

impl HotPath {
    /// Signs in.
    ///
    /// # Errors
    /// As [`Till::signed_in`].
    pub async fn warm() -> Outcome<Self> {
        Self::on(|_host| {}).await
    }

    /// The same at a time that stands still and costs nothing to read, where instructions are counted: what the
    /// machine's clock costs is the system's, and under valgrind it is another cost.
    ///
    /// # Errors
    /// As [`Till::signed_in`].
    pub async fn standing_still() -> Outcome<Self> {
        Self::on(|host| host.clock = Arc::new(StandingClock)).await
    }

    async fn on(change: impl FnOnce(&mut Host)) -> Outcome<Self> {
        let clock: OnceLock<Arc<dyn Clock>> = OnceLock::new();
        let till = Till::signed_in(MockServer::builder(), |host| {
            change(host);
            clock.get_or_init(|| Arc::clone(&host.clock));
        });
        let till = till.await?;
        let clock = clock.into_inner().ok_or("the session has no clock")?;
        let token = till.session.access_token().await?.expose().as_bytes().to_vec();
        let deadline = clock.monotonic() + Duration::from_secs(900);
        let floor = Floor { current: ArcSwapOption::from_pointee((token, deadline)), clock };
        Ok(Self { till, floor })
    }

    /// The token at the first poll: `None` if the call waited for anything.
    #[must_use]
    pub fn access_token(&self) -> Option<AccessToken> {
        self.till.session.access_token().now_or_never()?.ok()
    }

    /// The floor.
    #[must_use]
    pub fn floor(&self) -> bool {
        self.floor.is_good()
    }

    /// What `calls` calls allocate.
    #[must_use]
    pub fn allocations(&self, calls: u32) -> AllocationInfo {
        allocation_counter::measure(|| {
            for _ in 0..calls {
                black_box(self.access_token());
            }
        })
    }
}

/// A busy evening that does not end.
struct StandingClock;

impl Clock for StandingClock {
    fn monotonic(&self) -> Monotonic {
        Duration::from_secs(3600)
    }

    fn wall(&self) -> WallTime {
        Duration::from_secs(1_795_197_600)
    }

    fn boot_id(&self) -> Option<BootId> {
        None
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        let over = deadline <= self.monotonic();
        Box::pin(async move {
            if !over {
                std::future::pending().await
            }
        })
    }
}

/// Times `access_token()` against its floor. The times are of one call, in nanoseconds.
#[must_use]
pub fn time_access_token(warm: &HotPath) -> Compared {
    let pairs = Pairs::of(
        ROUNDS,
        CALLS,
        || {
            black_box(warm.floor());
        },
        || {
            black_box(warm.access_token());
        },
    );
    pairs.compared()
}

/// The time of one call of a batch, in nanoseconds.
#[must_use]
pub fn nanoseconds_per_call(batch: Duration) -> f64 {
    batch.as_secs_f64() * 1e9 / f64::from(CALLS)
}
