// The conversation page: reads the thread again when it changed, stays at its end, sends with Ctrl+Enter, counts down how
// long an answer may be taken back.

const scroll = document.getElementById("scroll");
const latest = document.getElementById("latest");
const newEntries = document.getElementById("new-entries");
const spoken = document.getElementById("spoken");
const GATHER = 60; // milliseconds in which several changes become one refresh
const NEAR = 120; // pixels from the end that count as being there

let timer = 0;
let wasAtEnd = true;
let heldFrom = null; // distance to the end, kept while older entries are put above
let known = 0;

function refresh() {
    clearTimeout(timer);
    timer = setTimeout(() => {
        for (const part of [latest, document.getElementById("about")]) {
            window.htmx.trigger(part, "rapport:refresh");
        }
    }, GATHER);
}

function atEnd() {
    return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
}

function toEnd() {
    scroll.scrollTop = scroll.scrollHeight;
    newEntries.hidden = true;
}

function count() {
    return latest.querySelectorAll("[id^='entry-']").length;
}

function afterLatest() {
    const fresh = count() > known;
    known = count();
    if (wasAtEnd) {
        toEnd();
    } else if (fresh) {
        newEntries.hidden = false;
    }
    if (fresh) {
        spoken.textContent = latest.querySelector("article:last-of-type .rp-text")?.textContent ?? "";
    }
    document.body.dispatchEvent(new CustomEvent("rapport:shown"));
}

function leaveIfSignedOut(event) {
    if (new URL(event.detail.xhr.responseURL || location.href).pathname.includes("/login")) {
        event.preventDefault();
        location.reload();
    }
}

function countDown() {
    for (const button of document.querySelectorAll("[data-undo]")) {
        button.until ??= performance.now() + 1000 * Number(button.dataset.undo);
        const left = Math.ceil((button.until - performance.now()) / 1000);
        button.querySelector("[data-left]").textContent = left;
        button.hidden = left <= 0;
    }
}

function toggleSending({ target }, busy) {
    if (target.matches?.("form[data-reply]")) {
        target.toggleAttribute("data-busy", busy);
        if (busy) {
            target.querySelector("[data-failed]").hidden = true;
        }
    }
}

function tellFailure({ target }) {
    if (target.matches?.("form[data-reply]")) {
        target.querySelector("[data-failed]").hidden = false;
    }
}

document.addEventListener("rapport:changed", refresh);
document.addEventListener("rapport:replied", () => {
    wasAtEnd = true;
    toEnd();
    refresh();
});
document.addEventListener("htmx:beforeSwap", leaveIfSignedOut);
document.addEventListener("htmx:responseError", tellFailure);
document.addEventListener("htmx:sendError", tellFailure);
document.addEventListener("htmx:beforeRequest", (event) => toggleSending(event, true));
document.addEventListener("htmx:afterRequest", (event) => toggleSending(event, false));
document.addEventListener("htmx:beforeSwap", ({ target }) => {
    if (target === latest) {
        wasAtEnd = atEnd();
    } else if (target.classList.contains("rp-earlier")) {
        heldFrom = scroll.scrollHeight - scroll.scrollTop;
    }
});
document.addEventListener("htmx:beforeOnLoad", ({ target }) => {
    if (target.id === "deliveries") {
        wasAtEnd = atEnd();
    }
});
document.addEventListener("htmx:afterOnLoad", ({ target }) => {
    if (target.id === "deliveries" && wasAtEnd) {
        toEnd(); // the pieces made the last entry taller
    }
});
document.addEventListener("htmx:afterSettle", ({ target }) => {
    if (target === latest) {
        afterLatest();
    } else if (heldFrom !== null && scroll.contains(target) && !target.id.startsWith("sent-")) {
        scroll.scrollTop = scroll.scrollHeight - heldFrom;
        heldFrom = null;
        document.body.dispatchEvent(new CustomEvent("rapport:shown"));
    } else if (target.id === "reply") {
        if (wasAtEnd) {
            toEnd();
        }
        target.querySelector("[data-focus]")?.focus({ preventScroll: true });
    }
});
document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("form[data-reply] textarea");
    if (box && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        box.form.requestSubmit();
    }
});
newEntries.addEventListener("click", toEnd);
scroll.addEventListener("scroll", () => {
    if (atEnd()) {
        newEntries.hidden = true;
    }
});

known = count();
toEnd();
setInterval(countDown, 250);
