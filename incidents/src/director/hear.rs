//! What the client says.

use super::{Ability, Client, Director, Due, Happening, Order, PlayError, millis};
use crate::{
    format::PEOPLE,
    protocol::{Answer, Command, Done, Event, Note, Prompt, Said, Sale, StateEvent, Told},
};

impl Director<'_> {
    /// Gives the client an order and forgets about it.
    pub(super) async fn order_client(&mut self, command: Command) -> Result<u64, PlayError> {
        self.running()?.order(command).await
    }

    /// Gives the client an order whose outcome is of interest.
    pub(super) async fn order(&mut self, command: Command, order: Order) -> Result<u64, PlayError> {
        let id = self.order_client(command).await?;
        self.open_orders.insert(id, order);
        Ok(id)
    }

    /// Gives the client an order that it answers at once, and hears the answer.
    pub(super) async fn ask(&mut self, command: Command, order: &'static str) -> Result<Option<Answer>, PlayError> {
        let id = self.order_client(command).await?;
        loop {
            match self.next_event().await? {
                Event::Done(Done { id: answered, error, answer }) if answered == id => {
                    return match error {
                        None => Ok(answer),
                        Some(failure) => {
                            Err(PlayError::Refused { order, code: failure.code, message: failure.message })
                        }
                    };
                }
                event => self.hear(event)?,
            }
        }
    }

    /// The client's next event. What the server answered before it is told first.
    pub(super) async fn next_event(&mut self) -> Result<Event, PlayError> {
        let Told { answers, event } = self.running()?.event().await?;
        if let Some(answers) = answers {
            self.hear_server(answers);
        }
        Ok(event)
    }

    pub(super) fn running(&mut self) -> Result<&mut Client, PlayError> {
        self.client.as_mut().ok_or_else(|| PlayError::Client("it does not run".to_owned()))
    }

    pub(super) fn hear(&mut self, event: Event) -> Result<(), PlayError> {
        match event {
            Event::State(state) => self.hear_state(state),
            Event::Prompt(prompt) => self.hear_prompt(prompt),
            Event::Note(note) => self.hear_note(note),
            Event::Sale(sale) => self.hear_sale(sale),
            Event::Shown(shown) => self.hear_shown(shown.text),
            Event::Done(done) => self.hear_done(done),
        }
        Ok(())
    }

    fn hear_note(&mut self, mut note: Note) {
        note.until_ms = note.until_ms.map(|until| self.since_begin(until));
        self.tell(Happening::Note(note));
    }

    fn hear_state(&mut self, state: StateEvent) {
        self.account.ledger.set_ability(self.now_ms, Ability::of(&state));
        self.account.visited.insert(state.state);
        self.account.asked_to_clear |= asks_to_clear(&state.cashier);
        if self.account.state != state {
            self.explain_state |= self.account.state.state != state.state;
            self.account.state = state.clone();
            let retry_at_ms = state.retry_at_ms.map(|retry| self.since_begin(retry));
            self.tell(Happening::State(StateEvent { retry_at_ms, ..state }));
        }
    }

    fn hear_prompt(&mut self, prompt: Prompt) {
        self.account.prompts += 1;
        self.account.prompt_is_open = true;
        self.account.asked_to_clear |= prompt.asks_to_clear_app_data || asks_to_clear(&prompt.text);
        if let Some(after) = self.incident.given.person.answers_after
            && !self.agenda.person_is_busy()
            && self.began_ms.is_some()
        {
            let clear_app_data = prompt.asks_to_clear_app_data;
            self.agenda.add(self.now_ms + millis(after.0), Due::PersonAnswers { clear_app_data });
        }
        self.tell(Happening::Prompt(prompt));
    }

    fn hear_sale(&mut self, Sale { sale, outcome }: Sale) {
        self.account.ledger.became(self.now_ms, &sale, outcome);
        let (total_cents, asked_ms) = self.prices.get(&sale).copied().unwrap_or((0, self.now_ms));
        let after_ms = self.now_ms - asked_ms;
        self.tell(Happening::Sale { sale, total_cents, outcome, after_ms });
    }

    fn hear_shown(&mut self, text: String) {
        let lower = text.to_lowercase();
        let foreign = PEOPLE.iter().filter(|person| **person != self.account.person && lower.contains(**person));
        self.account.foreign_bytes += foreign.map(|person| u64::try_from(person.len()).unwrap_or(0)).sum::<u64>();
        self.tell(Happening::Shown(text));
    }

    fn hear_done(&mut self, Done { id, error, answer }: Done) {
        let failure = error.map(|failure| (failure.code, failure.message));
        match (self.open_orders.remove(&id), answer, failure) {
            (Some(Order::Call(path)), Some(Answer::Call { status }), _) => {
                self.tell(Happening::Called { path, result: Ok(status) });
            }
            (Some(Order::Call(path)), _, Some((code, _))) => {
                self.tell(Happening::Called { path, result: Err(code) });
            }
            (Some(Order::Named(order)), _, Some((code, message))) => {
                self.tell(Happening::Refused { order, code, message });
            }
            _ => {}
        }
    }

    pub(super) fn hear_explanation(&mut self, said: Said) {
        let texts = [&said.cashier, &said.manager, &said.engineer, &said.next];
        self.account.asked_to_clear |= texts.into_iter().any(|text| asks_to_clear(text));
        self.tell(Happening::Explained(said));
    }
}

/// Whether a text tells somebody to clear or reset anything of the app's: the advice of February 2025.
fn asks_to_clear(text: &str) -> bool {
    let text = text.to_lowercase();
    let verb = ["clear", "delete", "wipe", "erase", "reinstall"].iter().any(|verb| text.contains(verb));
    verb && (text.contains("data") || text.contains("app") || text.contains("storage"))
}

#[cfg(test)]
mod tests {
    use super::asks_to_clear;

    #[test]
    fn the_advice_of_2025_is_recognised_in_other_words_too() {
        for advice in ["Please clear the app's data.", "Delete app data and sign in", "Reinstall the app"] {
            assert!(asks_to_clear(advice), "{advice}");
        }
        for fine in ["Sign in once more; nothing is lost.", "All data is safe.", "The app works offline."] {
            assert!(!asks_to_clear(fine), "{fine}");
        }
    }
}
