//! What the servers see: how often they are asked (P6, P7), and what their answers name and accept.

use super::*;

impl Book {
    pub fn too_many(&mut self) {
        self.break_promise(Promise::P7, "requests without end");
    }

    pub fn requested(&mut self, asked: &mut Asked, now: u64) -> u64 {
        asked.at = now;
        self.sent += 1;
        self.coverage.requests += 1;
        if self.story.is_some() {
            let Asked { process, place, own, access, refresh, .. } = &*asked;
            let whose = if *own { "sdk" } else { "app" };
            self.tell(format!("{now} process {process} {whose} asks {place:?} {access:?} {refresh:?}"));
        }
        if asked.refresh.is_some() && asked.place == Place::Refresh {
            self.one_refresh_at_a_time(asked);
            self.pace(asked, now);
        }
        if asked.own && asked.place != Place::Code {
            self.count_own(asked.place, now);
        }
        self.in_flight.insert(self.sent, (asked.clone(), false));
        self.sent
    }

    /// P6: one refresh at a time per account, across tasks and processes.
    fn one_refresh_at_a_time(&mut self, asked: &Asked) {
        let same = |(other, _): &&(Asked, bool)| {
            other.place == Place::Refresh && other.refresh.is_some() && other.asker == asked.asker
        };
        if let Some((other, _)) = self.in_flight.values().find(same) {
            let how = format!("two refreshes at once, sent at {} and {}", other.at, asked.at);
            self.break_promise(Promise::P6, how);
        }
    }

    /// P6: a caller that goes away cancels no refresh.
    pub fn gone(&mut self, asked: &Asked, sent: u64, now: u64) {
        let Some((_, delivered)) = self.in_flight.remove(&sent) else { return };
        let own = asked.refresh.is_some() && asked.place == Place::Refresh;
        let in_time = now < asked.at + 29_000;
        if own && !delivered && in_time && !self.dying.contains(&asked.process) {
            self.break_promise(Promise::P6, "a refresh was given up before its time");
        }
    }

    /// P7: after a failure automatic token requests are 20 s apart, but for the second of a gathering, 12 an hour beside
    /// those that brought tokens, and none while the server asked to be left alone.
    fn pace(&mut self, asked: &Asked, now: u64) {
        let Some(asker) = asked.asker.clone() else { return };
        forget(&mut self.starts, now);
        if asked.audience.is_some() || now <= self.person_until {
            return;
        }
        let number = self.sent;
        self.calls.push_back(Call { number, at: now, asker: asker.clone(), brought_tokens: false });
        while self.calls.front().is_some_and(|call| call.at + HOUR <= now) {
            self.calls.pop_front();
        }
        let accounts = self.seats.len().max(1);
        let processes = if now < self.two_until { 2 } else { 1 };
        let slack = accounts + 2 * self.starts.len();
        let (good, bad): (Vec<_>, Vec<_>) =
            self.calls.iter().filter(|call| call.number != number).partition(|call| call.brought_tokens);
        if bad.len() > 12 * processes + good.len() + slack {
            let how = format!("{} token requests in an hour came to nothing, {} brought tokens", bad.len(), good.len());
            return self.break_promise(Promise::P7, how);
        }
        if self.calls.len() > 200 * accounts * processes {
            return self.break_promise(Promise::P7, format!("{} token requests in an hour", self.calls.len()));
        }
        let close = self.calls.iter().filter(|call| call.asker == asker && call.at + 19_000 > now);
        let close = close.filter(|call| !call.brought_tokens).count();
        if close > 2 * processes + self.starts.len() {
            return self.break_promise(Promise::P7, format!("{close} token requests within 20 s"));
        }
        let starts = self.starts.iter().filter(|at| **at + 5 * MINUTE > now).count();
        let seat = self.seat(&asker);
        if seat.told_to_wait.is_some_and(|(from, until)| from < now && now + 1000 < until) {
            seat.calls_while_told += 1;
            let calls = usize::try_from(seat.calls_while_told).unwrap();
            if calls > processes + starts {
                self.break_promise(Promise::P7, format!("{calls} calls although the server asked to wait"));
            }
        }
    }

