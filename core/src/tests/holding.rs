//! Holding ends soon after the server's repair.

use core::time::Duration;

use super::till::*;
use crate::{attempt::AttemptKind, *};

/// What the server's repair changes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Repair {
    /// The kept token is accepted again; refreshes fail all the time.
    OldKeyReturns,
    /// The same, and until then new tokens were issued and rejected.
    EveryTokenIsAccepted,
    /// The kept token is void for good; refreshes, which failed, succeed.
    RefreshesSucceed,
}

/// A server that rejects the token of a till for a while, and then is repaired.
struct Server {
    repair: Repair,
    repaired_at: Timestamp,
    latest: u64,
}

impl Server {
    fn answer(&mut self, till: &mut Till) {
        let well = till.now >= self.repaired_at;
        while let Some(attempt) = till.session.attempt {
            let accepts = well && (self.repair != Repair::RefreshesSucceed || self.latest > 1);
            let issues = match self.repair {
                Repair::OldKeyReturns => false,
                Repair::EveryTokenIsAccepted => true,
                Repair::RefreshesSucceed => well,
            };
            match attempt.kind {
                AttemptKind::Probe(_) => till.ends(if accepts { ACCEPTED } else { REJECTED }),
                _ if issues => {
                    self.latest += 1;
                    till.ends(Outcome::Refresh(TokenOutcome::Renewed(long_lived(self.latest))))
                }
                _ => till.ends(DOWN),
            };
        }
    }
}

fn long_lived(number: u64) -> NewGeneration {
    NewGeneration { lives_for: Some(8 * HOUR), ..credentials(number) }
}

/// How long after its repair the server is sold to, when it was broken for that long and its status document said so, or
/// called everything healthy.
fn sells_after(repair: Repair, broken_for: Duration, calls_itself_healthy: bool, seed: u64) -> Duration {
    let mut till = Till::signed_in_with(Policy { has_status: true, ..NO_DEVICE_KEY }, long_lived(1));
    till.stir(seed);
    let mut server = Server { repair, repaired_at: till.now.plus(broken_for), latest: 1 };
    till.rejects(RejectionClass::InvalidToken);
    loop {
        server.answer(&mut till);
        let well = till.now >= server.repaired_at;
        match till.hands_out() {
            Some(_) if well => return till.now.since(server.repaired_at),
            Some(_) => till.rejects(RejectionClass::InvalidToken),
            None => till.wake(),
        }
        .contains(&Effect::ReadStatus)
        .then(|| till.tell(Event::StatusRead { healthy: Some(calls_itself_healthy || well), spread: None }));
        assert!(till.now.since(server.repaired_at) < 2 * HOUR, "{:?}", till.session.state());
    }
}

fn longest_wait(repair: Repair, calls_itself_healthy: bool) -> Duration {
    let histories = (1..56).flat_map(|minutes| (0..20).map(move |seed| (minutes * MINUTE, seed)));
    let waits = histories.map(|(broken_for, seed)| sells_after(repair, broken_for, calls_itself_healthy, seed));
    waits.max().expect("many")
}

#[test]
fn a_kept_token_sells_within_5_minutes_of_the_servers_repair() {
    for repair in [Repair::OldKeyReturns, Repair::EveryTokenIsAccepted] {
        let wait = longest_wait(repair, false);
        assert!(wait <= 5 * MINUTE, "{repair:?}: {wait:?}");
    }
}

#[test]
fn a_status_document_that_lies_delays_nobody() {
    for repair in [Repair::OldKeyReturns, Repair::EveryTokenIsAccepted] {
        let wait = longest_wait(repair, true);
        assert!(wait <= 5 * MINUTE, "{repair:?}: {wait:?}");
    }
}

#[test]
fn the_hours_calls_are_not_spent_in_its_first_quarter() {
    for calls_itself_healthy in [false, true] {
        let wait = longest_wait(Repair::RefreshesSucceed, calls_itself_healthy);
        assert!(wait <= 12 * MINUTE, "{wait:?} after the repair the first refresh");
    }
}
