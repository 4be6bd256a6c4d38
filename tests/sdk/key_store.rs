//! Key stores that have a bad moment.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mainstay::{
    Secret, Session, State,
    host::{BoxFuture, SecretStore, SecretStoreError, memory::MemorySecretStore},
    test_support::SwitchableSecretStore,
};

use crate::till::{Setup, Till, codes, is_signed_in};

/// B1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_store_that_fails_once_costs_a_moment_and_nothing_else() {
    let errors = [
        SecretStoreError::Unreadable("it threw".to_owned()),
        SecretStoreError::Unavailable,
        SecretStoreError::Locked,
        SecretStoreError::Timeout,
    ];
    for error in errors {
        let keys = SwitchableSecretStore::new();
        let (mut till, _session) = Setup::new().key_store(keys.clone()).signed_in().await;
        let before = till.keepsake().await;
        keys.fail_with(error.clone());
        let session = till.restart().await.unwrap();
        assert!(!is_signed_in(&session), "{error}");
        keys.recover();
        till.pass(Duration::from_secs(2)).await;
        assert!(is_signed_in(&session), "{error}: {:?} {:?}", session.state(), codes(&session));
        assert_eq!(till.keepsake().await, before, "{error}");
        assert_eq!(till.files(|name| name.starts_with("aside-")).await.len(), 0, "{error}");
        assert_eq!(till.prompts(), 1, "{error}");
    }
}

/// A keyring that locks itself, and whose person dismisses the prompt to unlock it.
#[derive(Clone, Default)]
struct Keyring {
    keys: MemorySecretStore,
    seen: Arc<Mutex<Seen>>,
    /// What must not be: it asks again each time.
    forgets: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    is_locked: bool,
    dismissed: bool,
    prompts: u32,
    silent_looks: u32,
}

impl Keyring {
    fn lock(&self, is_locked: bool) {
        self.seen.lock().unwrap().is_locked = is_locked;
    }

    fn prompts(&self) -> u32 {
        self.seen.lock().unwrap().prompts
    }

    fn silent_looks(&self) -> u32 {
        self.seen.lock().unwrap().silent_looks
    }

    fn unless_locked<'a, T: Send + 'a>(
        &self,
        answer: BoxFuture<'a, Result<T, SecretStoreError>>,
    ) -> BoxFuture<'a, Result<T, SecretStoreError>> {
        let mut seen = self.seen.lock().unwrap();
        if !seen.is_locked {
            seen.dismissed = false;
            return answer;
        }
        if seen.dismissed && !self.forgets {
            seen.silent_looks += 1;
        } else {
            seen.prompts += 1;
            seen.dismissed = true;
        }
        Box::pin(std::future::ready(Err(SecretStoreError::Locked)))
    }
}

impl SecretStore for Keyring {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        self.unless_locked(self.keys.load(name))
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.unless_locked(self.keys.store(name, secret))
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.unless_locked(self.keys.remove(name))
    }

    fn ask_again(&self) {
        self.seen.lock().unwrap().dismissed = false;
    }

    fn describe(&self) -> &'static str {
        "a keyring that asks"
    }
}

/// A till that is started while its keyring is locked.
async fn locked_till(keyring: &Keyring) -> (Till, Session) {
    let (mut till, _session) = Setup::new().key_store(keyring.clone()).signed_in().await;
    keyring.lock(true);
    let session = till.restart().await.unwrap();
    assert!(matches!(session.state().state, State::Locked { .. }), "{:?}", session.state());
    (till, session)
}

const HOUR: Duration = Duration::from_secs(3600);

/// 1. The app starts while the keyring is locked: it asks, and the person dismisses that.
/// 2. For an hour the app looks by itself, every half minute, and asks nobody.
/// 3. The person taps: asked once more, dismissed once more, and quiet again.
/// 4. The keyring is unlocked elsewhere: the app goes on by itself within half a minute, and had asked nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyring_prompt_that_was_dismissed_does_not_come_back_before_somebody_taps() {
    let keyring = Keyring::default();
    let (till, session) = locked_till(&keyring).await;
    assert_eq!(keyring.prompts(), 1);
    till.pass(HOUR).await;
    assert_eq!(keyring.prompts(), 1, "{:?}", keyring.silent_looks());
    let looks = keyring.silent_looks();
    assert!((100..1000).contains(&looks), "{looks}");

    till.wait_for(session.try_now()).await.unwrap();
    till.settle().await;
    assert_eq!(keyring.prompts(), 2, "who taps is asked");
    till.pass(HOUR).await;
    assert_eq!(keyring.prompts(), 2);

    keyring.lock(false);
    till.pass(Duration::from_secs(31)).await;
    assert!(is_signed_in(&session), "{:?} {:?}", session.state(), codes(&session));
    till.assert_sells(&session).await;
    assert_eq!((keyring.prompts(), till.prompts()), (2, 1));
}

/// The negative control: what a keyring that does not keep to its contract would do to the person, and this test sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyring_that_forgets_the_dismissal_asks_all_day() {
    let keyring = Keyring { forgets: true, ..Keyring::default() };
    let (till, _session) = locked_till(&keyring).await;
    till.pass(HOUR).await;
    assert!(keyring.prompts() > 100, "{}", keyring.prompts());
}
