//! Makes things happen.

use super::{Ability, Counts, Director, Due, Happening, Order, PlayError, app_data};
use crate::{
    format::{AppStep, DeviceStep, OnOff, PersonStep, What},
    protocol::{Answer, Command, StateName},
};

impl Director<'_> {
    /// Does what is due.
    pub(super) async fn act(&mut self, due: Due) -> Result<(), PlayError> {
        match due {
            Due::Step(place) => match self.incident.steps.get(place) {
                Some(step) => self.step(&step.what).await,
                None => Ok(()),
            },
            Due::NetworkReturns => {
                self.tell(Happening::NetworkReturned);
                self.set_network(true).await
            }
            Due::StartsAgain => {
                self.tell(Happening::StartedAgain);
                self.start_client().await
            }
            Due::Sale => {
                self.sell_again();
                self.sell(1, self.incident.given.app.sale_cents).await
            }
            Due::PersonAnswers { clear_app_data } => self.answer_prompt(clear_app_data).await,
            Due::Expectation(place) => match self.incident.expect.get(place) {
                Some(expect) => self.expect(expect).await,
                None => Ok(()),
            },
            Due::End => Ok(()),
        }
    }

    async fn step(&mut self, what: &What) -> Result<(), PlayError> {
        self.tell(Happening::Step(what.clone()));
        match what {
            What::Server(step) => self.stage.step(step),
            What::App(AppStep::Sell(sell)) => self.sell(sell.count, sell.total_cents).await,
            What::App(AppStep::Call(call)) => {
                for _ in 0..call.count {
                    let (method, path) = (call.method.clone(), call.path.clone());
                    let command = Command::Call { method, path, show: call.show };
                    if self.client.is_some() {
                        self.order(command, Order::Call(call.path.clone())).await?;
                    }
                }
                Ok(())
            }
            What::Person(step) => self.person_step(step).await,
            What::Device(step) => self.device_step(step).await,
        }
    }

    async fn person_step(&mut self, step: &PersonStep) -> Result<(), PlayError> {
        match step {
            PersonStep::SignIn(sign_in) => {
                let person = sign_in.person.clone().unwrap_or_else(|| self.account.person.clone());
                self.account.unasked_sign_ins += u64::from(!self.account.prompt_is_open);
                self.sign_in(person).await
            }
            PersonStep::Dismiss => {
                self.account.prompt_is_open = false;
                self.tap(Command::Dismiss, "dismiss the prompt").await
            }
            PersonStep::TapRetry => self.tap(Command::TapRetry, "try again").await,
            PersonStep::SignOut => self.tap(Command::SignOut, "sign out").await,
        }
    }

    async fn device_step(&mut self, step: &DeviceStep) -> Result<(), PlayError> {
        match step {
            DeviceStep::Network(network) => self.set_network(network.state == OnOff::On).await,
            DeviceStep::Clock(shift) => {
                self.calendar_shift_ms += shift.millis();
                self.tap(Command::Clock { shift_ms: shift.millis() }, "set its calendar").await
            }
            DeviceStep::Kill(kill) => self.kill_when(kill).await,
            DeviceStep::Restart => {
                self.kill_client().await?;
                self.start_client().await
            }
            DeviceStep::ClearAppData => self.clear_app_data().await,
        }
    }

    /// The person does what the prompt asks for, as it stands there.
    async fn answer_prompt(&mut self, clear_app_data: bool) -> Result<(), PlayError> {
        let wanted = matches!(self.account.state.state, StateName::SignInRequired | StateName::SignedOut);
        if !wanted && !clear_app_data {
            return Ok(());
        }
        self.tell(Happening::PersonAnswers { clears_app_data: clear_app_data });
        if clear_app_data {
            self.clear_app_data().await?;
            self.settle().await?;
        }
        self.sign_in(self.account.person.clone()).await
    }

    async fn sign_in(&mut self, person: String) -> Result<(), PlayError> {
        self.account.prompt_is_open = false;
        self.stage.script(&person);
        self.account.person = person;
        self.tap(Command::SignIn, "sign in").await
    }

    /// An order that a person or the device gives: to a client that does not run it means nothing.
    async fn tap(&mut self, command: Command, order: &'static str) -> Result<(), PlayError> {
        if self.client.is_some() {
            self.order(command, Order::Named(order)).await?;
        }
        Ok(())
    }

    pub(super) async fn set_network(&mut self, on: bool) -> Result<(), PlayError> {
        self.network_is_on = on;
        self.tap(Command::Network { on }, "use the network").await
    }

    pub(super) async fn sell(&mut self, count: u32, total_cents: u32) -> Result<(), PlayError> {
        for _ in 0..count {
            let sale = format!("sale-{:04}", self.next_sale);
            self.next_sale += 1;
            self.account.ledger.asked(self.now_ms, &sale);
            self.prices.insert(sale.clone(), (total_cents, self.now_ms));
            self.tell(Happening::Asked { sale: sale.clone(), total_cents });
            if self.client.is_some() {
                self.order(Command::Sell { sale, total_cents }, Order::Named("sell")).await?;
            } else {
                self.account.ledger.became(self.now_ms, &sale, crate::protocol::Outcome::Refused);
            }
        }
        Ok(())
    }

    async fn clear_app_data(&mut self) -> Result<(), PlayError> {
        if self.account.state.state != StateName::SignedOut {
            self.account.past.destroyed += 1;
        }
        self.kill_client().await?;
        app_data::clear(&self.folders.vault)?;
        app_data::clear(&self.folders.app_data)?;
        self.start_client().await
    }

    pub(super) async fn kill_client(&mut self) -> Result<(), PlayError> {
        if self.client.is_none() {
            return Ok(());
        }
        let counts = self.client_counts().await?;
        let (base, past) = (self.account.base, self.account.past);
        self.account.past = Counts {
            generations: past.generations + counts.generations.saturating_sub(base.generations),
            destroyed: past.destroyed + counts.destroyed.saturating_sub(base.destroyed),
        };
        self.account.base = Counts::default();
        if let Some(client) = self.client.take() {
            client.kill().await;
        }
        self.open_orders.clear();
        self.client_deadline_ms = None;
        self.hear_server(u64::MAX);
        self.answers = 0;
        self.account.ledger.set_ability(self.now_ms, Ability::None);
        Ok(())
    }

    /// Asks the client what it would tell people, where its state changed.
    pub(super) async fn explain(&mut self) -> Result<(), PlayError> {
        if std::mem::take(&mut self.explain_state)
            && self.client.is_some()
            && let Some(Answer::Explain(said)) = self.ask(Command::Explain, "explain itself").await?
        {
            self.hear_explanation(said);
        }
        Ok(())
    }
}
