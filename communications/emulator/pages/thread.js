// One phone: its messages, and writing as its owner.

import { ask, bare, day, dayOf, el, spoken, time } from "./wire.js";

const byId = (id) => document.getElementById(id);
const QUICK = ["CONFIRM", "CANCEL", "YES", "STOP", "START", "HELP"];
const WAITING = ["queued", "accepted", "scheduled"];
const LOST = ["failed", "undelivered", "canceled"];
const TOLD = { delivered: "✓✓ Delivered", read: "✓✓ Read", sent: "✓ Sent", queued: "Queued", accepted: "Accepted" };

let open = null; // the address of the phone that is open
let shown = "";  // what is drawn, to draw only what changed
let line = "";   // our number that wrote last
const drafts = new Map();

export const opened = () => open;

export function show(address) {
  if (open) drafts.set(open, byId("reply").value);
  open = address;
  shown = "";
  say("");
  byId("phone").hidden = !address;
  byId("empty").hidden = Boolean(address);
  byId("reply").value = drafts.get(address) || "";
  grow();
}

export async function refresh() {
  if (!open) return;
  const asked = open;
  const thread = await ask("GET", `/messages?to=${encodeURIComponent(asked)}`);
  const now = JSON.stringify(thread);
  if (asked !== open || now === shown) return;
  shown = now;
  line = thread.messages.length ? lineOf(thread.messages[thread.messages.length - 1]) : "";
  head(thread);
  draw(thread.messages);
  if (document.hasFocus()) await ask("POST", "/seen", { address: asked });
}

const lineOf = (message) => (message.direction === "outbound" ? message.from : message.to);

function head(thread) {
  const whatsapp = open.startsWith("whatsapp:");
  const stopped = thread.stopped_lines.length > 0;
  byId("owner").textContent = spoken(open);
  byId("owner-note").className = stopped ? "stopped" : "";
  byId("owner-note").textContent = stopped
    ? `STOP in force for ${thread.stopped_lines.map(spoken).join(", ")}`
    : `${whatsapp ? "WhatsApp" : "SMS"} with ${spoken(line)}`;
}

function draw(messages) {
  const thread = byId("thread");
  const below = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 80;
  const first = !thread.childElementCount || thread.dataset.phone !== open;
  thread.dataset.phone = open;
  let last = "";
  const nodes = messages.flatMap((message) => {
    const fresh = dayOf(message.created) !== last;
    last = dayOf(message.created);
    return fresh ? [el("p", { className: "day" }, day(message.created)), bubble(message)] : [bubble(message)];
  });
  thread.replaceChildren(...nodes);
  if (first || below) thread.scrollTo({ top: thread.scrollHeight, behavior: first ? "instant" : "smooth" });
}

function bubble(message) {
  const mine = message.direction === "inbound";
  const names = ["bubble", message.channel, `by-${message.origin}`];
  if (mine) names.push("mine");
  if (WAITING.includes(message.status)) names.push("waiting");
  if (LOST.includes(message.status)) names.push("lost");
  return el("div", { className: names.join(" "), data: { sid: message.sid }, title: message.sid },
    message.body ? el("div", { className: "text" }, message.body) : null,
    ...message.media.map(medium),
    el("div", { className: "meta" }, ...meta(message, mine)),
  );
}

function medium(address) {
  const safe = /^https?:/.test(address);
  return safe
    ? el("a", { className: "media", href: address, target: "_blank", rel: "noreferrer" }, address)
    : el("span", { className: "media" }, address);
}

function meta(message, mine) {
  const size = `${message.segments} × ${message.encoding}`;
  const parts = [el("span", { title: new Date(message.created * 1000).toLocaleString() }, time(message.created))];
  if (message.origin === "carrier") parts.push(el("span", {}, "the carrier’s own answer"));
  else if (message.origin === "twiml") parts.push(el("span", {}, "answer of the webhook"));
  else if (!mine) parts.push(status(message));
  if (message.channel === "sms" && message.body) parts.push(el("span", {}, size));
  if (!mine && message.from !== line) parts.push(el("span", {}, `from ${spoken(message.from)}`));
  return parts;
}

function status(message) {
  const lost = LOST.includes(message.status);
  const code = message.error_code ? ` ${message.error_code}` : "";
  const word = TOLD[message.status] || message.status[0].toUpperCase() + message.status.slice(1);
  const good = message.status === "delivered" || message.status === "read";
  return el("span", { className: lost ? "bad" : good ? "good" : "" }, `${lost ? "✕ " : ""}${word}${code}`);
}

// What the webhook said to something the phone wrote.
export function verdict(heard) {
  if (heard.error && heard.status === null) {
    return [heard.error === "ct" ? "Nobody answers at the webhook." : "The webhook did not answer in time.", "bad"];
  }
  if (heard.error) return [heard.error, "bad"];
  const good = heard.status >= 200 && heard.status < 300;
  return [`The webhook answered ${heard.status}.`, good ? "good" : "bad"];
}

function say(text, feeling = "") {
  byId("outcome").textContent = text;
  byId("outcome").dataset.mood = feeling;
}

async function write(text) {
  const from = open;
  say("Sending");
  const channel = from.startsWith("whatsapp:") ? "whatsapp" : "sms";
  try {
    const heard = await ask("POST", "/inbound", { channel, from: bare(from), to: bare(line), body: text });
    if (from === open) say(...verdict(heard));
  } catch (error) {
    say(error.message, "bad");
    return;
  }
  await refresh();
}

async function submit(event) {
  event.preventDefault();
  const box = byId("reply");
  const text = box.value.trim();
  if (!text) return;
  box.value = "";
  grow();
  await write(text);
}

function grow() {
  const box = byId("reply");
  box.style.height = "auto";
  box.style.height = `${Math.min(140, box.scrollHeight + 2)}px`;
  byId("composer").querySelector("button").disabled = !box.value.trim();
}

export function start() {
  byId("composer").addEventListener("submit", submit);
  byId("reply").addEventListener("input", grow);
  byId("reply").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  });
  byId("quick").append(
    ...QUICK.map((word) => el("button", { type: "button", onclick: () => write(word) }, word)),
  );
}
