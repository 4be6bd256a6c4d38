// The control page: everything it does is a call of /control.

const $ = (id) => document.getElementById(id);

/** An element with attributes and children. Text stays text. */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// The token

const given = new URLSearchParams(location.hash.slice(1)).get("control");
if (given) {
  sessionStorage.setItem("control", given);
  history.replaceState(null, "", location.pathname);
}

async function control(method, path, body) {
  const headers = { "X-Mainstay-Control": sessionStorage.getItem("control") ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(`/control${path}`, { method, headers, body, cache: "no-store" });
  if (answer.status === 403) askForToken();
  const text = await answer.text();
  const json = text ? JSON.parse(text) : {};
  if (!answer.ok) throw new Error(json.error_description ?? `status ${answer.status}`);
  return json;
}

function askForToken() {
  if (!$("door").open) $("door").showModal();
}

$("door").addEventListener("close", () => {
  sessionStorage.setItem("control", $("token").value.trim());
  $("token").value = "";
  look();
});

let silence;
function say(text) {
  $("said").textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { $("said").textContent = ""; }, 4000);
}

/** Does something, says how it went, and looks again. */
async function act(what, done) {
  try {
    await what();
    say(done);
  } catch (error) {
    say(`Not done: ${error.message}`);
  }
  await look();
}

// The faults

const PLACES = ["all", "as", "api", "discovery", "jwks", "authorize", "token", "pushed_authorization",
  "device_authorization", "refresh", "jwt_bearer", "device_code", "enroll", "revoke", "introspect", "userinfo", "status", "catalogue", "sales", "shift", "me"];
const number = (name, label, value) => ({ name, label, value, type: "number" });
const text = (name, label, value) => ({ name, label, value, type: "text" });

const FAULTS = [
  { kind: "reject_all", title: "Reject every token", about: "Good tokens are answered as if they were not.", scope: "api",
    fields: [number("status", "Status", 401), { name: "legacy", label: "Style", type: "choice", options: [["Standard", false], ["Token invalid", true]] }] },
  { kind: "status", title: "Error status", about: "Overloaded, or behind a proxy that is.", scope: "all",
    fields: [number("status", "Status", 503), text("retry_after", "Retry-After", "")] },
  { kind: "html", title: "A page instead of JSON", about: "As from a captive portal.", scope: "all", fields: [number("status", "Status", 200)] },
  { kind: "drop_after_commit", title: "Cut after the commit", about: "The work is done, the answer never arrives.", scope: "refresh",
    fields: [number("times", "Times", 1)] },
  { kind: "slow", title: "Slow", about: "Answers come late, on the server's clock.", scope: "all", fields: [number("millis", "Milliseconds", 3000)] },
  { kind: "hold", title: "Hold", about: "Requests wait until you let them go.", scope: "refresh", fields: [] },
  { kind: "cached", title: "From a cache", about: "Answers say that they are old.", scope: "refresh", fields: [number("age", "Age, seconds", 60)] },
  { kind: "foreign_identity", title: "Somebody else's answer", about: "A mixed-up session store.", scope: "me", fields: [text("person", "Person", "grace")] },
  { kind: "redirect", title: "Redirect", about: "To another place.", scope: "refresh", fields: [text("location", "Location", "https://example.com/")] },
  { kind: "brown_out", title: "Brown-out", about: "Slow and failing in proportion to the load.", scope: "all",
    fields: [number("capacity", "Requests a second", 100), number("patience_ms", "Longest wait, milliseconds", 5000)] },
  { kind: "shared_cache", title: "A cache for everybody", about: "The first answer goes to everybody who asks.", scope: "me",
    fields: [{ name: "marked", label: "Answers", type: "choice", options: [["say how old they are", true], ["say nothing", false]] }] },
  { kind: "portal", title: "Captive portal", about: "Nothing gets through.", scope: "all", fields: [text("location", "Redirects to", "")] },
  { kind: "wrong_retry_after", title: "Useless Retry-After", about: "In the past, or no date at all.", scope: "as",
    fields: [number("status", "Status", 503), { name: "how", label: "How", type: "choice", options: ["past_date", "far_date", "huge", "negative", "garbage", "empty"].map((how) => [how, how]) }] },
  { kind: "cut_short", title: "Cut in the answer", about: "The work is done, half of the answer arrives.", scope: "refresh", fields: [number("bytes", "Bytes", 10)] },
  { kind: "body", title: "Exactly this answer", about: "Anything a server could say.", scope: "refresh",
    fields: [number("status", "Status", 400), text("content_type", "Content-Type", "application/json"), text("body", "Body", '{"error":"invalid_client"}')] },
];

