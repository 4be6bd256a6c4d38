//! Kills in the middle of something.

use std::time::{Duration, Instant};

use mainstay_mock_server::{Endpoint, Fault};

use super::{Director, Due, Happening, PlayError, millis};
use crate::format::{Kill, Middle};

/// The server's name for what holds a request whose client is about to be killed.
const FAULT: &str = "hold.until_killed";

/// How long the server may take, in real time, to notice that a client is dead.
const PATIENCE: Duration = Duration::from_secs(30);

impl Director<'_> {
    /// Kills the app, or has it killed in the middle of its next request to an endpoint.
    pub(super) async fn kill_when(&mut self, kill: &Kill) -> Result<(), PlayError> {
        if kill.during.is_none() {
            self.account.kills += u64::from(self.client.is_some());
            self.kill_client().await?;
            self.start_again_after(kill);
            return Ok(());
        }
        self.crashes.push_back(kill.clone());
        if self.crashes.len() == 1 { self.lie_in_wait() } else { Ok(()) }
    }

    /// Has the server watch for the request that the first of the waiting kills is meant for.
    fn lie_in_wait(&mut self) -> Result<(), PlayError> {
        let Some(kill) = self.crashes.front() else { return Ok(()) };
        let endpoint = endpoint(kill)?;
        self.stage.watch_for(endpoint);
        if kill.moment == Middle::AfterTheAnswer {
            return Ok(());
        }
        let hold = Fault::hold().at([endpoint]).after_commit().times(1);
        let control = self.stage.control();
        control.set_named_fault(FAULT, hold).map_err(|refused| PlayError::Server(refused.to_string()))
    }

    /// Kills the app if it is in the middle of what the first of the waiting kills is meant for.
    pub(super) async fn crash(&mut self) -> Result<bool, PlayError> {
        let (Some(kill), true) = (self.crashes.front().cloned(), self.client.is_some()) else { return Ok(false) };
        let endpoint = endpoint(&kill)?;
        let is_there = match kill.moment {
            Middle::BeforeTheAnswer => self.stage.holds_the_watched(),
            Middle::AfterTheAnswer => self.stage.answered_the_watched(),
        };
        if !is_there {
            return Ok(false);
        }
        self.crashes.pop_front();
        self.account.kills += 1;
        self.tell(Happening::Killed { during: endpoint.name().to_owned(), moment: kill.moment });
        self.kill_client().await?;
        self.until_the_server_noticed().await?;
        // Only now: whoever clears it lets go what it holds. It strikes once, so it may be gone already.
        let _spent = self.stage.control().clear_fault(FAULT);
        self.start_again_after(&kill);
        self.lie_in_wait()?;
        Ok(true)
    }

    /// A request of a dead client is gone from the server once its connection is, and not a moment that depends on the
    /// machine before.
    async fn until_the_server_noticed(&mut self) -> Result<(), PlayError> {
        let patience = Instant::now() + PATIENCE;
        while self.stage.resting() > 0 || self.stage.working() > 0 {
            if Instant::now() > patience {
                return Err(PlayError::Restless("the server does not notice that the client is dead".to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn start_again_after(&mut self, kill: &Kill) {
        if let Some(after) = kill.starts_again_after {
            self.agenda.add(self.now_ms + millis(after.0), Due::StartsAgain);
        }
    }
}

fn endpoint(kill: &Kill) -> Result<Endpoint, PlayError> {
    let name = kill.during.as_deref().unwrap_or_default();
    let found = Endpoint::ALL.into_iter().find(|(_, known)| *known == name);
    found.map(|(endpoint, _)| endpoint).ok_or_else(|| PlayError::Server(format!("there is no endpoint `{name}`")))
}
