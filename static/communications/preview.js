// The preview of an e-mail: how wide its frame is, and whether it is asked for light or dark. Kept from page to page.
// That of a push message: a picture that cannot be loaded gives way to what a phone shows in its place.

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

function standIn(picture) {
    const mark = document.createElement("span");
    mark.className = picture.classList.contains("rp-picture") ? "rp-picture-missing" : "rp-app";
    mark.title = "This picture could not be loaded.";
    picture.replaceWith(mark);
}

for (const picture of document.querySelectorAll(".rp-notice img")) {
    if (picture.complete && !picture.naturalWidth) {
        standIn(picture);
    } else {
        picture.addEventListener("error", () => standIn(picture));
    }
}
