// The page of phones: the list, which phone is open, the keys.

import * as behaviour from "./behaviour.js";
import * as thread from "./thread.js";
import { ago, ask, bare, el, every, mood, spoken, times } from "./wire.js";

const byId = (id) => document.getElementById(id);
const list = byId("people");
const dialog = byId("write");

let order = []; // addresses as they stand on the page
let drawn = "";
let sender = "";

// Rows do not move under a pointer that is about to press one.
function steady(phones) {
  if (!list.matches(":hover")) return phones;
  const place = (phone) => (order.includes(phone.address) ? order.indexOf(phone.address) : order.length);
  return [...phones].sort((a, b) => place(a) - place(b));
}

function person(phone) {
  const open = phone.address === thread.opened();
  const unread = phone.unread > 0 && !open;
  const last = phone.last;
  const said = last.body || (last.media.length ? "Picture" : "");
  return el("li", {}, el("button",
    { type: "button", className: unread ? "person unread" : "person", data: { address: phone.address }, "aria-current": String(open) },
    el("span", { className: "avatar", data: { channel: phone.channel } }, phone.channel === "whatsapp" ? "WA" : bare(phone.address).slice(-2)),
    el("span", { className: "name" }, spoken(phone.address)),
    el("time", { className: "when", title: new Date(last.created * 1000).toLocaleString() }, ago(last.created)),
    el("span", { className: "preview" }, `${last.direction === "inbound" ? "↩ " : ""}${said}`),
    el("span", { className: "marks" },
      phone.opted_out ? el("span", { className: "badge stop", title: "Answered STOP" }, "STOP") : null,
      unread ? el("span", { className: "badge" }, el("span", { className: "hidden" }, "unread: "), phone.unread > 9 ? "9+" : String(phone.unread)) : null,
    ),
  ));
}

function nobody() {
  const text = byId("search").value
    ? "No phone has that number."
    : "Nothing has arrived yet. Send a message through the API, or write in from a number of your own.";
  return el("li", { className: "nobody" }, text);
}

async function refreshList() {
  const found = await ask("GET", `/phones?q=${encodeURIComponent(byId("search").value.replace(/[^\d+a-z]/gi, ""))}`);
  const phones = steady(found.phones);
  const now = JSON.stringify([phones, thread.opened(), phones.map((phone) => ago(phone.last.created))]);
  if (now === drawn) return;
  drawn = now;
  order = phones.map((phone) => phone.address);
  const focused = document.activeElement?.dataset?.address;
  list.replaceChildren(...(phones.length ? phones.map(person) : [nobody()]));
  if (focused) list.querySelector(`[data-address="${CSS.escape(focused)}"]`)?.focus();
  byId("total").textContent = phones.length < found.total && !byId("search").value
    ? `The latest ${phones.length} of ${found.total} phones`
    : times(found.total, "phone");
}

async function refresh() {
  sender = (await behaviour.refresh()).sender;
  await thread.refresh();
  await refreshList();
}

const named = () => decodeURIComponent(location.hash.slice(1)) || null;

async function follow() {
  thread.show(named());
  document.body.dataset.view = named() ? "phone" : "list";
  drawn = "";
  await refresh();
  list.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const at = order.indexOf(thread.opened());
  const next = order[Math.max(0, Math.min(order.length - 1, at + by))];
  if (next) location.hash = encodeURIComponent(next);
}

function offer() {
  byId("write-outcome").textContent = "";
  byId("write-form").elements.to.placeholder = sender;
  dialog.showModal();
  byId("write-form").elements.from.focus();
}

async function writeIn(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const channel = form.get("channel");
  const number = form.get("from").replace(/[^\d+]/g, "");
  try {
    const heard = await ask("POST", "/inbound", { channel, from: number, to: form.get("to") || null, body: form.get("body") });
    dialog.close();
    event.target.elements.body.value = "";
    location.hash = encodeURIComponent(heard.address);
    const [text, feeling] = thread.verdict(heard);
    setTimeout(() => { byId("outcome").textContent = text; byId("outcome").dataset.mood = feeling; }, 50);
  } catch (error) {
    byId("write-outcome").textContent = error.message;
    byId("write-outcome").dataset.mood = "bad";
  }
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  n: offer,
  r: () => byId("reply").focus(),
  "/": () => byId("search").focus(),
};

function key(event) {
  if (event.key === "Escape") return escape();
  const typing = event.target.closest("input, textarea, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
}

function escape() {
  if (dialog.open) return;
  if (behaviour.isOpen()) behaviour.slide(false);
  else if (document.activeElement !== document.body) document.activeElement.blur();
  else location.hash = "";
}

list.addEventListener("click", (event) => {
  const row = event.target.closest("[data-address]");
  if (row) location.hash = encodeURIComponent(row.dataset.address);
});
list.addEventListener("pointerleave", () => { drawn = ""; });
byId("search").addEventListener("input", refreshList);
byId("back").addEventListener("click", () => { location.hash = ""; });
byId("new").addEventListener("click", offer);
byId("write-form").addEventListener("submit", writeIn);
byId("write-cancel").addEventListener("click", () => dialog.close());
window.addEventListener("hashchange", () => follow().catch(() => mood(null)));
document.addEventListener("keydown", key);

thread.start();
behaviour.start();
thread.show(named());
document.body.dataset.view = named() ? "phone" : "list";
every(1500, refresh);
