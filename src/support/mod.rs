//! Looking at what is stored on a device, for people who help other people. `mainstay vault` presents it.
//!
//! [`examine`] needs no [`Client`](crate::Client), no network and, for much of what it tells, no key. It changes nothing
//! ([`Vault::inspect`]), and is safe while the app runs. What it returns holds no secret, but names of people:
//! [`Pseudonyms`] make a name that can be published of each.

pub mod doctor;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use crate::driver::SessionMemory;

use crate::{
    Identity, Secret,
    driver::stored,
    host::Entropy,
    vault::{AccountKey, Fingerprinter, InspectError, InspectedAccount, Inspection, Vault, VaultHost},
};

/// A vault and what its sessions remember, as they stood in one moment.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The vault.
    pub vault: Inspection,
    /// What sessions remember; of an account whose memory could not be read, or that has none, nothing.
    pub memories: BTreeMap<AccountKey, SessionMemory>,
}

/// Looks at everything in the vault over these parts of a host, of one moment, and changes nothing. The lock is not used.
///
/// # Errors
/// [`InspectError::Files`] if the folder cannot be listed; [`InspectError::Restless`]: look again.
pub async fn examine(host: VaultHost) -> Result<Examination, InspectError> {
    let clock = Arc::clone(&host.clock);
    let vault = Vault::new(host).inspect().await?;
    let memory = |account: &InspectedAccount| {
        let memory = stored::memory(account.session.as_deref()?, &clock)?;
        Some((account.key, memory))
    };
    let memories = vault.accounts.iter().filter_map(memory).collect();
    Ok(Examination { vault, memories })
}

impl Examination {
    /// Whom an account is pinned to, as far as anything stored tells.
    #[must_use]
    pub fn identity<'a>(&'a self, account: &'a InspectedAccount) -> Option<&'a Identity> {
        let remembered = self.memories.get(&account.key).and_then(|memory| memory.identity.as_ref());
        let named = account.identity.as_ref();
        remembered.filter(|it| it.subject.is_some()).or(named).or(remembered)
    }

    /// Pseudonyms for the names in here. With an open vault the same name has the same one in every examination of it,
    /// and only its key tells which; else they are drawn anew each time.
    #[must_use]
    pub fn pseudonyms(&self, entropy: &dyn Entropy) -> Pseudonyms {
        let keyed = self.vault.fingerprinter.clone();
        Pseudonyms { lasting: keyed.is_some(), names: keyed.unwrap_or_else(|| Fingerprinter::ephemeral(entropy)) }
    }
}

/// Makes names that can be published of names that cannot. Nobody can check a guess against one without the key.
#[derive(Clone, Debug)]
pub struct Pseudonyms {
    names: Fingerprinter,
    lasting: bool,
}

impl Pseudonyms {
    /// Whether another examination of the same vault gives the same ones.
    #[must_use]
    pub const fn are_lasting(&self) -> bool {
        self.lasting
    }

    /// The pseudonym of a name: `kind`, for example `subject`, and 16 hexadecimal digits. The same name has another one
    /// for another kind.
    #[must_use]
    pub fn of(&self, kind: &str, name: &str) -> String {
        let print = self.names.fingerprint(&Secret::from_text(&format!("mainstay pseudonym\0{kind}\0{name}")));
        format!("{kind}-{:016x}", print.0)
    }
}
