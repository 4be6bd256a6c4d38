//! From text to an [`Incident`], with the place of every mistake.

use std::{fs::File, io::Read, ops::Range, path::Path};

use mainstay_core::Code;
use mainstay_mock_server::Endpoint;
use serde::{Deserialize, de::DeserializeOwned};
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer, ValueDeserializer},
};

use super::{
    About, AppStep, Delay, DeviceStep, Expect, Fault, FormatError, Given, Incident, Kill, LARGEST_FILE, Middle, Moment,
    PEOPLE, PersonStep, ServerStep, Sessions, Step, What,
    error::{Mistake, line_at, with_suggestion},
};

type Table<'i> = DeTable<'i>;
type Found<T> = Result<T, Mistake>;

const TOP: [&str; 12] = [
    "title", "year", "source", "link", "story", "suffered", "assumed", "client", "founding", "given", "steps", "expect",
];
const WHO: [&str; 4] = ["server", "app", "person", "device"];
const SERVER: [&str; 14] = [
    "change_secret",
    "accept_old_secret",
    "rotate_jwks",
    "restore_jwks",
    "nodes",
    "session_store",
    "redis",
    "reject_all",
    "fault",
    "clear_faults",
    "wipe_sessions",
    "revoke_sessions",
    "release",
    "clock",
];
const APP: [&str; 2] = ["sell", "call"];
const PERSON: [&str; 4] = ["sign_in", "dismiss", "tap_retry", "sign_out"];
const DEVICE: [&str; 5] = ["network", "clock", "kill", "restart", "clear_app_data"];

/// The till may sell this often in one incident: a misspelt `"1ms"` must not keep a test busy for hours.
const MOST_SALES: u128 = 10_000;

pub(super) fn read(path: &Path) -> Result<Incident, FormatError> {
    let file = path.display().to_string();
    let whole = |message: String| FormatError { file: file.clone(), line: None, message };
    let mut bytes = Vec::new();
    let limit = u64::try_from(LARGEST_FILE + 1).unwrap_or(u64::MAX);
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| whole(format!("cannot be read: {error}")))?;
    if bytes.len() > LARGEST_FILE {
        return Err(whole(format!("is larger than {LARGEST_FILE} bytes, more than any incident needs")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        FormatError { file: file.clone(), line: Some(line), message: "is not UTF-8".to_owned() }
    })?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    parse(&file, &name, &text)
}

pub(super) fn parse(file: &str, name: &str, text: &str) -> Result<Incident, FormatError> {
    incident(name, text).map_err(|mistake| mistake.in_file(file, text))
}

fn incident(name: &str, text: &str) -> Found<Incident> {
    if text.len() > LARGEST_FILE {
        return Err(Mistake { span: None, message: format!("is larger than {LARGEST_FILE} bytes") });
    }
    let mut top = DeTable::parse(text)?.into_inner();
    for key in top.keys() {
        if !TOP.contains(&key.get_ref().as_ref()) {
            return Err(Mistake::unknown(key.span(), "key", key.get_ref(), &TOP));
        }
    }
    let given: Given = match top.remove("given") {
        Some(value) => from_value(value)?,
        None => return Err(Mistake { span: None, message: "the table [given] is missing".to_owned() }),
    };
    let mut steps =
        list(top.remove("steps"), "steps")?.into_iter().map(|value| step(value, text)).collect::<Found<Vec<_>>>()?;
    let mut expect = list(top.remove("expect"), "expect")?
        .into_iter()
        .map(|value| expectation(value, text))
        .collect::<Found<Vec<_>>>()?;
    let about = About::deserialize(Deserializer::from(Spanned::new(0..text.len(), top)))?;
    check(text, &given, &steps, &expect)?;
    steps.sort_by_key(|step| step.at);
    expect.sort_by_key(|expect| expect.at);
    Ok(Incident { name: name.to_owned(), about, given, steps, expect })
}

fn from_value<T: DeserializeOwned>(value: Spanned<DeValue<'_>>) -> Found<T> {
    Ok(T::deserialize(ValueDeserializer::from(value))?)
}

fn list<'i>(value: Option<Spanned<DeValue<'i>>>, key: &str) -> Found<Vec<Spanned<DeValue<'i>>>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let span = value.span();
    match value.into_inner() {
        DeValue::Array(array) => Ok(array.into_iter().collect()),
        other => Err(Mistake::at(span, format!("`{key}` is a list of tables, [[{key}]], not {}", other.type_str()))),
    }
}

