//! Systems that have no fork.

use std::fs::File;

pub(in crate::native) const fn this_process() -> u32 {
    0
}

pub(in crate::native) const fn watch() {}

#[derive(Debug)]
pub(in crate::native) struct NotInherited(File);

impl NotInherited {
    pub(in crate::native) fn new(file: File) -> Self {
        Self(file)
    }

    pub(in crate::native) fn file(&self) -> &File {
        &self.0
    }
}
