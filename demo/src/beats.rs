//! What is shown: one beat is a line or two.

use anstyle::Style;

/// Who a beat is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The server's operators break or mend it.
    Server,
    /// The device itself.
    Device,
    /// What the cashier sees.
    Till,
    /// What somebody does.
    Person,
    /// What the SDK sees, does and decides.
    #[default]
    Sdk,
    /// What an app without it does.
    App,
    /// Requests.
    Wire,
    /// An expectation.
    Check,
}

impl Lane {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Device => "device",
            Self::Till => "till",
            Self::Person => "person",
            Self::Sdk => "sdk",
            Self::App => "app",
            Self::Wire => "http",
            Self::Check => "check",
        }
    }

    /// Whether it is the same for every client, because the file says so.
    pub(crate) fn is_common(self) -> bool {
        matches!(self, Self::Server | Self::Device)
    }
}

/// One thing worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Milliseconds since the incident began.
    pub(crate) at_ms: u64,
    pub(crate) lane: Lane,
    pub(crate) words: Vec<(Style, String)>,
}

impl Beat {
    pub(crate) fn new(at_ms: u64, lane: Lane) -> Self {
        Self { at_ms, lane, words: Vec::new() }
    }

    pub(crate) fn say(mut self, style: Style, text: impl Into<String>) -> Self {
        self.words.push((style, text.into()));
        self
    }

    /// How many characters there are to read.
    pub(crate) fn length(&self) -> usize {
        self.words.iter().map(|(_, text)| text.chars().count()).sum()
    }
}