    /// P7: everything else that the SDK asks by itself has a bound as well.
    fn count_own(&mut self, place: Place, now: u64) {
        forget(&mut self.arrivals, now);
        let accounts = self.seats.len().max(1);
        let processes = if now < self.two_until { 2 } else { 1 };
        let lately = self.own_requests.entry(place).or_default();
        lately.push_back(now);
        forget(lately, now);
        let many = lately.len();
        let slack = 8 * self.starts.len() + if now <= self.person_until + HOUR { 40 } else { 0 };
        let most = processes * accounts * (150 + 2 * self.arrivals.len()) + slack;
        if many > most {
            self.break_promise(Promise::P7, format!("{many} requests to {place:?} in an hour"));
        }
    }

    /// Tokens that came some other way.
    pub fn issued(&mut self, asker: &str, now: u64) {
        self.arrivals.push_back(now);
        self.seat(asker).has_refresh_token = true;
    }

    pub fn delivered(&mut self, asked: &Asked, came: &Came, now: u64) {
        if let Some((_, delivered)) = self.in_flight.get_mut(&self.latest_of(asked)) {
            *delivered = true;
        }
        if self.story.is_some() {
            let Came { status, row, naming, access, refresh, .. } = came;
            let place = asked.place;
            self.tell(format!("{now}   {place:?} answers {status} {row:?} {naming:?} {access:?} {refresh:?}"));
        }
        self.cover(asked, came, now);
        match asked.place {
            Place::Refresh | Place::Code => self.tokens_came(asked, came, now),
            Place::Who | Place::Api => self.resource_answered(asked, came, now),
            _ => {}
        }
    }

    fn latest_of(&self, asked: &Asked) -> u64 {
        let same = |(other, delivered): &(Asked, bool)| {
            let same_token = other.refresh == asked.refresh && other.access == asked.access;
            !delivered && same_token && (other.at, other.place, other.process) == (asked.at, asked.place, asked.process)
        };
        self.in_flight.iter().find(|(_, it)| same(it)).map_or(0, |(sent, _)| *sent)
    }

    fn tokens_came(&mut self, asked: &Asked, came: &Came, now: u64) {
        let asker = asked.asker.clone();
        if let Some(access) = &came.access {
            let issued_to = asker.clone().unwrap_or_default();
            if came.naming != Naming::Nobody {
                self.name(access, came.naming.clone(), now);
            }
            if let Some(seat) = self.seats.get_mut(&issued_to) {
                seat.has_refresh_token |= came.refresh.is_some();
                seat.refused_at = None;
                seat.told_to_wait = None;
                seat.unreasoned.clear();
            }
            self.arrivals.push_back(now);
        }
        if asked.refresh.is_none() && came.access.is_some() && came.refresh.is_none() {
            // Whoever that was: a session without a refresh token.
            self.seats.values_mut().for_each(|seat| seat.has_refresh_token = false);
        }
        let Some(asker) = asker.filter(|_| asked.refresh.is_some()) else {
            if let (Some(_), Naming::Subject(subject)) = (&came.access, &came.naming) {
                let has = came.refresh.is_some();
                self.seat(&subject.clone()).has_refresh_token = has;
            }
            return;
        };
        if came.access.is_some() {
            let at = self.calls.iter_mut().rev().find(|call| call.asker == asker && call.at == asked.at);
            at.into_iter().for_each(|call| call.brought_tokens = true);
        } else if asked.audience.is_some() {
            forget(&mut self.audience_failures, now);
            self.audience_failures.push_back(now);
            let most = 13 * 2 * (1 + self.starts.len());
            if self.audience_failures.len() > most {
                self.break_promise(Promise::P7, "requests for other audiences fail more than 12 times an hour");
            }
        }
        let automatic = now > self.person_until && asked.audience.is_none();
        let seat = self.seat(&asker);
        if came.access.is_none() {
            let trouble = matches!(
                came.row,
                Some(Row::SaysTrouble | Row::TooMany | Row::Broken | Row::TryAgain | Row::Redirect | Row::Unreasoned)
            );
            if let Some(wait) =
                came.retry_after.filter(|wait| automatic && trouble && *wait >= 60 && came.status >= 300)
            {
                seat.told_to_wait = Some((now, now + wait * 1000));
                seat.calls_while_told = 0;
            }
            match came.row {
                Some(Row::InvalidGrant | Row::InvalidScope) => {
                    seat.refused_at = Some(now);
                    seat.ever_refused = true;
                }
                Some(Row::Unreasoned) => seat.unreasoned.push(now),
                _ => {}
            }
        }
    }