fn expectation(value: Spanned<DeValue<'_>>, text: &str) -> Found<Expect> {
    let line = line_at(text, value.span().start);
    Ok(Expect { line, ..from_value(value)? })
}

fn step(value: Spanned<DeValue<'_>>, text: &str) -> Found<Step> {
    let span = value.span();
    let DeValue::Table(mut table) = value.into_inner() else {
        return Err(Mistake::at(span, "a step is a table, [[steps]]"));
    };
    let at: Delay = from_value(required(&mut table, "at", &span)?)?;
    let (who, who_span) = word(&mut table, "who", &span)?;
    let (what, what_span) = word(&mut table, "what", &span)?;
    let line = line_at(text, span.start);
    let rest = Rest { table, span };
    let what = match who.as_str() {
        "server" => What::Server(server_step(&what, what_span, rest)?),
        "app" => What::App(app_step(&what, what_span, rest)?),
        "person" => What::Person(person_step(&what, what_span, rest)?),
        "device" => What::Device(device_step(&what, what_span, rest)?),
        other => return Err(Mistake::unknown(who_span, "actor", other, &WHO)),
    };
    Ok(Step { at, what, line })
}

fn server_step(what: &str, span: Range<usize>, rest: Rest<'_>) -> Found<ServerStep> {
    Ok(match what {
        "change_secret" => ServerStep::ChangeSecret(rest.read()?),
        "accept_old_secret" => ServerStep::AcceptOldSecret(rest.read()?),
        "rotate_jwks" => ServerStep::RotateJwks(rest.read()?),
        "restore_jwks" => ServerStep::RestoreJwks(rest.read()?),
        "nodes" => {
            let place = rest.span.clone();
            let nodes: mainstay_mock_server::Nodes = rest.read()?;
            nodes.check().map_err(|refused| Mistake::at(place, refused.to_string()))?;
            ServerStep::Nodes(nodes)
        }
        "redis" => ServerStep::Redis(rest.read()?),
        "session_store" => ServerStep::SessionStore(rest.read()?),
        "reject_all" => ServerStep::RejectAll(rest.read()?),
        "fault" => ServerStep::Fault(fault(rest)?),
        "clear_faults" => ServerStep::ClearFaults(rest.read()?),
        "wipe_sessions" => rest.nothing(ServerStep::WipeSessions)?,
        "revoke_sessions" => ServerStep::RevokeSessions(rest.read()?),
        "release" => ServerStep::Release(rest.read()?),
        "clock" => ServerStep::Clock(rest.read()?),
        other => return Err(Mistake::unknown(span, "step of the server", other, &SERVER)),
    })
}

/// A fault's settings stand beside its name.
fn fault(mut rest: Rest<'_>) -> Found<Fault> {
    let (name, _) = word(&mut rest.table, "name", &rest.span)?;
    let span = rest.span.clone();
    let mut settings: serde_json::Map<String, serde_json::Value> = rest.read()?;
    let kind = name.split('.').next().unwrap_or_default();
    settings.insert("kind".to_owned(), kind.into());
    match mainstay_mock_server::Fault::try_from(settings.clone()) {
        Ok(_) => Ok(Fault { name, settings }),
        Err(message) => Err(Mistake::at(span, with_suggestion(&message))),
    }
}

fn app_step(what: &str, span: Range<usize>, rest: Rest<'_>) -> Found<AppStep> {
    Ok(match what {
        "sell" => AppStep::Sell(rest.read()?),
        "call" => AppStep::Call(rest.read()?),
        other => return Err(Mistake::unknown(span, "step of the app", other, &APP)),
    })
}

fn person_step(what: &str, span: Range<usize>, rest: Rest<'_>) -> Found<PersonStep> {
    Ok(match what {
        "sign_in" => PersonStep::SignIn(rest.read()?),
        "dismiss" => rest.nothing(PersonStep::Dismiss)?,
        "tap_retry" => rest.nothing(PersonStep::TapRetry)?,
        "sign_out" => rest.nothing(PersonStep::SignOut)?,
        other => return Err(Mistake::unknown(span, "step of the person", other, &PERSON)),
    })
}

fn device_step(what: &str, span: Range<usize>, rest: Rest<'_>) -> Found<DeviceStep> {
    Ok(match what {
        "network" => DeviceStep::Network(rest.read()?),
        "clock" => DeviceStep::Clock(rest.read()?),
        "kill" => DeviceStep::Kill(kill(rest)?),
        "restart" => rest.nothing(DeviceStep::Restart)?,
        "clear_app_data" => rest.nothing(DeviceStep::ClearAppData)?,
        other => return Err(Mistake::unknown(span, "step of the device", other, &DEVICE)),
    })
}

