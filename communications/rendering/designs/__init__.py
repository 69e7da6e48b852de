"""Starter designs: e-mails to begin from. Each is a JSON file beside this one; its pictures are ours, under static/."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.html import escape

from communications.choices import DeliveryMethod
from communications.tracking import footer
from communications.tracking.links import STATIC_URL

_FOLDER = Path(__file__).parent
_PICTURES = "static:"  # before the name of a picture in a design
_OURS = f"{{{{ {STATIC_URL} }}}}communications/designs/"
_IMPRINT = "brand:imprint"  # where our name and postal address stand


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a new template begins with. `key` is the name of its file."""

    key: str
    name: str
    descr: str
    icon: str
    category: str
    purpose: str
    subject: str
    preview_text: str
    template_schema: dict[str, Any]

    def as_initial(self) -> dict[str, Any]:
        """Fields of a MessageSchema."""
        names = ("name", "descr", "category", "purpose", "subject", "preview_text", "template_schema")
        return {name: getattr(self, name) for name in names} | {"message_delivery_method": DeliveryMethod.EMAIL}


def all_designs() -> list[Design]:
    return [_read(path) for path in sorted(_FOLDER.glob("*.json"))]


def design(key: str) -> Design | None:
    return next((each for each in all_designs() if each.key == key), None)


def _read(path: Path) -> Design:
    """The pictures of a design stand where this installation serves its own files, which each mail says anew.

    Our name and postal address are the installation's, as the unsubscribe page shows them.
    """
    imprint = json.dumps(escape(footer.imprint()), ensure_ascii=False)[1:-1]
    text = path.read_text(encoding="utf-8").replace(_PICTURES, _OURS).replace(_IMPRINT, imprint)
    content = json.loads(text)
    return Design(key=path.stem, **content)
