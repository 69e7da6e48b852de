import { title } from "./modes.js";
import { ask, el, every, mood, spoken, times } from "./wire.js";

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat();

function figures(state) {
  const counts = state.ledger;
  const shown = [
    [counts.accepted, "sends accepted"],
    [counts.refused, "sends refused"],
    [counts.callback, "callbacks posted"],
    [counts.inbound, "messages to us"],
    [state.phones, "phones"],
    [state.mails, "mails"],
  ];
  byId("figures").replaceChildren(
    ...shown.map(([value, name]) =>
      el("div", { className: "figure" }, el("b", {}, number.format(value || 0)), el("span", {}, name))),
  );
}

function rules(state) {
  const set = state.callbacks.settings;
  const lines = state.faults.map((rule) => [title(rule.mode), times(rule.hits, "hit")]);
  if (state.latency.ms) lines.push(["Every answer is late", `${state.latency.ms} ms`]);
  if (!set.enabled) lines.push(["Callbacks are off", ""]);
  if (set.hold) lines.push(["Callbacks are held", `${number.format(state.callbacks.pending)} waiting`]);
  if (set.copies > 1) lines.push(["Callbacks are repeated", `${set.copies} times`]);
  if (set.shuffle_ms) lines.push(["Callbacks are shuffled", `${set.shuffle_ms} ms`]);
  if (set.before_answer) lines.push(["Callbacks come before the answer", ""]);
  if (set.forged) lines.push(["Callbacks are forged", ""]);
  if (!lines.length) lines.push(["Nothing: it behaves as the provider should.", ""]);
  byId("rules").replaceChildren(
    ...lines.map(([name, note]) => el("li", {}, el("b", {}, name), el("span", { className: "muted" }, note))),
  );
}

function connection(state) {
  const facts = [
    ["Base URL for Twilio and SendGrid", location.origin],
    ["Account SID", state.account_sid],
    ["Our number", spoken(state.sender)],
    ["Replies are posted to", state.inbound_url],
    ["Events of mails are posted to", state.events_url],
  ];
  byId("connection").replaceChildren(
    ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

function twice(counted) {
  const found = counted.duplicates.length;
  const verdict = byId("twice");
  verdict.dataset.mood = found ? "bad" : "good";
  verdict.replaceChildren(
    found ? `${number.format(found)} ${found === 1 ? "message was" : "messages were"} accepted twice` : "None",
    el("small", {}, `${times(counted.groups, "reference")} in ${times(counted.total, "send")}`),
  );
}

let counted = -1;

async function refresh() {
  const state = await ask("GET", "/state");
  mood(state);
  figures(state);
  rules(state);
  connection(state);
  // The count reads the whole ledger: only when there is something new in it.
  if (counted !== (state.ledger.accepted || 0)) {
    counted = state.ledger.accepted || 0;
    twice(await ask("GET", "/ledger/count?group_by=reference"));
  }
}

every(2000, refresh);