function field(kind, { name, label, type, value, options }) {
  const id = `${kind}-${name}`;
  const input = options
    ? el("select", { id }, ...options.map(([title, chosen]) => el("option", { value: JSON.stringify(chosen) }, title)))
    : el("input", { id, type, value, min: type === "number" ? 0 : false });
  return el("label", { for: id }, label, input);
}

function faultCard(fault) {
  const { kind, title, about, scope, fields } = fault;
  const places = { name: "scope", label: "Where", options: PLACES.map((place) => [place, place]) };
  const card = el("article", { class: "card fault", id: `fault-${kind}`, "aria-labelledby": `title-${kind}` },
    el("header", {},
      el("h3", { id: `title-${kind}` }, title),
      el("button", { class: "switch", role: "switch", type: "button", "aria-checked": "false", "aria-labelledby": `title-${kind}`, onclick: () => flip(fault) })),
    el("p", { class: "quiet" }, about),
    el("div", { class: "fields" }, field(kind, places), ...fields.map((each) => field(kind, each))));
  card.querySelector(`#${kind}-scope`).value = JSON.stringify(scope);
  return card;
}

function readFields({ kind, fields }) {
  const json = { scope: JSON.parse($(`${kind}-scope`).value) };
  for (const { name, type } of fields) {
    const value = $(`${kind}-${name}`).value;
    if (type === "choice") json[name] = JSON.parse(value);
    else if (value !== "") json[name] = type === "number" ? Number(value) : value;
  }
  return JSON.stringify(json);
}

const isOn = (kind) => $(`fault-${kind}`).dataset.on === "true";

function flip(fault) {
  return isOn(fault.kind)
    ? act(() => control("DELETE", `/faults/${fault.kind}`), `${fault.title}: off`)
    : act(() => control("PUT", `/faults/${fault.kind}`, readFields(fault)), `${fault.title}: on`);
}

$("faults").append(...FAULTS.map(faultCard));

function showFaults(faults) {
  for (const { kind, fields } of FAULTS) {
    const standing = faults[kind];
    const card = $(`fault-${kind}`);
    const turnedOn = standing && card.dataset.on !== "true";
    card.dataset.on = Boolean(standing);
    card.querySelector(".switch").setAttribute("aria-checked", Boolean(standing));
    if (!turnedOn) continue;
    // Set from elsewhere perhaps: show what stands, not what was typed here.
    if (typeof standing.scope === "string") $(`${kind}-scope`).value = JSON.stringify(standing.scope);
    for (const { name, type } of fields) {
      const value = standing[name];
      if (type === "choice") $(`${kind}-${name}`).value = JSON.stringify(value);
      else if (typeof value !== "object") $(`${kind}-${name}`).value = value ?? "";
    }
  }
  const others = Object.keys(faults).filter((name) => !FAULTS.some(({ kind }) => kind === name));
  fill($("others"), others, (name) => el("li", {}, el("code", {}, name),
    el("button", { "data-name": name, onclick: () => act(() => control("DELETE", `/faults/${encodeURIComponent(name)}`), `${name}: off`) }, "Remove")));
  const count = Object.keys(faults).length;
  $("mood").textContent = count === 0 ? "nothing is broken" : count === 1 ? "1 fault stands" : `${count} faults stand`;
  $("mood").dataset.mood = count ? "bad" : "good";
}

