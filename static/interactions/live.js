// The agents' socket. It tells this page which conversation changed (a page without one hears of all); what changed is
// read from the server.
// Dispatches "rapport:changed" on the document; keeps the dot in step.

const page = document.querySelector("[data-live]");
const LABELS = { connecting: "Connecting", live: "Live", waiting: "Reconnecting", "signed-out": "Signed out", forbidden: "Not live" };
const SIGNED_OUT = 4401;
const FORBIDDEN = 4403;
const LONGEST_WAIT = 30_000;

let socket = null;
let failures = 0;
let timer = 0;
let over = false;

function address() {
    const base = page.dataset.liveUrl;
    if (base) {
        const url = new URL("/ws/agent/", base);
        url.protocol = url.protocol.replace("http", "ws");
        return url.href;
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    return `${scheme}://${location.hostname}:${page.dataset.livePort}/ws/agent/`;
}

function show(state) {
    for (const dot of document.querySelectorAll("[data-live-dot]")) {
        dot.dataset.state = state;
        dot.querySelector("span").textContent = LABELS[state];
    }
}

function changed(conversation = "") {
    document.dispatchEvent(new CustomEvent("rapport:changed", { detail: { conversation } }));
}

function connect() {
    clearTimeout(timer);
    socket = new WebSocket(address());
    socket.addEventListener("message", hear);
    socket.addEventListener("close", closed);
}

function hear({ data, target }) {
    const message = JSON.parse(data);
    const conversation = page.dataset.conversation;
    if (message.type === "welcome" && conversation) {
        target.send(JSON.stringify({ type: "watch", conversation }));
    } else if (message.type === "welcome" || message.type === "watching") {
        const again = failures > 0;
        failures = 0;
        show("live");
        if (conversation || again) {
            changed(); // whatever happened before this moment was not heard
        }
    } else if (message.type === "conversation_changed" && (!conversation || message.conversation === conversation)) {
        changed(message.conversation);
    }
}

function closed({ code, target }) {
    if (target !== socket) {
        return;
    }
    if (code === SIGNED_OUT || code === FORBIDDEN) {
        over = true;
        show(code === SIGNED_OUT ? "signed-out" : "forbidden");
        return;
    }
    show("waiting");
    const wait = Math.min(500 * 2 ** failures, LONGEST_WAIT);
    failures += 1;
    timer = setTimeout(connect, wait * (0.5 + Math.random() / 2));
}

function hurry() {
    if (!over && socket.readyState === WebSocket.CLOSED) {
        failures = 0;
        connect();
    }
}

if (page) {
    connect();
    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", () => {
        if (!document.hidden) {
            hurry();
            changed(); // a machine that slept may not know yet that its socket is gone
        }
    });
}
