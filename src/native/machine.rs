//! What the operating system calls this machine.

#[cfg(test)]
mod tests;

use std::{path::Path, sync::OnceLock};

use crate::host::MachineId;

/// Asked once per process: some systems have to start a program to tell.
pub(super) fn id() -> Option<MachineId> {
    static ID: OnceLock<Option<MachineId>> = OnceLock::new();
    ID.get_or_init(|| of_system(Path::new("/")).map(MachineId)).clone()
}

/// `/etc/machine-id` (machine-id(5)), unless it says that it is not known yet, or that it lasts until the next restart
/// only: then a restart would look like another machine.
#[cfg(target_os = "linux")]
fn of_system(root: &Path) -> Option<String> {
    let is_transient = root.join("run/machine-id").exists();
    let text = std::fs::read_to_string(root.join("etc/machine-id")).ok().filter(|_| !is_transient)?;
    let id = text.trim();
    let is_id = id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit()) && id.bytes().any(|c| c != b'0');
    is_id.then(|| id.to_owned())
}

/// `MachineGuid` of the registry, `IOPlatformUUID` of the hardware.
#[cfg(any(windows, target_os = "macos"))]
fn of_system(_root: &Path) -> Option<String> {
    machine_uid::get().ok().filter(|id| !id.is_empty())
}

/// Others do not tell; the app may ([`FolderFiles::on_machine`](super::FolderFiles::on_machine)).
#[cfg(not(any(target_os = "linux", windows, target_os = "macos")))]
fn of_system(_root: &Path) -> Option<String> {
    None
}
