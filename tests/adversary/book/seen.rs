//! What the app sees: states, prompts, tokens and answers (P3, P4, P5, P9).

use super::*;

impl Book {
    pub fn shows(&mut self, process: u32, session: &mainstay::Session) {
        self.shown.push(Shown { process, session: session.clone(), subject: None, before: None });
    }

    /// A state as the app sees it. `number` is the session's place among those of its process.
    pub fn state_seen(&mut self, process: u32, number: usize, state: SessionState, now: u64) {
        let Some(shown) = self.shown.iter_mut().filter(|shown| shown.process == process).nth(number) else { return };
        let before = shown.before.replace(state);
        if let Some(subject) = shown.session.identity().and_then(|identity| identity.subject) {
            shown.subject = Some(subject);
        }
        let subject = shown.subject.clone();
        if let State::SignedOut { .. } = state.state {
            shown.subject = None;
        }
        if self.story.is_some() {
            self.tell(format!(
                "{now} process {process} shows {subject:?} {:?} prompting {}",
                state.state, state.prompting
            ));
        }
        let Some(subject) = subject else { return };
        self.p3_only_a_sign_out_ends_a_session(&subject, before, state);
        self.p4_trouble_shows_no_sign_in_screen(&subject, before, state, now);
        self.p9_one_prompt_per_episode(process, &subject, before, state);
    }

    fn p3_only_a_sign_out_ends_a_session(&mut self, subject: &str, before: Option<SessionState>, state: SessionState) {
        if let State::SignedOut { reason } = state.state
            && !self.signed_out.contains(subject)
            && !(reason == mainstay::SignedOutReason::OtherProcess && self.ever_signed_out.contains(subject))
        {
            let how = format!("{:?} ended as {reason:?}, and nobody asked for it", before.map(|it| it.state));
            self.break_promise(Promise::P3, how);
        }
    }

    /// P4: what shows a sign-in screen is a refusal with a reason, six without one, or nothing to renew with.
    fn p4_trouble_shows_no_sign_in_screen(
        &mut self,
        subject: &str,
        before: Option<SessionState>,
        state: SessionState,
        now: u64,
    ) {
        let required = |state: &State| matches!(state, State::SignInRequired { .. });
        let was = before.map(|before| before.state);
        let from_quarantine = matches!(was, Some(State::Quarantined { .. }));
        if !required(&state.state) || was.is_none_or(|was| required(&was)) || from_quarantine {
            return;
        }
        let two = now < self.two_until;
        let seat = self.seat(subject);
        let long = seat
            .unreasoned
            .last()
            .zip(seat.unreasoned.first())
            .is_some_and(|(last, first)| last - first >= 30 * MINUTE);
        let excused = seat.refused_at.is_some() || (seat.unreasoned.len() >= 6 && long) || !seat.has_refresh_token;
        // What was stored before the process started is judged when it happened.
        let restored = matches!(was, Some(State::Starting | State::Locked { .. }));
        if !(excused || restored || two && seat.ever_refused) {
            self.break_promise(
                Promise::P4,
                format!("{:?} after {was:?}, and nobody refused the refresh token", state.state),
            );
        }
    }

    /// P9: one prompt per account and episode, whichever process shows it, and none but in `SignInRequired`.
    fn p9_one_prompt_per_episode(
        &mut self,
        process: u32,
        subject: &str,
        before: Option<SessionState>,
        state: SessionState,
    ) {
        if state.prompting && !matches!(state.state, State::SignInRequired { .. }) {
            return self.break_promise(Promise::P9, format!("a prompt in {}", state.state.name()));
        }
        let seat = self.seat(subject);
        if !state.prompting {
            seat.prompting.remove(&process);
            return;
        }
        if before.is_some_and(|before| before.prompting) || !seat.prompting.insert(process) {
            return;
        }
        let at_once = seat.prompting.len();
        seat.prompts += u32::from(!std::mem::take(&mut seat.orphaned));
        let prompts = seat.prompts;
        if at_once > 1 || prompts > 1 {
            let how = format!("{prompts} prompts in one episode, {at_once} of them at once");
            self.break_promise(Promise::P9, how);
        }
    }

    /// P5: a token in the app's hands, under the identity `pinned`.
    pub fn handed_out(&mut self, token: &str, pinned: &str, now: u64) {
        let namings = self.namings.get(token).map(Vec::as_slice).unwrap_or_default();
        let own = |naming: &Naming| matches!(naming, Naming::Subject(subject) if subject == pinned);
        let latest = namings.iter().rev().find(|(at, _)| *at < now || own(&namings[namings.len() - 1].1));
        if let Some((_, naming)) = latest
            && !own(naming)
        {
            let how = format!("a token that names {naming:?} is handed out under {pinned}");
            return self.break_promise(Promise::P5, how);
        }
        let asks = matches!(self.deployment.asks, Asks::WhoAmI | Asks::Userinfo) || !self.deployment.inherits;
        let vouched = namings.iter().any(|(_, naming)| own(naming));
        if asks && !self.deployment.inherits && !vouched {
            self.break_promise(Promise::P5, format!("a token that nobody vouched for is handed out under {pinned}"));
        }
    }

    /// P5: an answer in the app's hands.
    pub fn released(&mut self, response: &Response<bytes::Bytes>, who_am_i: bool, pinned: &str) {
        if !response.status().is_success() {
            return;
        }
        if self.deployment.echoes {
            let echo = response.headers().get(answers::ECHO).and_then(|echo| echo.to_str().ok());
            if echo != Some(pinned) {
                self.break_promise(Promise::P5, format!("an answer for {echo:?} is released to {pinned}"));
            }
        }
        let foreign = response.body().windows(11).any(|window| window == b"\"sub\":\"eve\"");
        let doubled = response.body().windows(8).filter(|window| window.starts_with(b"\"sub\":")).count() > 1;
        // A cached copy proves nothing, in either direction.
        let cached = response.headers().contains_key("age") || response.headers().contains_key(answers::CACHED);
        if who_am_i
            && foreign
            && !doubled
            && !cached
            && pinned != answers::STRANGER
            && self.deployment.asks == Asks::WhoAmI
        {
            self.break_promise(Promise::P5, format!("what is about a stranger is released to {pinned}"));
        }
    }
}
