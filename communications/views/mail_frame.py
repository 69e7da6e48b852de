"""A mail as a page of its own, for a frame: nothing but styles and images, and it can do nothing."""

from django.http import HttpResponse

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; frame-ancestors 'self'; sandbox; "
    "base-uri 'none'; form-action 'none'"
)
#: About what clients do to a mail in the dark that has no dark look of its own: colours turned, pictures as they are.
_DARK = (
    "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}"
    "img{filter:invert(1) hue-rotate(180deg)}</style></head>"
)


def mail_frame(html: str, *, dark: bool) -> HttpResponse:
    """The answer obeys its own policy: no script, no form, no way out of the frame, and no word of where it is shown."""
    shown = html.replace("</head>", _DARK, 1) if dark else html
    return HttpResponse(shown, headers={"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"})
