//! The operating system says when a folder changes.

use std::path::Path;

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{ModifyKind, RemoveKind},
};
use tokio::sync::watch;

use crate::host::{BoxFuture, Watch};

/// A watch on a folder that is there; `None` if the operating system grants none.
pub(super) fn on(folder: &Path) -> Option<FolderWatch> {
    let (changes, seen) = watch::channel(Folder::Watched);
    let root = folder.to_owned();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
        Ok(event) if is_the_end(&event, &root) => drop(changes.send_replace(Folder::Lost)),
        Ok(event) if event.need_rescan() || is_news(event.kind) => drop(changes.send_replace(Folder::Watched)),
        Ok(_) => {}
        Err(error) => {
            tracing::info!(name: "folder.watch_lost", %error);
            changes.send_replace(Folder::Lost);
        }
    });
    let watching = watcher.and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    match watching {
        Ok(watcher) => Some(FolderWatch { _watcher: watcher, seen }),
        Err(error) => {
            tracing::debug!(name: "folder.not_watched", %error);
            None
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Folder {
    Watched,
    Lost,
}

pub(super) struct FolderWatch {
    /// Ends the watch when dropped.
    _watcher: RecommendedWatcher,
    seen: watch::Receiver<Folder>,
}

impl Watch for FolderWatch {
    fn changed(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.seen.changed().await.is_ok() && *self.seen.borrow_and_update() == Folder::Watched })
    }
}

/// Removed or renamed: the folder of that name will be another one.
fn is_the_end(event: &notify::Event, root: &Path) -> bool {
    let gone = matches!(event.kind, EventKind::Remove(RemoveKind::Folder) | EventKind::Modify(ModifyKind::Name(_)));
    gone && event.paths.iter().any(|path| path == root)
}

/// Whole files come by a rename and go by a removal. What Linux says besides is about files being written and read.
fn is_news(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(_) => false,
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => {
            !cfg!(target_os = "linux")
        }
        _ => true,
    }
}
