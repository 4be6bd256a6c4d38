//! Catalogue, sales, shifts, and who is asking.

use std::collections::{BTreeMap, HashMap};

use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Bearer, Reason, check, note, rejection};
use crate::{
    call::{Call, Problem, Reply, json_answer, ok},
    oauth::Unreachable,
    observations::{NO_KEY, count},
    people::display_name,
    state::{App, World},
};

/// In this header each answer of the POS API repeats whom it is for, so that a client can refuse somebody else's.
pub static ANSWERED_FOR: &str = "x-answered-for";

/// What is for sale: id, name, price in cents.
const CATALOGUE: [(&str, &str, u64); 6] = [
    ("espresso", "Espresso", 260),
    ("flat-white", "Flat white", 410),
    ("filter", "Filter coffee", 340),
    ("cardamom-bun", "Cardamom bun", 380),
    ("rye-sandwich", "Rye sandwich", 890),
    ("still-water", "Still water", 300),
];

/// A sale that was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sale {
    id: String,
    items: Vec<Value>,
    total_cents: u64,
    sold_at_ms: u64,
    sold_by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaleRequest {
    items: Vec<Value>,
    total_cents: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
struct ShiftRequest {
    action: ShiftAction,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ShiftAction {
    Open,
    Close,
}

/// What the tills recorded.
#[derive(Default)]
pub(crate) struct Till {
    sales: Vec<Sale>,
    /// Which sale an idempotency key of a person made.
    by_key: HashMap<(String, String), usize>,
    /// Since when each person's shift is open, in milliseconds since 1970.
    shifts: BTreeMap<String, u64>,
}

/// Lets a person with a good token at `work`; rejects in the configured style.
fn with_person(app: &App, call: &Call, work: impl FnOnce(&mut World, Bearer) -> Reply) -> Reply {
    let audience = format!("{}/api", app.issuer);
    app.update(|world| match check(world, &app.issuer, call, Some(&audience)) {
        Ok(bearer) => {
            world.seen.tokens_accepted += 1;
            world.metrics.accepted();
            count(&mut world.seen.identities_served, &bearer.person);
            let whom = HeaderValue::from_str(&bearer.person);
            let mut answer = work(world, bearer)?;
            if let Ok(whom) = whom {
                answer.headers_mut().insert(ANSWERED_FOR, whom);
            }
            Ok(answer)
        }
        Err(Reason::Unreachable) => Err(Unreachable.into()),
        Err(reason) => {
            note(world, reason.name());
            Err(rejection(&world.config.rejection, 401, reason.name()).into())
        }
    })
}

/// `GET /api/catalogue`.
pub(crate) fn catalogue(app: &App, call: &Call) -> Reply {
    let items = CATALOGUE.map(|(id, name, cents)| json!({ "id": id, "name": name, "price_cents": cents }));
    with_person(app, call, |_, _| Ok(ok(&json!({ "items": items }))))
}

/// `GET /api/me`.
pub(crate) fn me(app: &App, call: &Call) -> Reply {
    with_person(app, call, |_, Bearer { person, .. }| {
        Ok(ok(&json!({ "iss": app.issuer, "sub": person, "name": display_name(&person) })))
    })
}

/// `GET /api/sales`: the caller's own.
pub(crate) fn list_sales(app: &App, call: &Call) -> Reply {
    with_person(app, call, |world, bearer| {
        let own: Vec<_> = world.till.sales.iter().filter(|sale| sale.sold_by == bearer.person).collect();
        Ok(ok(&json!({ "sales": own })))
    })
}

/// `POST /api/sales`: 201 for a new sale; a repeated `Idempotency-Key` is answered with the first sale and 200.
pub(crate) fn sell(app: &App, call: &Call) -> Reply {
    with_person(app, call, |world, bearer| {
        let SaleRequest { items, total_cents } = call.json()?;
        if items.is_empty() {
            return Err(Problem::bad_request("a sale has at least one item"));
        }
        let key = call.header("idempotency-key");
        let slot = key.map(|key| (bearer.person.clone(), key.to_owned()));
        let known = slot.as_ref().and_then(|slot| world.till.by_key.get(slot)).copied();
        if let Some(first) = known.and_then(|at| world.till.sales.get(at)) {
            if first.items != items || first.total_cents != total_cents {
                let text = "this idempotency key belongs to another sale";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", text));
            }
            let mut answer = ok(first);
            let replayed = HeaderName::from_static("idempotent-replayed");
            answer.headers_mut().insert(replayed, HeaderValue::from_static("true"));
            count(&mut world.seen.sales, key.unwrap_or(NO_KEY));
            world.seen.duplicate_sales += 1;
            return Ok(answer);
        }
        let at = world.till.sales.len();
        let id = format!("sale-{}", at + 1);
        let sale = Sale { id, items, total_cents, sold_at_ms: world.now_ms(), sold_by: bearer.person };
        let answer = json_answer(StatusCode::CREATED, &sale);
        world.till.sales.push(sale);
        if let Some(slot) = slot {
            world.till.by_key.insert(slot, at);
        }
        count(&mut world.seen.sales, key.unwrap_or(NO_KEY));
        Ok(answer)
    })
}

/// `GET /api/shift`.
pub(crate) fn shift(app: &App, call: &Call) -> Reply {
    with_person(app, call, |world, bearer| Ok(ok(&world.till.shift(&bearer.person))))
}

/// `POST /api/shift`: opens or closes the caller's shift. Doing it twice changes nothing.
pub(crate) fn work_shift(app: &App, call: &Call) -> Reply {
    with_person(app, call, |world, bearer| {
        let ShiftRequest { action } = call.json()?;
        let now_ms = world.now_ms();
        match action {
            ShiftAction::Open => {
                world.till.shifts.entry(bearer.person.clone()).or_insert(now_ms);
            }
            ShiftAction::Close => {
                world.till.shifts.remove(&bearer.person);
            }
        }
        Ok(ok(&world.till.shift(&bearer.person)))
    })
}

impl Till {
    fn shift(&self, person: &str) -> Value {
        match self.shifts.get(person) {
            Some(since) => json!({ "person": person, "open": true, "opened_at_ms": since }),
            None => json!({ "person": person, "open": false }),
        }
    }
}
