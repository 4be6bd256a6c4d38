//! Everything that can be seen between two actions.

use super::*;

impl World {
    /// Hears of every state of every session from its first on.
    pub(super) fn watch_sessions(&mut self) {
        let (book, clock, activity) = (Arc::clone(&self.book), self.clock.clone(), self.activity.clone());
        let by_state = self.between.app_prompts_by_state;
        for running in &mut self.running {
            let sessions = running.client.sessions();
            for (number, session) in sessions.iter().enumerate().skip(running.watched) {
                book.lock().unwrap().shows(running.number, session);
                let (book, clock, process) = (Arc::clone(&book), clock.clone(), running.number);
                let mut states = session.states();
                let wanting = Arc::clone(&self.wanting);
                let watched = session.clone();
                running.host.spawn.spawn(
                    "watch",
                    Box::pin(activity.follow(async move {
                        while let Some(mut state) = states.next().await {
                            if by_state {
                                state.prompting =
                                    matches!(state.state, State::SignInRequired { .. } | State::Holding { .. });
                            }
                            let now = u64::try_from(clock.monotonic().as_millis()).unwrap();
                            book.lock().unwrap().state_seen(process, number, state, now);
                            let subject = watched.identity().and_then(|identity| identity.subject).unwrap_or_default();
                            note_wanting(&mut wanting.lock().unwrap(), &subject, &state.state, now);
                        }
                    })),
                );
            }
            running.watched = sessions.len();
        }
    }

    /// Everything that can be seen between two actions.
    pub async fn observe(&mut self) {
        self.settle().await;
        self.watch_sessions();
        self.book().coverage.checks += 1;
        let (now, lied) = (self.now(), self.clock_lied);
        let wanting = self.wanting.lock().unwrap().clone();
        let long_gap = self.long_gap;
        let over = |since: u64| lied || now >= since + MONTH * 1000;
        let limit = |subject: &str| long_gap || wanting.iter().any(|(who, since)| who == subject && over(*since));
        self.seen.look(&self.files, Survivors::Everything, &self.keys, &self.clock, &self.book, limit).await;
        for running in &mut self.running {
            if running.process.has_panicked().await {
                let how = "a task has panicked: nothing plans a way out any more";
                self.book.lock().unwrap().break_promise(Promise::P12, how);
            }
            let said = format!("{:?} {:?}", running.client, self.old_token);
            ears::listen(&self.overheard, &said);
            for (number, session) in running.client.sessions().iter().enumerate() {
                let (state, said) = (session.state(), session.explain());
                let shown =
                    format!("{session:?} {state:?} {said:?} {:?} {:?}", session.offline_permit(), session.identity());
                ears::listen(&self.overheard, &shown);
                let mut book = self.book.lock().unwrap();
                identities_stay(&mut book, &mut running.pins, number, session, &self.signed_in);
                let finite = matches!(state.state, State::SignedOut { .. });
                let nobody = matches!(state.state, State::SignInRequired { .. }) && state.generation.is_none();
                if !finite && !nobody && self.clock.next_deadline().is_none() {
                    book.break_promise(Promise::P12, format!("{:?} waits for nothing", state.state));
                }
            }
        }
        self.nobody_vanished();
        let late = |(started, ended): &(u64, bool)| !ended && started + LONGEST_CALL < now;
        let calls: Vec<_> = self.calls.lock().unwrap().iter().filter(|call| late(call)).copied().collect();
        if let Some((started, _)) = calls.first() {
            self.broken(Promise::P12, format!("a call of the app has waited since {started}, and now it is {now}"));
        }
        if let Some(said) = self.overheard.lock().unwrap().take() {
            self.broken(Promise::P11, format!("a secret is told: {said}"));
        }
    }

    /// P10: who was signed in is signed in, or the session says what is wrong. Never nobody.
    fn nobody_vanished(&self) {
        let sessions = self.sessions();
        let unclear = |session: &Session| {
            let state = session.state().state;
            let waits = matches!(state, State::Starting | State::Locked { .. } | State::SignInRequired { .. });
            session.identity().is_none() && waits
        };
        let left_out = sessions.iter().filter(|session| unclear(session)).count();
        let missing: Vec<_> = self.signed_in.iter().filter(|person| self.session_of(person).is_none()).collect();
        let asked = self.book().signed_out.clone();
        let missing: Vec<_> = missing.into_iter().filter(|person| !asked.contains(*person)).collect();
        if missing.len() > left_out && !self.running.is_empty() {
            let states: Vec<_> = sessions.iter().map(|session| session.state().state).collect();
            self.broken(Promise::P10, format!("{missing:?} signed in here, and is nobody now: {states:?}"));
        }
        for person in PEOPLE {
            let theirs = sessions
                .iter()
                .filter(|session| session.identity().and_then(|identity| identity.subject).as_deref() == Some(person));
            if theirs.count() > 1 {
                self.broken(Promise::P5, format!("{person} has two sessions"));
            }
        }
    }
}

fn note_wanting(wanting: &mut Vec<(String, u64)>, subject: &str, state: &State, now: u64) {
    let wants = matches!(state, State::SignInRequired { .. });
    let known = wanting.iter().any(|(who, _)| who == subject);
    match (wants, known) {
        (true, false) => wanting.push((subject.to_owned(), now)),
        (false, true) if !matches!(state, State::Starting | State::Locked { .. }) => {
            wanting.retain(|(who, _)| who != subject);
        }
        _ => {}
    }
}

/// P5: whose session it is does not change, but by signing out.
fn identities_stay(
    book: &mut Book,
    pins: &mut Vec<Option<String>>,
    number: usize,
    session: &Session,
    signed_in: &[String],
) {
    pins.resize(pins.len().max(number + 1), None);
    let subject = session.identity().and_then(|identity| identity.subject);
    let changed = pins[number]
        .as_ref()
        .is_some_and(|pinned| subject.as_ref().is_some_and(|subject| subject != pinned) && signed_in.contains(pinned));
    if changed && !book.signed_out.contains(pins[number].as_deref().unwrap_or_default()) {
        book.break_promise(Promise::P5, format!("the session of {:?} is {subject:?}'s now", pins[number]));
    }
    if subject.is_some() {
        pins[number] = subject;
    }
}
