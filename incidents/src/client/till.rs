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

/// Whether an answer says that the server has the sale. The page of somebody else's network has status 200, too.
fn is_receipt(answer: &Response<Bytes>) -> bool {
    let receipt: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    answer.status().is_success() && receipt.get("id").is_some()
}

/// How many characters a screen has room for.
const SCREEN: usize = 2000;

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
    errands: Mutex<Errands>,
}

/// What the till has to ask the server for by itself: one thing after the other.
#[derive(Default)]
struct Errands {
    running: bool,
    show_name: bool,
    deliver: bool,
}

impl Till {
    pub(crate) fn open(machine: Machine, out: Out, folder: &Path, origin: &str) -> io::Result<Arc<Self>> {
        let sales = Mutex::new(Sales::open(folder)?);
        let origin = origin.trim_end_matches('/').to_owned();
        Ok(Arc::new(Self { machine, out, origin, sales, errands: Mutex::default() }))
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

    /// Delivers what waits, in order, until one does not get through.
    pub(crate) fn deliver(self: &Arc<Self>, api: &Arc<impl Api>) {
        self.errands().deliver = true;
        self.run_errands(api);
    }

    /// Shows the body of an answer, as far as it fits a screen. The server's address is another one in each run.
    pub(crate) fn show(&self, answer: &Response<Bytes>) {
        if answer.status().is_success() {
            let text = String::from_utf8_lossy(answer.body()).replace(&self.origin, "");
            let text = text.chars().take(SCREEN).collect();
            self.out.send(Event::Shown(Shown { text }));
        }
    }

    /// Shows whom the server says it is talking to.
    pub(crate) fn show_name(self: &Arc<Self>, api: &Arc<impl Api>) {
        self.errands().show_name = true;
        self.run_errands(api);
    }

    fn run_errands(self: &Arc<Self>, api: &Arc<impl Api>) {
        if std::mem::replace(&mut self.errands().running, true) {
            return;
        }
        let (till, api) = (Arc::clone(self), Arc::clone(api));
        self.machine.spawn(async move { while till.run_errand(&*api).await {} });
    }

    /// Does one thing; whether there was one to do.
    async fn run_errand(&self, api: &impl Api) -> bool {
        let (show_name, deliver) = {
            let mut errands = self.errands();
            errands.running = errands.show_name || errands.deliver;
            let show_name = std::mem::take(&mut errands.show_name);
            (show_name, !show_name && std::mem::take(&mut errands.deliver))
        };
        if show_name {
            self.ask_name(api).await;
        } else if deliver {
            self.deliver_all(api).await;
        }
        show_name || deliver
    }

    async fn deliver_all(&self, api: &impl Api) {
        while let Some(waiting) = self.next() {
            if !self.deliver_one(api, &waiting).await || self.sales().delivered(&waiting.sale).is_err() {
                return;
            }
            self.out.send(Event::Sale(Sale { sale: waiting.sale, outcome: Outcome::Delivered }));
        }
    }

    async fn deliver_one(&self, api: &impl Api, waiting: &Waiting) -> bool {
        let body = json!({ "items": ["coffee"], "total_cents": waiting.total_cents }).to_string();
        let request = Request::post(format!("{}/api/sales", self.origin))
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &waiting.sale)
            .body(body.into());
        let Ok(request) = request else { return false };
        api.send(request).await.is_some_and(|answer| is_receipt(&answer))
    }

    async fn ask_name(&self, api: &impl Api) {
        let Ok(request) = self.request("GET", "/api/me") else { return };
        let Some(answer) = api.send(request).await.filter(|answer| answer.status().is_success()) else { return };
        let me: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if let Some(name) = me.get("name").and_then(Value::as_str) {
            self.out.send(Event::Shown(Shown { text: name.to_owned() }));
        }
    }

    fn next(&self) -> Option<Waiting> {
        self.sales().next()
    }

    fn sales(&self) -> MutexGuard<'_, Sales> {
        self.sales.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn errands(&self) -> MutexGuard<'_, Errands> {
        self.errands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
