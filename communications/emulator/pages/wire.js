// The control API, small builders of elements, and how numbers and times are written.

export async function ask(method, path, values) {
  const answer = await fetch(`/_control${path}`, {
    method,
    headers: values === undefined ? {} : { "Content-Type": "application/json" },
    body: values === undefined ? undefined : JSON.stringify(values),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error || `The emulator answered ${answer.status}.`);
  return body;
}

// Text only ever becomes text: nothing a message holds can become markup.
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const number = new Intl.NumberFormat();

export const times = (count, word) => `${number.format(count)} ${word}${count === 1 ? "" : "s"}`;

export const bare = (address) => address.replace(/^whatsapp:/, "");

export function spoken(address) {
  const number = bare(address);
  const us = number.match(/^\+1(\d{3})(\d{3})(\d{4})$/);
  if (us) return `+1 ${us[1]} ${us[2]} ${us[3]}`;
  return number.replace(/^(\+\d{2})(\d{2})(\d{3})(\d{2})(\d{2,})$/, "$1 $2 $3 $4 $5");
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const long = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const time = (seconds) => clock.format(seconds * 1000);

const second = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const moment = (seconds) => second.format(seconds * 1000);

export const dayOf = (seconds) => new Date(seconds * 1000).toDateString();

export function day(seconds) {
  return dayOf(seconds) === new Date().toDateString() ? "Today" : long.format(seconds * 1000);
}

export function ago(seconds) {
  const past = Date.now() / 1000 - seconds;
  if (past < 60) return "now";
  if (past < 3600) return `${Math.floor(past / 60)} min`;
  if (dayOf(seconds) === new Date().toDateString()) return time(seconds);
  return past < 6 * 86400 ? weekday.format(seconds * 1000) : date.format(seconds * 1000);
}

export function mood(state) {
  const pill = document.getElementById("mood");
  const rules = state ? state.faults.filter((rule) => rule.times === null || rule.hits < rule.times).length : 0;
  const odd = state ? rules + oddities(state) : 0;
  pill.dataset.mood = !state ? "bad" : odd ? "warn" : "good";
  pill.textContent = !state ? "Not reachable" : odd ? `${times(odd, "fault")} on` : "Behaving";
}

function oddities(state) {
  const set = state.callbacks.settings;
  const odd = [!set.enabled, set.hold, set.copies > 1, set.shuffle_ms > 0, set.before_answer, set.forged];
  return odd.filter(Boolean).length + (state.latency.ms > 0 ? 1 : 0);
}

// Runs `work` now and again, never twice at once, not while nobody looks. A failure is shown and tried again.
export function every(milliseconds, work) {
  let timer = 0;
  const turn = async () => {
    clearTimeout(timer);
    try {
      if (!document.hidden) await work();
    } catch {
      mood(null);
    }
    timer = setTimeout(turn, milliseconds);
  };
  document.addEventListener("visibilitychange", () => document.hidden || turn());
  turn();
}
