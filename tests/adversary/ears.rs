//! Hears everything that the SDK logs, and looks for secrets in it (P11).

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// In every token, code and key that the adversary gives out.
pub const SECRET: &str = "s3cr3t";

/// The first line that told a secret.
pub type Overheard = Arc<Mutex<Option<String>>>;

pub struct Ears(pub Overheard);

impl Subscriber for Ears {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mainstay")
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().name().to_owned());
        event.record(&mut line);
        listen(&self.0, &line.0);
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

/// Notes what tells a secret.
pub fn listen(overheard: &Overheard, said: &str) {
    if said.contains(SECRET) {
        overheard.lock().unwrap().get_or_insert_with(|| said.to_owned());
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}