    fn resource_answered(&mut self, asked: &Asked, came: &Came, now: u64) {
        let Some(access) = &asked.access else { return };
        if came.is_success() && !came.cached {
            // An address that is no probe says nothing about whose the token is.
            if asked.place == Place::Who && (asked.own || self.deployment.asks == Asks::WhoAmI) {
                match &came.naming {
                    Naming::Nobody => {}
                    // A subject that is no name is not the pinned one, and credentials that nobody vouched for may go with it
                    // (DESIGN.md section 4, P5: absent never equals absent). It is no name to be held against, either.
                    Naming::Unusable => {
                        self.foreign.insert(access.clone());
                    }
                    naming => self.name(access, naming.clone(), now),
                }
            }
            if let Some(asker) = &asked.asker {
                self.accepted.insert(access.clone(), asker.clone());
                self.seat(&asker.clone()).end_episode();
            }
        }
        if self.deployment.echoes && came.echo.is_some() && came.echo != asked.asker {
            self.name(access, Naming::Subject(came.echo.clone().unwrap_or_default()), now);
        }
    }

    fn name(&mut self, token: &str, naming: Naming, now: u64) {
        if matches!(&naming, Naming::Subject(subject) if subject == answers::STRANGER) || naming == Naming::Elsewhere {
            self.foreign.insert(token.to_owned());
        }
        self.namings.entry(token.to_owned()).or_default().push((now, naming));
    }

    // ---- coverage ----------------------------------------------------------------------------------------------

    fn cover(&mut self, asked: &Asked, came: &Came, now: u64) {
        let Some(asker) = asked.asker.clone() else { return };
        let state = self.state_of(asked.process, &asker);
        let resource = matches!(asked.place, Place::Who | Place::Api);
        if asked.place == Place::Code || asked.audience.is_some() {
            return;
        }
        if let (Some(row), Some(state)) = (came.row, state) {
            self.coverage.count(row, state);
        }
        if !resource {
            return;
        }
        let rejected = matches!(came.row, Some(Row::InvalidToken | Row::BareUnauthorized | Row::Legacy));
        if let Some(state) = state {
            if rejected && now < asked.issued_at + 2 * MINUTE {
                self.coverage.count(Row::FreshRejected, state);
            }
            if came.is_success() && matches!(&came.naming, Naming::Subject(subject) if *subject != asker) {
                self.coverage.count(Row::NamedStranger, state);
            }
        }
        let signal = if rejected { Some(Row::NeighbourRejected) } else { None };
        let signal = signal.or((came.is_success() && !came.cached).then_some(Row::NeighbourAccepted));
        if let Some(row) = signal {
            self.cover_neighbours(asked.process, &asker, row);
        }
    }

    fn cover_neighbours(&mut self, process: u32, asker: &str, row: Row) {
        let others = self.shown.iter().filter(|shown| shown.process == process);
        let others = others.filter(|shown| shown.subject.as_deref() != Some(asker));
        let states: Vec<_> = others.map(|shown| shown.session.state().state.name()).collect();
        states.into_iter().for_each(|state| self.coverage.count(row, state));
    }

    /// What the app reports by itself.
    pub fn reported(&mut self, row: Row, state: &'static str) {
        self.coverage.count(row, state);
    }

    fn state_of(&self, process: u32, subject: &str) -> Option<&'static str> {
        let mut of_process = self.shown.iter().filter(|shown| shown.process == process);
        let theirs = of_process.find(|shown| shown.subject.as_deref() == Some(subject));
        theirs.map(|shown| shown.session.state().state.name())
    }
}
