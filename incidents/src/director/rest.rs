//! Time: it moves when nothing else does.

use std::time::{Duration, Instant};

use super::{Director, Due, Happening, PlayError};
use crate::protocol::{Answer, Command, Event, Quiet};

/// How long a client may take, in real time, until nothing moves in it any more.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the server is asked, in real time, whether it holds back other requests than before.
const GLANCE: Duration = Duration::from_millis(2);

impl Director<'_> {
    /// Waits until nothing moves, in the client and on the wire, and hears what is said until then.
    pub(super) async fn settle(&mut self) -> Result<(), PlayError> {
        if self.client.is_some() {
            let patience = Instant::now() + PATIENCE;
            while !self.is_quiet(patience).await? {
                tokio::task::yield_now().await;
            }
        }
        self.hear_server(u64::MAX);
        Ok(())
    }

    async fn is_quiet(&mut self, patience: Instant) -> Result<bool, PlayError> {
        let resting = self.stage.resting();
        let question = self.order_client(Command::Settle { held: resting }).await?;
        loop {
            if Instant::now() > patience {
                let open: Vec<String> = self.open_orders.values().map(|order| format!("{order:?}")).collect();
                return Err(PlayError::Restless(format!("{} s passed; open orders: {open:?}", PATIENCE.as_secs())));
            }
            match tokio::time::timeout(GLANCE, self.next_event()).await {
                Ok(Ok(Event::Done(done))) if done.id == question => {
                    let Some(Answer::Settle(quiet)) = done.answer else {
                        return Err(PlayError::Client("`settle` was not answered with how it is".to_owned()));
                    };
                    return Ok(self.agrees(quiet));
                }
                Ok(event) => self.hear(event?)?,
                // Still moving; or waiting for an answer that the server began to hold back meanwhile.
                Err(_) if self.stage.resting() != resting => return Ok(false),
                Err(_) => {}
            }
        }
    }

    /// Whether the server sees as many requests as the client does, and works on none of them.
    fn agrees(&mut self, quiet: Quiet) -> bool {
        self.client_deadline_ms = quiet.next_deadline_ms;
        quiet.quiet && self.stage.working() == 0 && self.stage.resting() == quiet.in_flight
    }

    /// Moves both clocks to the next moment at which something is due.
    pub(super) async fn advance(&mut self) -> Result<(), PlayError> {
        let dues = [self.agenda.next_at(), self.client_deadline_ms, self.stage.next_wake()];
        let Some(next) = dues.into_iter().flatten().min() else {
            return Err(PlayError::Restless("nothing is due, and it is not over".to_owned()));
        };
        // A deadline of the past would have fired by now. If a client insists on it, time must pass all the same.
        self.now_ms = next.max(self.now_ms + 1);
        // The client first, which then waits for the next `settle`: no answer of the new moment meets the old one.
        if self.client.is_some() {
            self.ask(Command::Advance { to_ms: self.now_ms }, "move its clock").await?;
        }
        self.stage.set_time(self.now_ms);
        Ok(())
    }

    /// Plays on, with nothing new happening, until the order is carried out.
    pub(super) async fn until_done(&mut self, id: u64) -> Result<(), PlayError> {
        let end = self.now_ms + 120_000;
        self.settle().await?;
        while self.open_orders.contains_key(&id) {
            if self.now_ms >= end {
                return Err(PlayError::Restless("the prologue takes longer than two minutes".to_owned()));
            }
            self.advance().await?;
            self.settle().await?;
        }
        Ok(())
    }

    /// Tells what the server answered, up to the given number of answers to this client process.
    pub(super) fn hear_server(&mut self, answers: u64) {
        while self.answers < answers
            && let Some((endpoint, status)) = self.stage.next_answer()
        {
            self.answers += 1;
            self.tell(Happening::Request { endpoint: endpoint.name().to_owned(), status });
        }
    }

    /// The next sale of a till that sells again and again.
    pub(super) fn sell_again(&mut self) {
        if let Some(every) = self.incident.given.app.sells_every {
            self.agenda.add(self.now_ms + super::millis(every.0), Due::Sale);
        }
    }
}
