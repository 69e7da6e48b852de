// One mail: its parts, what happened to it, and doing something with it as the person who got it.

import { ask, el, moment } from "./wire.js";

const byId = (id) => document.getElementById(id);
const WORDS = {
  accepted: ["Accepted", ""],
  processed: ["Processed", ""],
  delivered: ["Delivered", "good"],
  deferred: ["Deferred", "warn"],
  bounce: ["Bounced", "bad"],
  blocked: ["Blocked", "bad"],
  dropped: ["Dropped", "bad"],
  open: ["Opened", "good"],
  click: ["Clicked", "good"],
  spamreport: ["Spam", "bad"],
  unsubscribe: ["Unsubscribed", "warn"],
};

let open = null; // the sid of the mail that is open
let mail = null;
let shown = ""; // what is drawn, to draw only what changed
let part = "html";
const seen = new Set(); // mails that were opened with their pictures

export const opened = () => open;

export const told = (event) => WORDS[event] || [event, ""];

export function show(sid) {
  open = sid;
  mail = null;
  shown = "";
  say("");
  byId("mail").hidden = true;
  byId("empty").hidden = Boolean(sid);
}

export async function refresh() {
  if (!open) return;
  const asked = open;
  const found = await ask("GET", `/mails/${encodeURIComponent(asked)}`);
  if (asked !== open) return;
  const fresh = !mail;
  mail = found;
  if (fresh) draw();
  story();
}

function draw() {
  byId("mail").hidden = false;
  byId("subject").textContent = mail.subject || "(no subject)";
  byId("from").textContent = mail.from;
  byId("to").textContent = `to ${mail.to}, ${new Date(mail.created * 1000).toLocaleString()}`;
  byId("one-click").hidden = !mail.one_click;
  byId("links").replaceChildren(...mail.links.map((url) => el("option", { value: url }, short(url))));
  byId("links").disabled = byId("click").disabled = !mail.links.length;
  if (!mail.links.length) byId("links").replaceChildren(el("option", {}, "No links"));
  if (!mail[part] && part !== "headers") part = mail.html ? "html" : "text";
  for (const radio of byId("parts").querySelectorAll("input")) radio.checked = radio.value === part;
  size();
  body();
}

function size() {
  const kilobytes = `${(mail.html_bytes / 1024).toFixed(1)} kB of HTML`;
  const mark = mail.clipped ? el("b", { title: "Gmail shows 102 kB and hides the rest" }, "Gmail clips it") : "";
  byId("size").replaceChildren(`${kilobytes} `, mark);
}

function story() {
  const now = JSON.stringify(mail.events);
  if (now === shown) return;
  shown = now;
  byId("story").replaceChildren(...mail.events.map(({ event, at }) => {
    const [word, feeling] = told(event);
    return el("li", { data: { mood: feeling } }, el("b", {}, word), moment(at));
  }));
}

const PARTS = {
  html: () => (mail.html ? frame() : nothing("It has no HTML part.")),
  text: () => (mail.text ? el("pre", { tabIndex: 0 }, mail.text) : nothing("It has no text part. Some readers, and some filters, miss it.")),
  headers,
};

function body() {
  byId("body").classList.toggle("slim", part === "html" && byId("narrow").checked);
  byId("body").replaceChildren(PARTS[part]());
}

const nothing = (text) => el("p", { className: "nothing" }, text);

function frame() {
  const pictures = seen.has(open) ? "?pictures=1" : "";
  const node = el("iframe", { title: "The mail", src: `/mail/${encodeURIComponent(open)}/html${pictures}` });
  node.setAttribute("sandbox", "allow-popups allow-popups-to-escape-sandbox");
  return node;
}

function headers() {
  const facts = [
    ["From", mail.from], ["To", mail.to], ["Reply-To", mail.reply_to], ["Subject", mail.subject],
    ...Object.entries(mail.headers),
    ["Message id at SendGrid", mail.message_id],
    ...Object.entries(mail.arguments).map(([name, value]) => [`Custom argument ${name}`, value]),
    ["People in the same call", String(mail.people)],
    ...mail.attachments.map((file) => ["Attachment", `${file.filename}, ${file.type || "no type"}, ${file.bytes} bytes`]),
    ["SendGrid tracks", [mail.open_tracking && "opens", mail.click_tracking && "clicks"].filter(Boolean).join(" and ") || "nothing"],
  ];
  return el("dl", { tabIndex: 0 }, ...facts.filter(([, value]) => value).map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function short(url) {
  const { host, hostname, pathname, search } = new URL(url);
  return `${hostname === location.hostname ? "" : host}${pathname}${search}`.replace(/^(.{60}).+$/, "$1…");
}

function say(text, feeling = "") {
  byId("outcome").textContent = text;
  byId("outcome").dataset.mood = feeling;
}

async function act(path, values, done) {
  say("");
  try {
    const answer = await ask("POST", `/mails/${encodeURIComponent(open)}/${path}`, values);
    say(...(answer.visits?.length ? visited(answer.visits[0]) : [done, "good"]));
  } catch (error) {
    say(error.message, "bad");
  }
  await refresh();
}

function visited(visit) {
  if (visit.error === "elsewhere") return [`${short(visit.url)} is not on this machine, so nobody went there.`, ""];
  if (visit.status === null) return [`Nobody answers at ${short(visit.url)}.`, "bad"];
  return [`${visit.method} ${short(visit.url)} was answered ${visit.status}.`, visit.status < 400 ? "good" : "bad"];
}

// The browser loads the pictures itself, so the emulator need not.
async function openIt() {
  seen.add(open);
  part = "html";
  await act("open", { load: false }, mail.open_tracking ? "SendGrid tells of the open." : "The pictures are loaded; SendGrid tracks nothing.");
  draw();
}

const DONE = {
  bounce: "SendGrid tells of a bounce, and drops what comes for this address from now on.",
  spamreport: "SendGrid tells of a spam report, and drops what comes for this address from now on.",
  unsubscribe: "SendGrid tells of it, and drops what comes for this address from now on.",
};

export function start() {
  byId("parts").addEventListener("change", (event) => { part = event.target.value; body(); });
  byId("narrow").addEventListener("change", body);
  byId("open").addEventListener("click", () => { if (mail) openIt(); });
  byId("click").addEventListener("click", () => act("click", { url: byId("links").value }, "Clicked."));
  byId("one-click").addEventListener("click", () => act("unsubscribe", {}, "Unsubscribed."));
  for (const button of byId("acts").querySelectorAll("[data-event]")) {
    const { event } = button.dataset;
    button.addEventListener("click", () => act("events", { event }, DONE[event]));
  }
}
