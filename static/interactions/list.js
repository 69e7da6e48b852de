// The list of conversations: says how many changed since it was read. Rows do not move under the pointer; a click reads it again.

const pill = document.getElementById("changed-conversations");
const changed = new Set();
let missed = false;

function tell() {
    const count = changed.size;
    const what = count === 1 ? "1 conversation changed" : `${count} conversations changed`;
    pill.querySelector("span:last-child").textContent = missed && !count ? "Show what changed meanwhile" : `${what} – show`;
    pill.hidden = false;
}

document.addEventListener("rapport:changed", ({ detail }) => {
    if (detail.conversation) {
        changed.add(detail.conversation);
    } else {
        missed = true;
    }
    tell();
});
pill.addEventListener("click", () => location.reload());
