//! The device's parts, and where a negative control takes one of them away.

use std::sync::{Arc, Mutex};

use mainstay::{
    Secret,
    host::{
        BoxFuture, Clock, Files, Lock, SecretStore, SecretStoreError, Transport,
        memory::{MemoryLock, MemorySecretStore},
    },
    test_support::{FaultyFiles, VirtualClock},
};

/// A key store that is open, or not. What is in it can be read all the same, by whoever takes the device apart.
#[derive(Clone, Default)]
pub struct Keys {
    pub inside: MemorySecretStore,
    error: Arc<Mutex<Option<SecretStoreError>>>,
}

impl Keys {
    pub fn set(&self, error: Option<SecretStoreError>) {
        *self.error.lock().unwrap() = error;
    }

    pub fn error(&self) -> Option<SecretStoreError> {
        self.error.lock().unwrap().clone()
    }

    fn unless_closed<'a, T: Send + 'a>(
        &self,
        answer: BoxFuture<'a, Result<T, SecretStoreError>>,
    ) -> BoxFuture<'a, Result<T, SecretStoreError>> {
        match self.error() {
            None => answer,
            Some(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

impl SecretStore for Keys {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        self.unless_closed(self.inside.load(name))
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        if let Some(error) = self.error() {
            return Box::pin(std::future::ready(Err(error)));
        }
        self.inside.store(name, secret)
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        if let Some(error) = self.error() {
            return Box::pin(std::future::ready(Err(error)));
        }
        self.inside.remove(name)
    }

    fn describe(&self) -> &'static str {
        "the adversary's"
    }
}

/// What stands between the SDK and the device, and which habits the app has. As it is: nothing, and good ones.
#[derive(Clone, Copy)]
pub struct Between {
    pub files: fn(FaultyFiles) -> Arc<dyn Files>,
    pub secrets: fn(Keys) -> Arc<dyn SecretStore>,
    pub network: fn(Arc<dyn Transport>) -> Arc<dyn Transport>,
    pub clock: fn(VirtualClock) -> Arc<dyn Clock>,
    pub lock: fn(MemoryLock) -> Arc<dyn Lock>,
    /// Signs out when a call is rejected, as naive apps do.
    pub app_signs_out: bool,
    /// Shows its prompt whenever the state says so, whatever `prompting` says.
    pub app_prompts_by_state: bool,
}

impl Between {
    pub const NOTHING: Self = Self {
        files: |files| Arc::new(files),
        secrets: |keys| Arc::new(keys),
        network: |network| network,
        clock: |clock| Arc::new(clock),
        lock: |lock| Arc::new(lock),
        app_signs_out: false,
        app_prompts_by_state: false,
    };
}
