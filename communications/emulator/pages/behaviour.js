// The panel of switches: what the provider gets wrong, how it calls back; what STOP means, or what people do with mails.

import { FAULTS } from "./modes.js";
import { ask, el, mood, times } from "./wire.js";

const panel = document.getElementById("behaviour");
const pill = document.getElementById("mood");

const CALLBACKS = [
  ["Hold back", "until released", (set) => set.hold, (on) => ({ hold: on })],
  ["Send each twice", "as after a lost answer", (set) => set.copies > 1, (on) => ({ copies: on ? 2 : 1 })],
  ["Out of order", "within three seconds", (set) => set.shuffle_ms > 0, (on) => ({ shuffle_ms: on ? 3000 : 0 })],
  ["Before the answer", "faster than the answer", (set) => set.before_answer, (on) => ({ before_answer: on })],
  ["Forged", "signed by somebody else", (set) => set.forged, (on) => ({ forged: on })],
  ["None at all", "the provider says nothing", (set) => !set.enabled, (on) => ({ enabled: !on })],
];

const STOPS = [
  ["enabled", "Refuse after STOP", "21610 until START"],
  ["replies", "Confirm on the phone", "the carrier’s own answer"],
  ["advanced", "Name it in the webhook", "OptOutType"],
];

let often = "always"; // how often the next rule acts
let drawn = "";
let page = "phones";
let habits = null; // the STOP list's switches, or the plan of the mails

const PLAN = [
  ["opened", "Opened"],
  ["clicked", "Clicked, of all"],
  ["bounced", "Bounced"],
];

const OFTEN = { always: {}, once: { times: 1 }, third: { probability: 1 / 3 } };

const active = (rule) => rule.times === null || rule.hits < rule.times;

function toggle(title, note, on, change, { normal = false, hits = 0 } = {}) {
  const box = el("input", { type: "checkbox", role: "switch", checked: on, data: { key: title } });
  box.addEventListener("change", async () => {
    await change(box.checked);
    await refresh();
  });
  const count = hits ? el("span", { className: "hits" }, ` ${times(hits, "hit")}`) : null;
  const words = el("span", {}, el("b", {}, title), el("small", {}, note, count));
  return el("label", { className: normal ? "switch normal" : "switch" }, words, box);
}

function faultSwitch(state, [mode, title, note, extra = {}]) {
  const rules = state.faults.filter((rule) => rule.mode === mode);
  const hits = rules.reduce((sum, rule) => sum + rule.hits, 0);
  const change = async (on) => {
    for (const rule of rules) await ask("DELETE", `/faults/${rule.id}`);
    if (on) await ask("POST", "/faults", { mode, ...OFTEN[often], ...extra });
  };
  return toggle(title, note, rules.some(active), change, { hits });
}

function frequency() {
  const names = [["always", "Always"], ["once", "Next call"], ["third", "1 in 3"]];
  const choices = names.map(([value, name]) => {
    const radio = el("input", { type: "radio", name: "often", value, checked: often === value, data: { key: value } });
    radio.addEventListener("change", () => { often = value; });
    return el("label", {}, radio, el("span", {}, name));
  });
  return el("fieldset", { className: "choice" }, el("legend", {}, "How often"), ...choices);
}

function slider(name, { max, step, value, unit }, change) {
  const range = el("input", { type: "range", min: 0, max, step, value, data: { key: name }, "aria-label": name });
  const output = el("output", {}, `${value} ${unit}`);
  range.addEventListener("input", () => { output.textContent = `${range.value} ${unit}`; });
  range.addEventListener("change", () => change(Number(range.value)).catch(() => { drawn = ""; }).then(refresh));
  return el("div", { className: "slide" }, range, output);
}

function latency(state) {
  const bounds = { max: 3000, step: 100, value: state.latency.ms, unit: "ms" };
  return slider("Latency of every answer", bounds, (ms) => ask("POST", "/latency", { ms }));
}

function stopList() {
  return STOPS.map(([name, title, note]) =>
    toggle(title, note, habits[name], (on) => ask("POST", "/optouts", { [name]: on }), { normal: true }));
}

// Percentages of the mails that come from now on.
function plan() {
  return PLAN.flatMap(([name, title]) => [
    el("p", { className: "slide-name" }, title),
    slider(title, { max: 100, step: 5, value: habits[name], unit: "%" }, (percent) => ask("POST", "/plan", { [name]: percent })),
  ]);
}

function waiting(state) {
  const release = el("button", { type: "button", className: "button", data: { key: "flush" } }, "Release now");
  release.disabled = !state.callbacks.pending;
  release.addEventListener("click", () => ask("POST", "/callbacks/flush", { timeout_s: 20 }).then(refresh));
  return el("div", { className: "pending" }, el("span", {}, `${state.callbacks.pending} waiting`), release);
}

function close() {
  const button = el("button", { type: "button", className: "button close", data: { key: "close" } }, "Close");
  button.addEventListener("click", () => slide(false));
  return button;
}

function draw(state) {
  const set = state.callbacks.settings;
  const focused = document.activeElement?.dataset?.key;
  panel.replaceChildren(
    el("div", { className: "behaviour-head" }, el("h2", {}, "Behaviour"), close()),
    el("p", {}, "What the provider gets wrong on purpose. The first switch that applies acts."),
    ...(page === "mail" ? [el("h3", {}, "What people do with their mail"), ...plan()] : []),
    el("h3", {}, "Sends"),
    frequency(),
    ...FAULTS.map((fault) => faultSwitch(state, fault)),
    el("h3", {}, "Latency of every answer"),
    latency(state),
    el("h3", {}, "Callbacks"),
    ...CALLBACKS.map(([title, note, is, change]) =>
      toggle(title, note, is(set), (on) => ask("POST", "/callbacks", change(on)))),
    waiting(state),
    ...(page === "mail" ? [] : [el("h3", {}, "STOP list"), ...stopList()]),
  );
  if (focused) panel.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

let latest = null;

export async function refresh() {
  latest = await ask("GET", "/state");
  habits = await ask("GET", page === "mail" ? "/plan" : "/optouts");
  mood(latest);
  const now = JSON.stringify([latest.faults, latest.callbacks, latest.latency, habits]);
  if (now !== drawn && !panel.querySelector("input[type=range]:active")) {
    drawn = now;
    draw(latest);
  }
  return latest;
}

export function slide(on) {
  panel.classList.toggle("open", on);
  pill.setAttribute("aria-expanded", String(on));
  (on ? panel.querySelector("button, input") : pill)?.focus();
}

export const isOpen = () => panel.classList.contains("open");

export function start(where = "phones") {
  page = where;
  pill.addEventListener("click", () => slide(!isOpen()));
}
