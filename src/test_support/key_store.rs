//! A key store that can be locked, taken away and broken.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    Secret,
    host::{BoxFuture, SecretStore, SecretStoreError, memory::MemorySecretStore},
};

/// A [`MemorySecretStore`] that answers with an error as long as it is told to. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct SwitchableSecretStore {
    inner: MemorySecretStore,
    error: Arc<Mutex<Option<SecretStoreError>>>,
}

impl SwitchableSecretStore {
    /// An open, empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers every call with `error` from now on.
    pub fn fail_with(&self, error: SecretStoreError) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Works again.
    pub fn recover(&self) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn unless_failing<'a, T: crate::host::MaybeSend + 'a>(
        &self,
        answer: BoxFuture<'a, Result<T, SecretStoreError>>,
    ) -> BoxFuture<'a, Result<T, SecretStoreError>> {
        match self.error.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            None => answer,
            Some(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

impl SecretStore for SwitchableSecretStore {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        self.unless_failing(self.inner.load(name))
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        let (inner, name) = (self.inner.clone(), name.to_owned());
        self.unless_failing(Box::pin(async move { inner.store(&name, secret).await }))
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        let (inner, name) = (self.inner.clone(), name.to_owned());
        self.unless_failing(Box::pin(async move { inner.remove(&name).await }))
    }

    fn describe(&self) -> &'static str {
        "test store"
    }
}
