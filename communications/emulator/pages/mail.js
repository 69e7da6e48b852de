// The page of mails: the list, which mail is open, the keys.

import * as behaviour from "./behaviour.js";
import * as letter from "./letter.js";
import { ago, ask, el, every, mood, times } from "./wire.js";

const byId = (id) => document.getElementById(id);
const list = byId("people");

let order = []; // mails as they stand on the page
let drawn = "";

function line(mail) {
  const [word, feeling] = letter.told(mail.status);
  return el("li", {}, el("button",
    { type: "button", className: "person mail-line", data: { sid: mail.sid }, "aria-current": String(mail.sid === letter.opened()) },
    el("span", { className: "avatar letter" }, mail.address[0]),
    el("span", { className: "pair" },
      el("span", { className: "name" }, mail.address),
      el("time", { className: "when", title: new Date(mail.created * 1000).toLocaleString() }, ago(mail.created))),
    el("span", { className: "pair" },
      el("span", { className: "preview" }, mail.subject),
      el("span", { className: "state", data: { mood: feeling } }, word)),
  ));
}

function nothing() {
  const text = byId("search").value ? "No mail went to that address." : "Nothing has arrived yet. Send a mail through the API.";
  return el("li", { className: "nobody" }, text);
}

async function refreshList() {
  const found = await ask("GET", `/mails?q=${encodeURIComponent(byId("search").value.trim())}`);
  const mails = found.mails;
  const now = JSON.stringify([mails.map((mail) => [mail.sid, mail.status, ago(mail.created)]), letter.opened()]);
  if (now === drawn) return;
  drawn = now;
  order = mails.map((mail) => mail.sid);
  const focused = document.activeElement?.dataset?.sid;
  list.replaceChildren(...(mails.length ? mails.map(line) : [nothing()]));
  if (focused) list.querySelector(`[data-sid="${CSS.escape(focused)}"]`)?.focus();
  byId("total").textContent = mails.length < found.total && !byId("search").value
    ? `The latest ${mails.length} of ${found.total} mails`
    : times(found.total, "mail");
}

async function refresh() {
  await behaviour.refresh();
  await letter.refresh();
  await refreshList();
}

const named = () => decodeURIComponent(location.hash.slice(1)) || null;

function turn() {
  letter.show(named());
  document.body.dataset.view = named() ? "phone" : "list";
  drawn = "";
}

async function follow() {
  turn();
  await refresh();
  list.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const at = order.indexOf(letter.opened());
  const next = order[Math.max(0, Math.min(order.length - 1, at + by))];
  if (next) location.hash = encodeURIComponent(next);
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  o: () => byId("open").click(),
  "/": () => byId("search").focus(),
};

function key(event) {
  if (event.key === "Escape") return escape();
  const typing = event.target.closest("input[type=search], select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
}

function escape() {
  if (behaviour.isOpen()) behaviour.slide(false);
  else if (document.activeElement !== document.body) document.activeElement.blur();
  else location.hash = "";
}

list.addEventListener("click", (event) => {
  const row = event.target.closest("[data-sid]");
  if (row) location.hash = encodeURIComponent(row.dataset.sid);
});
byId("search").addEventListener("input", refreshList);
byId("back").addEventListener("click", () => { location.hash = ""; });
window.addEventListener("hashchange", () => follow().catch(() => mood(null)));
document.addEventListener("keydown", key);

letter.start();
behaviour.start("mail");
turn();
every(1500, refresh);
