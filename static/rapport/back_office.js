// Names for what the back office's widgets leave nameless, so that a screen reader can tell them.

function nameOf(select) {
    const label = select.id && document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    return (label?.textContent ?? select.name).replace("*", "").trim();
}

function tell(root) {
    for (const box of root.querySelectorAll(".select2-selection[role=combobox]")) {
        const select = box.closest(".select2-container")?.previousElementSibling;
        const shown = box.querySelector(".select2-selection__rendered");
        if (select?.tagName === "SELECT" && !box.hasAttribute("aria-label")) {
            box.removeAttribute("aria-labelledby");
            box.setAttribute("aria-label", nameOf(select));
            shown?.setAttribute("aria-label", nameOf(select));
        }
    }
    for (const hint of root.querySelectorAll(".help-tooltip[aria-label]:not([role])")) {
        hint.setAttribute("role", "img");
    }
}

addEventListener("load", () => {
    tell(document);
    new MutationObserver(() => tell(document)).observe(document.body, { childList: true, subtree: true });
});
