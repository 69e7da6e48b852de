// The preview of an e-mail: how wide its frame is, and whether it is asked for light or dark. Kept from page to page.

const frame = document.getElementById("mail");
const kept = (name, otherwise) => sessionStorage.getItem(`rapport.preview.${name}`) ?? otherwise;

function press(name, value) {
    for (const button of document.querySelectorAll(`[data-${name}]`)) {
        button.setAttribute("aria-pressed", String(button.dataset[name] === value));
    }
    sessionStorage.setItem(`rapport.preview.${name}`, value);
}

function widen(width) {
    press("width", width);
    frame.width = width;
}

function light(scheme) {
    press("scheme", scheme);
    frame.src = `${frame.dataset.page}&scheme=${scheme}`;
}

if (frame) {
    document.querySelectorAll("[data-width]").forEach((button) => button.addEventListener("click", () => widen(button.dataset.width)));
    document.querySelectorAll("[data-scheme]").forEach((button) => button.addEventListener("click", () => light(button.dataset.scheme)));
    widen(kept("width", matchMedia("(max-width: 700px)").matches ? "390" : "600"));
    light(kept("scheme", "light"));
}
