//! What it comes to: the one place that decides what is wrong.

use std::process::ExitCode;

use mainstay::{
    support::Examination,
    vault::{FileKind, InspectedFile, MachineBinding, Outcome, Verdict},
};

/// How a vault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    /// Nothing is wrong.
    Fine,
    /// Nothing wrong was found, and not everything could be opened.
    Closed,
    /// Something is wrong.
    Wrong,
}

impl Health {
    pub(crate) fn of(seen: &Examination) -> Self {
        let vault = &seen.vault;
        let of_files = vault.files.iter().map(Self::of_file);
        let of_accounts = vault.accounts.iter().map(|account| Self::of_outcome(&account.outcome));
        let of_machine = if vault.machine == MachineBinding::Elsewhere { Self::Wrong } else { Self::Fine };
        let found = of_files.chain(of_accounts).chain([of_machine, Self::of_outcome(&vault.opened)]);
        found.max().unwrap_or(Self::Fine)
    }

    /// What was set aside is out of the way: that it cannot be read is why it is there.
    pub(crate) fn of_file(file: &InspectedFile) -> Self {
        match file.verdict {
            _ if matches!(file.kind, FileKind::SetAside(_)) => Self::Fine,
            Verdict::Whole | Verdict::Void => Self::Fine,
            Verdict::SealUnchecked | Verdict::TooNew { .. } | Verdict::Refused => Self::Closed,
            Verdict::Unreadable(_) => Self::Wrong,
        }
    }

    fn of_outcome(outcome: &Outcome<()>) -> Self {
        match outcome {
            Outcome::Value(()) | Outcome::Empty => Self::Fine,
            Outcome::Locked(_) | Outcome::TooNew { .. } => Self::Closed,
            Outcome::Unreadable(_) => Self::Wrong,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Wrong => "wrong",
            Self::Closed => "closed",
        }
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Fine => 0,
            Self::Wrong => 1,
            Self::Closed => 3,
        })
    }
}
