//! What people do, and that whoever wants to sign in can (P13).

use super::*;

impl World {
    pub fn sessions(&self) -> Vec<Session> {
        self.running.first().map(|running| running.client.sessions()).unwrap_or_default()
    }

    /// The session of somebody in the first process.
    pub fn session_of(&self, person: &str) -> Option<Session> {
        let theirs =
            |session: &Session| session.identity().and_then(|identity| identity.subject).as_deref() == Some(person);
        self.sessions().into_iter().find(theirs)
    }

    pub(super) async fn person(&mut self, person: &str, act: Person) {
        let now = self.now();
        match act {
            Person::SignsIn { fair, browser } => self.sign_in(person, fair, browser).await,
            Person::TriesNow => {
                let Some(session) = self.session_of(person) else { return };
                self.book().person(now);
                match self.wait_for(session.try_now(), 5).await {
                    Some(Ok(())) => {}
                    Some(Err(Error::TryLater { retry_after, .. })) if retry_after <= 60 * SECOND => {}
                    other => self.broken(Promise::P13, format!("trying now came to {other:?}")),
                }
            }
            Person::Dismisses => {
                if let Some(session) = self.session_of(person) {
                    session.dismiss_prompt();
                }
            }
            Person::SignsOut => {
                let Some(session) = self.session_of(person) else { return };
                self.book().signed_out.insert(person.to_owned());
                self.book().ever_signed_out.insert(person.to_owned());
                match self.wait_for(session.sign_out(), 5).await {
                    Some(Ok(())) => self.signed_in.retain(|signed_in| signed_in != person),
                    // The disk refused: still signed in. How much of it was written is not known.
                    Some(Err(Error::TryLater { .. } | Error::VaultLocked)) => {}
                    other => self.broken(Promise::P3, format!("signing out came to {other:?}")),
                }
            }
        }
    }

    /// Somebody signs in. If it is `fair`, nothing stands in the way, and it has to work (P13).
    pub async fn sign_in(&mut self, person: &str, fair: bool, browser: Browser) {
        let (moods, network) = (self.server.moods(), self.server.has_network());
        let key_store = self.keys.error();
        if fair {
            drop(self.server.recover());
            self.server.set_network(true);
            self.files.set_full(false);
            self.keys.set(None);
            self.wait_until_open().await;
        }
        let session = self.session_of(person);
        let person_signs = if browser == Browser::Stranger && session.is_some() { STRANGER } else { person };
        let visit =
            Visit { server: self.server.clone(), clock: self.clock.clone(), person: person_signs.to_owned(), browser };
        let right = matches!(browser, Browser::Right | Browser::Slow(90)) && (person_signs == person);
        for _ in 0..4 {
            let now = self.now();
            self.book().person(now);
            let was_out = self.book().signed_out.remove(person);
            let Some(client) = self.running.first().map(|running| running.client.clone()) else { return };
            let answer = match &session {
                Some(session) => self.wait_for(session.sign_in_again(&visit), 60).await,
                None => self.wait_for(client.sign_in(&visit), 60).await.map(|session| session.map(drop)),
            };
            let now = self.now();
            self.book().person(now);
            self.book().tell(format!("{now} signing in came to {answer:?}"));
            if was_out && answer != Some(Ok(())) {
                self.book().signed_out.insert(person.to_owned());
            }
            match answer {
                Some(Ok(())) if person_signs == STRANGER => {
                    self.broken(Promise::P5, "a stranger's sign-in is taken for the pinned person's");
                }
                Some(Ok(())) => {
                    self.book().signed_in(person);
                    self.watch_sessions();
                    if !self.signed_in.iter().any(|known| known == person) && self.session_of(person).is_some() {
                        self.signed_in.push(person.to_owned());
                    }
                }
                Some(Err(Error::TryLater { cause: None, retry_after })) if fair && right => {
                    if retry_after > 60 * SECOND {
                        self.broken(Promise::P13, format!("somebody who wants to sign in has to wait {retry_after:?}"));
                    }
                    // The countdown of the tap limit.
                    self.pass(retry_after.as_secs() + 1).await;
                    continue;
                }
                None => self.broken(Promise::P13, "a sign-in never ends"),
                Some(Err(Error::Internal(why))) => self.broken(Promise::P13, why),
                Some(Err(error)) if fair && right => {
                    let states: Vec<_> = self.sessions().iter().map(|session| session.state().state).collect();
                    self.broken(
                        Promise::P13,
                        format!("nothing stands in the way, and signing in fails: {error}; {states:?}"),
                    );
                }
                Some(Err(_)) => {}
            }
            break;
        }
        if fair {
            self.settle().await;
            self.server.restore(moods);
            self.server.set_network(network);
            self.keys.set(key_store);
        }
    }

    /// A locked vault is tried again by itself.
    async fn wait_until_open(&self) {
        for _ in 0..40 {
            let closed = |session: &Session| matches!(session.state().state, State::Starting | State::Locked { .. });
            if !self.sessions().iter().any(closed) {
                return;
            }
            self.pass(30).await;
        }
        self.broken(Promise::P12, "the key store has been open for twenty minutes, and the vault is not");
    }
}

/// A person in front of the authorization server's page.
struct Visit {
    server: Adversary,
    clock: VirtualClock,
    person: String,
    browser: Browser,
}

impl BrowserTrait for Visit {
    fn visit(&self, url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        Box::pin(async move {
            if let Browser::Slow(seconds) = self.browser {
                self.clock.sleep_until(self.clock.monotonic() + Duration::from_secs(seconds)).await;
            }
            if self.browser == Browser::Cancels {
                return Err(BrowserError::Cancelled);
            }
            let of = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            let code = self.server.code_for(&self.person, &of("nonce").unwrap_or_default());
            let mut back = Url::parse(&of("redirect_uri").unwrap()).unwrap();
            let state = if self.browser == Browser::WrongState { Some("another".to_owned()) } else { of("state") };
            let issuer = if self.browser == Browser::WrongIssuer { "https://other.example" } else { ISSUER };
            let pairs = [("code", code), ("state", state.unwrap_or_default()), ("iss", issuer.to_owned())];
            back.query_pairs_mut().extend_pairs(pairs);
            Ok(back)
        })
    }
}

/// The app's own way to new credentials: now well, now not, and once in a while somebody else's.
pub(super) struct Provider(pub(super) Adversary);

impl CredentialProvider for Provider {
    fn supply(&self, subject: Option<&str>) -> BoxFuture<'_, Result<ImportedTokens, ProviderError>> {
        let given = self.0.provide(subject.unwrap_or(PEOPLE[0]));
        Box::pin(std::future::ready(given))
    }
}
