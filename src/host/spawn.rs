//! Futures, tasks and random bytes.

use std::{future::Future, pin::Pin};

/// `Send`, unless the `single-threaded` feature is on: then nothing.
#[cfg(not(feature = "single-threaded"))]
pub trait MaybeSend: Send {}
#[cfg(not(feature = "single-threaded"))]
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Send`, unless the `single-threaded` feature is on: then nothing.
#[cfg(feature = "single-threaded")]
pub trait MaybeSend {}
#[cfg(feature = "single-threaded")]
impl<T: ?Sized> MaybeSend for T {}

/// `Send + Sync`, unless the `single-threaded` feature is on: then nothing.
#[cfg(not(feature = "single-threaded"))]
pub trait MaybeSendSync: Send + Sync {}
#[cfg(not(feature = "single-threaded"))]
impl<T: Send + Sync + ?Sized> MaybeSendSync for T {}

/// `Send + Sync`, unless the `single-threaded` feature is on: then nothing.
#[cfg(feature = "single-threaded")]
pub trait MaybeSendSync {}
#[cfg(feature = "single-threaded")]
impl<T: ?Sized> MaybeSendSync for T {}

/// A boxed future, `Send` unless the `single-threaded` feature is on.
#[cfg(not(feature = "single-threaded"))]
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A boxed future, `Send` unless the `single-threaded` feature is on.
#[cfg(feature = "single-threaded")]
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Runs tasks to their end, whatever becomes of the caller: a refresh outlives the call that asked for it (P6).
pub trait Spawn: MaybeSendSync {
    /// Starts `task`. `name` is for logs and debuggers.
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>);

    /// Whether tasks run here: not in a process that was forked after this was made, for the threads that run them stayed
    /// in its parent. Asked at every call of the app, so it has to be cheap.
    #[inline]
    fn runs_here(&self) -> bool {
        true
    }
}

/// Draws random bytes, fit for keys.
pub trait Entropy: MaybeSendSync {
    /// Fills `buffer` with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}
