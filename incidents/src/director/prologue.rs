//! Before the incident: a till on a good day.

use super::{Client, Counts, Director, Ledger, Order, PlayError, SEED, Snapshot, seen::Ability};
use mainstay_mock_server::ANSWERED_FOR;

use crate::{
    format::RejectionStyle,
    protocol::{Answer, Command, Profile, RejectionRule, Start, StateName, VERSION},
};

const CLIENT_ID: &str = "till";

/// Nothing listens there: the client's browser only reads the address it is sent to.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

impl Director<'_> {
    /// Signs everybody in, queues what is to be queued, and sets all counters to zero.
    pub(super) async fn prologue(&mut self) -> Result<(), PlayError> {
        self.start_client().await?;
        // The first of the file comes last: the one at the till is the one who signed in last.
        for person in self.incident.given.people.iter().rev() {
            self.stage.script(person);
            let id = self.order(Command::SignIn, Order::Named("sign in")).await?;
            self.until_done(id).await?;
        }
        if self.account.state.state != StateName::SignedIn {
            let state = &self.account.state;
            return Err(PlayError::Client(format!("nobody could sign in before the incident: it is {}", state.state)));
        }
        let given = &self.incident.given;
        self.stage.forget();
        self.account.ledger = Ledger::new(self.now_ms, Ability::of(&self.account.state));
        self.account.visited = [self.account.state.state].into();
        if given.app.queued_sales > 0 {
            self.set_network(false).await?;
            self.sell(given.app.queued_sales, given.app.sale_cents).await?;
            self.settle().await?;
        }
        self.account.before = Some(Snapshot::of(&self.folders.app_data)?);
        self.account.base = self.client_counts().await?;
        self.account.prompts = 0;
        self.began_ms = Some(self.now_ms);
        Ok(())
    }

    /// Starts the client's process, as the device does when somebody opens the app.
    pub(super) async fn start_client(&mut self) -> Result<(), PlayError> {
        self.client = Some(Client::spawn(self.command, self.stage.control())?);
        self.processes += 1;
        let Some(Answer::Hello(hello)) = self.ask(Command::Hello { protocol: VERSION }, "say hello").await? else {
            return Err(PlayError::Client("`hello` was not answered with who it is".to_owned()));
        };
        if hello.protocol != VERSION {
            let theirs = hello.protocol;
            return Err(PlayError::Client(format!("it speaks version {theirs} of the protocol, not {VERSION}")));
        }
        self.client_name = hello.client;
        let start = self.start_order();
        let id = self.order(Command::Start(Box::new(start)), Order::Named("start")).await?;
        self.settle_start(id).await
    }

    async fn settle_start(&mut self, id: u64) -> Result<(), PlayError> {
        while self.open_orders.contains_key(&id) {
            let event = self.next_event().await?;
            if let crate::protocol::Event::Done(done) = &event
                && done.id == id
                && let Some(failure) = &done.error
            {
                let (code, message) = (failure.code.clone(), failure.message.clone());
                return Err(PlayError::Refused { order: "start", code, message });
            }
            self.hear(event)?;
        }
        Ok(())
    }

    fn start_order(&self) -> Start {
        let given = &self.incident.given;
        Start {
            issuer: self.stage.url().to_owned(),
            client_id: CLIENT_ID.to_owned(),
            redirect_uri: REDIRECT_URI.to_owned(),
            profile: self.profile(),
            vault_folder: self.folders.vault.clone(),
            app_data_folder: self.folders.app_data.clone(),
            now_ms: self.now_ms,
            wall_ms: self.stage.wall_ms().saturating_add_signed(self.calendar_shift_ms),
            seed: SEED + self.processes,
            device_key: given.device_key,
            provider: given.provider,
            network: self.network_is_on,
        }
    }

    fn profile(&self) -> Profile {
        let given = &self.incident.given;
        let (said, real) = (&given.profile, &given.server);
        let knows = said.knows_the_rejection && real.rejection.style == RejectionStyle::Legacy;
        let rule = RejectionRule {
            status: real.rejection.status,
            path_prefix: "/api/".to_owned(),
            content_type: real.rejection.content_type.clone(),
            body_contains: "Token invalid".to_owned(),
        };
        Profile {
            rejections: if knows { vec![rule] } else { Vec::new() },
            rotation: said.rotation.unwrap_or(real.rotation),
            who_am_i: said.knows_who_am_i.then(|| "/api/me".to_owned()),
            inherits_identity_on_refresh: said.inherits_identity_on_refresh,
            identity_echo: said.knows_the_echo.then(|| ANSWERED_FOR.to_owned()),
        }
    }

    /// What the client's present process has counted.
    pub(super) async fn client_counts(&mut self) -> Result<Counts, PlayError> {
        match self.ask(Command::State, "tell its state").await? {
            Some(Answer::State(report)) => {
                Ok(Counts { generations: report.generations, destroyed: report.credentials_destroyed })
            }
            _ => Err(PlayError::Client("`state` was not answered with how it is".to_owned())),
        }
    }
}
