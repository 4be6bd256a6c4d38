//! Systems that have one.
#![expect(unsafe_code, reason = "only the C library can run something in a child before anything else does")]

use std::{
    fs::File,
    mem::ManuallyDrop,
    os::fd::{AsRawFd, RawFd},
    sync::{
        Once,
        atomic::{AtomicI32, AtomicU32, Ordering},
    },
};

/// How many forks lie between this process and the one that was started.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// What a child closes: more descriptors than any process has locks.
static SHARED: [AtomicI32; 256] = [const { AtomicI32::new(FREE) }; 256];
const FREE: RawFd = -1;

/// Differs in a forked child from what it was in its parent. Costs a load.
pub(in crate::native) fn this_process() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// From now on a forked child notices that it is one.
pub(in crate::native) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // SAFETY: the handler lives as long as the process. It touches atomics and closes descriptors, which is what a
        // child of a process with threads may do.
        let failed = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        if failed != 0 {
            tracing::error!(name: "fork.not_watched", failed);
        }
    });
}

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    for shared in &SHARED {
        let descriptor = shared.swap(FREE, Ordering::Relaxed);
        if descriptor != FREE {
            // SAFETY: it is open, because whoever closes it takes it out of the table first; and no `NotInherited` of this
            // process closes it again.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// A locked file, or one that is about to be, which no forked child shares. (A fork in the instant between opening the
/// file and this goes unnoticed; the lock is then the child's as well until the parent lets go of it.)
#[derive(Debug)]
pub(in crate::native) struct NotInherited {
    file: ManuallyDrop<File>,
    process: u32,
    slot: Option<&'static AtomicI32>,
}

impl NotInherited {
    pub(in crate::native) fn new(file: File) -> Self {
        watch();
        let process = this_process();
        let descriptor = file.as_raw_fd();
        let takes =
            |slot: &&AtomicI32| slot.compare_exchange(FREE, descriptor, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        Self { file: ManuallyDrop::new(file), process, slot: SHARED.iter().find(takes) }
    }

    pub(in crate::native) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for NotInherited {
    fn drop(&mut self) {
        if self.process != this_process() {
            return; // Closed when this process was forked; the number may be another file's by now.
        }
        // Said aloud, so that the lock is free even if a child came by a copy of the descriptor.
        if let Err(error) = self.file.unlock() {
            tracing::debug!(name: "lock.unlock", %error);
        }
        if let Some(slot) = self.slot {
            slot.store(FREE, Ordering::Relaxed);
        }
        // SAFETY: nobody uses the file after this.
        unsafe { ManuallyDrop::drop(&mut self.file) };
    }
}