fn kill(rest: Rest<'_>) -> Found<Kill> {
    let span = rest.span.clone();
    let kill: Kill = rest.read()?;
    let endpoints = Endpoint::ALL.map(|(_, name)| name);
    match &kill.during {
        Some(during) if !endpoints.contains(&during.as_str()) => {
            Err(Mistake::unknown(span, "endpoint", during, &endpoints))
        }
        None if kill.moment != Middle::default() => {
            Err(Mistake::at(span, "`moment` says in the middle of which part of a request: `during` is missing"))
        }
        _ => Ok(kill),
    }
}

/// What is left of a step's table: the parameters.
struct Rest<'i> {
    table: Table<'i>,
    span: Range<usize>,
}

impl Rest<'_> {
    fn read<T: DeserializeOwned>(self) -> Found<T> {
        from_value(Spanned::new(self.span, DeValue::Table(self.table)))
    }

    fn nothing<T>(self, step: T) -> Found<T> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        self.read::<Nothing>().map(|Nothing {}| step)
    }
}

fn required<'i>(table: &mut Table<'i>, key: &str, span: &Range<usize>) -> Found<Spanned<DeValue<'i>>> {
    table.remove(key).ok_or_else(|| Mistake::at(span.clone(), format!("this step has no `{key}`")))
}

fn word(table: &mut Table<'_>, key: &str, span: &Range<usize>) -> Found<(String, Range<usize>)> {
    let value = required(table, key, span)?;
    let place = value.span();
    Ok((from_value(value)?, place))
}

/// What a type cannot say: people who exist, moments within the incident.
fn check(text: &str, given: &Given, steps: &[Step], expect: &[Expect]) -> Found<()> {
    let wrong = |key: &str, message: String| {
        let span = text.find(key).map(|start| start..start + key.len());
        Err(Mistake { span, message })
    };
    if given.people.is_empty() {
        return wrong("people", "somebody must be signed in: `people` is empty".to_owned());
    }
    for person in &given.people {
        if !PEOPLE.contains(&person.as_str()) {
            return wrong("people", format!("nobody is called `{person}`; there are: {}", PEOPLE.join(", ")));
        }
    }
    if given.lasts.0.is_zero() {
        return wrong("lasts", "an incident must last".to_owned());
    }
    if let Some(every) = given.app.sells_every
        && given.lasts.0.as_millis() > MOST_SALES.saturating_mul(every.0.as_millis())
    {
        return wrong("sells_every", format!("that is more than {MOST_SALES} sales in one incident"));
    }
    for expect in expect {
        for reason in expect.reason.iter().flat_map(|reasons| &reasons.0) {
            let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).chain(["none"]).collect();
            if !codes.contains(&reason.as_str()) {
                let span = text.find(reason.as_str()).map_or(0..0, |start| start..start + reason.len());
                return Err(Mistake::unknown(span, "code", reason, &codes));
            }
        }
    }
    if let Some(early) =
        expect.iter().find(|expect| expect.session_survives_restart.is_some() && expect.at != Moment::End)
    {
        let span = Some(line_start(text, early.line));
        return Err(Mistake { span, message: "`session_survives_restart` is looked at in the end only".to_owned() });
    }
    if expect.is_empty() {
        return Err(Mistake { span: None, message: "nothing is expected: there is no [[expect]]".to_owned() });
    }
    let kills = |step: &&Step| matches!(step.what, What::Server(ServerStep::Redis(_)));
    if let Some(step) = steps.iter().find(kills).filter(|_| given.server.sessions != Sessions::Redis) {
        let message = "there is no Redis: say `sessions = \"redis\"` in [given.server]".to_owned();
        return Err(Mistake { span: Some(line_start(text, step.line)), message });
    }
    let late = |line: usize| Mistake { span: Some(line_start(text, line)), message: "is after the end".to_owned() };
    if let Some(step) = steps.iter().find(|step| step.at > given.lasts) {
        return Err(late(step.line));
    }
    match expect.iter().find(|expect| matches!(expect.at, Moment::At(at) if at > given.lasts)) {
        Some(expect) => Err(late(expect.line)),
        None => Ok(()),
    }
}

fn line_start(text: &str, line: usize) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    start..start
}
