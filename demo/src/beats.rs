//! What is shown: one beat is a line or two.

use anstyle::Style;

use crate::screen::wrap;

/// Columns for the kind of a beat.
const KIND: usize = 10;

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
    /// What kind of thing it is, before the words, in a column of its own.
    pub(crate) kind: Option<(Style, String)>,
    pub(crate) words: Vec<(Style, String)>,
}

impl Beat {
    pub(crate) fn new(at_ms: u64, lane: Lane) -> Self {
        Self { at_ms, lane, kind: None, words: Vec::new() }
    }

    pub(crate) fn say(mut self, style: Style, text: impl Into<String>) -> Self {
        self.words.push((style, text.into()));
        self
    }

    pub(crate) fn kind(mut self, style: Style, kind: impl Into<String>) -> Self {
        self.kind = Some((style, kind.into()));
        self
    }

    /// Its lines in a column of this width.
    pub(crate) fn lines(&self, width: usize) -> Vec<Vec<(Style, String)>> {
        let indent = if self.kind.is_some() { KIND } else { 0 };
        let mut lines = wrap(&self.words, width.saturating_sub(indent));
        let kind = self.kind.clone().unwrap_or_default();
        for (number, line) in lines.iter_mut().enumerate() {
            let (style, text) = if number == 0 { kind.clone() } else { Default::default() };
            line.insert(0, (style, format!("{text:<indent$}")));
        }
        lines
    }

    /// How many characters there are to read.
    pub(crate) fn length(&self) -> usize {
        self.words.iter().map(|(_, text)| text.chars().count()).sum()
    }
}
