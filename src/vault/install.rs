//! Which installation a folder belongs to, and on which machine. Needs no key.

use sha2::{Digest, Sha256};

use super::{
    MachineBinding, UnreadableReason, Vault, VaultError,
    keys::{InstallId, Slot},
    names,
    outcome::Closed,
    record,
};
use crate::host::MachineId;

/// Tells one machine from others, and tells nobody which it is: no two vaults say the same of one machine. Zeros where
/// the platform does not tell.
type MachineTag = [u8; 16];

/// The file that names an installation. Sign-out, SignInRequired, quarantine: stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Install {
    pub(super) id: InstallId,
    /// Where the vault was born.
    machine: MachineTag,
    /// The key that records are sealed with.
    pub(super) slot: Slot,
    /// The key before it, while records are being sealed anew; else the same.
    old_slot: Slot,
}

impl Install {
    /// What an installation's file says.
    pub(super) fn read(file: Option<&[u8]>) -> Result<Self, Closed> {
        Self::parse(record::read_plain(file.ok_or(Closed::Empty)?, record::Kind::Install)?)
    }

    /// The content of an installation's file.
    pub(super) fn parse(content: &[u8]) -> Result<Self, Closed> {
        let (id, rest) = content.split_first_chunk().ok_or(UnreadableReason::Nonsense)?;
        let (machine, rest) = rest.split_first_chunk().ok_or(UnreadableReason::Nonsense)?;
        let (slot, rest) = rest.split_first_chunk().ok_or(UnreadableReason::Nonsense)?;
        let old_slot = rest.first_chunk().ok_or(UnreadableReason::Nonsense)?;
        let (slot, old_slot) = (Slot::from_be_bytes(*slot), Slot::from_be_bytes(*old_slot));
        Ok(Self { id: *id, machine: *machine, slot, old_slot })
    }

    fn write(&self) -> Vec<u8> {
        let slots = [self.slot, self.old_slot].map(Slot::to_be_bytes).concat();
        record::write_plain(record::Kind::Install, &[self.id.as_slice(), &self.machine, &slots].concat())
    }

    /// The key that some records may still be sealed with; `None` if none is.
    pub(super) fn old_slot(&self) -> Option<Slot> {
        (self.old_slot != self.slot).then_some(self.old_slot)
    }

    /// From now on records are sealed with another key; those of the present one still have to be sealed anew.
    pub(super) fn moving_to(self, slot: Slot, from: Slot) -> Self {
        Self { slot, old_slot: from, ..self }
    }

    /// Nothing is sealed with the old key any more.
    pub(super) fn moved(self) -> Self {
        Self { old_slot: self.slot, ..self }
    }
}

impl Vault {
    /// The installation that this folder belongs to.
    pub(super) async fn install(&self) -> Result<Install, Closed> {
        Install::read(self.disk.read(&names::install()).await?.as_deref())
    }

    /// Names a new installation, on this machine.
    pub(super) async fn name_install(&self) -> Result<Install, VaultError> {
        if self.disk.files.list().await?.iter().any(names::needs_install) {
            return Err(UnreadableReason::InstallMissing.into());
        }
        let id = self.disk.draw_bytes();
        let machine = self.disk.files.machine().await.map(|machine| tag(&id, &machine)).unwrap_or_default();
        let install = Install { id, machine, slot: 0, old_slot: 0 };
        self.write_install(&install).await?;
        Ok(install)
    }

    /// The caller holds the vault's lock.
    pub(super) async fn write_install(&self, install: &Install) -> Result<(), VaultError> {
        Ok(self.disk.replace(&names::install(), install.write()).await?)
    }

    /// A copy of a vault on another machine must not be used: both would spend the same refresh token, and a server that
    /// watches for reuse would end both sessions. Where no machine is known, then or now, a copy cannot be told.
    pub(super) async fn refuse_elsewhere(&self, install: &Install) -> Result<(), Closed> {
        match self.binding(install).await {
            MachineBinding::Elsewhere => Err(UnreadableReason::AnotherMachine.into()),
            _ => Ok(()),
        }
    }

    /// Whether an installation belongs to the machine that it is on.
    pub(super) async fn binding(&self, install: &Install) -> MachineBinding {
        if install.machine == MachineTag::default() {
            return MachineBinding::Unbound;
        }
        match self.disk.files.machine().await {
            None => MachineBinding::Unknown,
            Some(machine) if tag(&install.id, &machine) == install.machine => MachineBinding::Here,
            Some(_another) => MachineBinding::Elsewhere,
        }
    }
}

/// The first 16 bytes of SHA-256 over a constant of ours, the installation and the machine.
fn tag(install: &InstallId, machine: &MachineId) -> MachineTag {
    let digest =
        Sha256::new_with_prefix(b"mainstay machine\0").chain_update(install).chain_update(&machine.0).finalize();
    let mut tag = MachineTag::default();
    tag.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    tag
}