// The counts

/** Puts new children in only where something changed, so that focus and selection stay. */
function fill(parent, items, draw) {
  const key = JSON.stringify(items);
  if (parent.dataset.key === key) return;
  parent.dataset.key = key;
  parent.replaceChildren(...items.map(draw));
}

const kindOf = (status) => (/^2|^3/.test(status) ? "good" : "bad");
const chip = (text, kind) => el("span", { class: "chip", "data-kind": kind ?? false }, text);
const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);

function showCounts(seen) {
  const totals = [["Prompts", sum(seen.prompts)], ["Sessions", seen.sessions], ["In flight", seen.in_flight],
    ["Tokens issued", seen.tokens_issued], ["Accepted", seen.tokens_accepted], ["Rejected", sum(seen.tokens_rejected)],
    ["Device keys", seen.enrolments], ["Reuse detected", seen.reuse_detections], ["Sales", sum(seen.sales) - seen.duplicate_sales]];
  fill($("totals"), totals, ([name, count]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(count))));
  $("waiting").hidden = seen.held === 0;
  $("held").textContent = seen.held;
  fill($("endpoints"), Object.entries(seen.requests), ([name, { total, by_status }]) => el("tr", {},
    el("th", { scope: "row" }, name), el("td", { class: "number" }, String(total)),
    el("td", {}, el("span", { class: "chips" }, ...Object.entries(by_status).map(([status, count]) => chip(`${status} × ${count}`, kindOf(status)))))));
  fill($("rejected"), Object.entries(seen.tokens_rejected), ([reason, count]) => el("li", {}, chip(`${reason} × ${count}`, "bad")));
  fill($("served"), Object.entries(seen.identities_served), ([person, count]) => el("li", {}, chip(`${person} × ${count}`)));
}

const clockTime = (ms) => new Date(ms).toISOString().slice(11, 19);

function showRequests(requests) {
  fill($("last"), requests.reverse(), ({ at_ms, endpoint, status }) => el("li", {},
    el("time", { class: "quiet" }, clockTime(at_ms)), endpoint, status ? chip(status, kindOf(status)) : chip("…")));
}

function showClock({ now_ms, virtual, offset_ms }) {
  $("clock").textContent = `${new Date(now_ms).toISOString().slice(0, 10)} ${clockTime(now_ms)} UTC`;
  $("clock-kind").textContent = virtual ? "stands still" : Math.abs(offset_ms) >= 1000 ? `${Math.round(offset_ms / 1000)} s ahead` : "";
}

async function look() {
  try {
    const [{ faults }, seen, { requests }, clock, scripted] = await Promise.all(
      ["/faults", "/observations", "/requests?last=10", "/clock", "/scripted"].map((path) => control("GET", path)));
    showFaults(faults);
    showCounts(seen);
    showRequests(requests);
    showClock(clock);
    if (document.activeElement !== $("scripted")) $("scripted").value = scripted.person ?? "";
  } catch (error) {
    $("mood").textContent = $("door").open ? "not connected" : `not connected: ${error.message}`;
    $("mood").dataset.mood = "quiet";
  }
}

// The buttons

for (const button of document.querySelectorAll("[data-post], [data-put]")) {
  const [method, path] = button.dataset.post ? ["POST", button.dataset.post] : ["PUT", button.dataset.put];
  button.addEventListener("click", () => act(() => control(method, path, button.dataset.body), `${button.textContent}: done`));
}
$("clear").addEventListener("click", () => act(() => control("DELETE", "/faults"), "Every fault is gone"));
$("reset").addEventListener("click", () => {
  if (confirm("Forget every session, sale and count, and start over?")) act(() => control("POST", "/reset"), "Back to the start");
});
$("scripted").addEventListener("change", ({ target }) =>
  act(() => control("PUT", "/scripted", JSON.stringify({ person: target.value || null })), "Sign-in changed"));

look();
setInterval(() => { if (!document.hidden && !$("door").open) look(); }, 1000);
