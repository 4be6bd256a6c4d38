//! The till around a session: takes sales, delivers them, shows a name. The same for every client in this language.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, header};
use serde_json::{Value, json};

use super::{Machine, serve::Out};
use crate::{
    protocol::{Event, Failure, Outcome, Sale, Shown},
    sales::{Sales, Waiting},
};

/// How the till reaches the POS API: over whatever session it has.
pub(crate) trait Api: Send + Sync + 'static {
    /// Sends a request with the session's token; `None` if that did not come to an answer for the app.
    fn send(&self, request: Request<Bytes>) -> impl Future<Output = Option<Response<Bytes>>> + Send;
}

pub(crate) struct Till {
    pub(crate) machine: Machine,
    pub(crate) out: Out,
    origin: String,
    sales: Mutex<Sales>,
    delivering: Mutex<Delivering>,
}

/// Whether sales are being delivered, and whether there was reason to begin anew meanwhile.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Delivering {
    #[default]
    No,
    Yes,
    YesAndAgain,
}

impl Till {
    pub(crate) fn open(machine: Machine, out: Out, folder: &Path, origin: &str) -> io::Result<Arc<Self>> {
        let sales = Mutex::new(Sales::open(folder)?);
        let origin = origin.trim_end_matches('/').to_owned();
        Ok(Arc::new(Self { machine, out, origin, sales, delivering: Mutex::default() }))
    }

    /// A request to the POS API.
    pub(crate) fn request(&self, method: &str, path: &str) -> Result<Request<Bytes>, Failure> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.origin)).body(Bytes::new());
        request.map_err(|error| Failure::new("bad_order", error.to_string()))
    }

    /// Takes a sale and begins to deliver it.
    pub(crate) fn sell(self: &Arc<Self>, api: &Arc<impl Api>, sale: String, total_cents: u32) -> Result<(), Failure> {
        self.sales().take(&sale, total_cents).map_err(|error| Failure::new("internal", error.to_string()))?;
        self.out.send(Event::Sale(Sale { sale, outcome: Outcome::Queued }));
        self.deliver(api);
        Ok(())
    }

    /// The customer leaves.
    pub(crate) fn refuse(&self, sale: String) {
        self.out.send(Event::Sale(Sale { sale, outcome: Outcome::Refused }));
    }

    /// Delivers what waits, in order, until one does not get through. Does nothing while that is being done.
    pub(crate) fn deliver(self: &Arc<Self>, api: &Arc<impl Api>) {
        let before = *self.delivering();
        *self.delivering() = if before == Delivering::No { Delivering::Yes } else { Delivering::YesAndAgain };
        if before != Delivering::No {
            return;
        }
        let (till, api) = (Arc::clone(self), Arc::clone(api));
        self.machine.spawn(async move {
            while let Some(waiting) = till.next() {
                if till.deliver_one(&*api, &waiting).await && till.sales().delivered(&waiting.sale).is_ok() {
                    till.out.send(Event::Sale(Sale { sale: waiting.sale, outcome: Outcome::Delivered }));
                } else if !till.begins_anew() {
                    return;
                }
            }
            *till.delivering() = Delivering::No;
        });
    }

    fn begins_anew(&self) -> bool {
        let mut delivering = self.delivering();
        *delivering = if *delivering == Delivering::YesAndAgain { Delivering::Yes } else { Delivering::No };
        *delivering == Delivering::Yes
    }

    async fn deliver_one(&self, api: &impl Api, waiting: &Waiting) -> bool {
        let body = json!({ "items": ["coffee"], "total_cents": waiting.total_cents }).to_string();
        let request = Request::post(format!("{}/api/sales", self.origin))
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &waiting.sale)
            .body(body.into());
        let Ok(request) = request else { return false };
        api.send(request).await.is_some_and(|answer| answer.status().is_success())
    }

    /// Shows whom the server says it is talking to.
    pub(crate) fn show_name(self: &Arc<Self>, api: &Arc<impl Api>) {
        let (till, api) = (Arc::clone(self), Arc::clone(api));
        self.machine.spawn(async move {
            let Ok(request) = till.request("GET", "/api/me") else { return };
            let Some(answer) = api.send(request).await.filter(|answer| answer.status().is_success()) else { return };
            let me: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            if let Some(name) = me.get("name").and_then(Value::as_str) {
                till.out.send(Event::Shown(Shown { text: name.to_owned() }));
            }
        });
    }

    fn next(&self) -> Option<Waiting> {
        self.sales().next()
    }

    fn sales(&self) -> MutexGuard<'_, Sales> {
        self.sales.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delivering(&self) -> MutexGuard<'_, Delivering> {
        self.delivering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
