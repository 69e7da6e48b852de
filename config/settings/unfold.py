"""How the back office looks: its name, its colours, its sidebar."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy

# A calm green-blue whose 600 carries white text with a contrast of 5.4.
_PRIMARY = {
    "50": "oklch(98.4% .014 180.72)",
    "100": "oklch(95.3% .051 180.8)",
    "200": "oklch(91% .096 180.43)",
    "300": "oklch(85.5% .138 181.07)",
    "400": "oklch(77.7% .152 181.91)",
    "500": "oklch(65% .128 183.6)",
    "600": "oklch(51.1% .096 186.39)",
    "700": "oklch(43.7% .078 188.22)",
    "800": "oklch(38.6% .063 188.42)",
    "900": "oklch(33% .054 190)",
    "950": "oklch(27.7% .046 192.52)",
}


_OF_EVERYBODY = "jobs.job"  # each his own


def _may_view(permission: str) -> Any:
    app, model = permission.split(".")

    def allowed(request: HttpRequest) -> bool:
        user = request.user
        if permission == _OF_EVERYBODY:
            return bool(user.is_staff)
        return user.has_perm(f"{app}.view_{model}") or user.has_perm(f"{app}.change_{model}")

    return allowed


def _item(title: str, icon: str, permission: str) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{permission.replace('.', '_')}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": _may_view(permission)}


def _group(title: str, *items: tuple[str, str, str]) -> dict[str, Any]:
    return {"title": title, "separator": False, "items": [_item(*item) for item in items]}


def _tabs(permission: str, *items: tuple[str, dict[str, str]]) -> dict[str, Any]:
    """Ready-made views of one list: each a title and the query that it is."""
    name = f"admin:{permission.replace('.', '_')}_changelist"
    return {"models": [permission], "items": [_tab(name, permission, *item) for item in items]}


def _tab(name: str, permission: str, title: str, query: dict[str, str]) -> dict[str, Any]:
    return {
        "title": title,
        "link": lambda request: reverse(name, query=query or None),
        "permission": _may_view(permission),
        "active": lambda request: request.GET.dict() == query,
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Rapport",
    "SITE_HEADER": "Rapport",
    "SITE_SUBHEADER": "Every conversation in one place",
    "SITE_SYMBOL": "forum",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("rapport/icon.svg")},
    ],
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("rapport/back_office.css")],
    "SCRIPTS": [lambda request: static("rapport/back_office.js")],
    "COLORS": {"primary": _PRIMARY},
    "BORDER_RADIUS": "8px",
    "ACCOUNT": {
        "navigation": [
            {"title": "Password", "link": reverse_lazy("account_change_password")},
            {"title": "Second factor", "link": reverse_lazy("mfa_index")},
        ]
    },
    "DASHBOARD_CALLBACK": "communications.admin.home.dashboard",
    "TABS": [
        _tabs(
            "communications.messagedata",
            ("All", {}),
            ("Sent, last day", {"lately": "sent"}),
            ("Failed, last day", {"lately": "failed"}),
            ("In doubt", {"status__exact": "uncertain"}),
            ("Not sent", {"status__exact": "suppressed"}),
        ),
        _tabs(
            "communications.sendbatch",
            ("All", {}),
            ("Due now", {"time": "come"}),
            ("Parked", {"state__exact": "parked"}),
        ),
        _tabs("communications.webhookdelivery", ("All", {}), ("Quarantined", {"state__exact": "quarantined"})),
    ],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            _group(
                "Work",
                ("Conversations", "forum", "interactions.conversation"),
                ("Interactions", "history", "interactions.interaction"),
                ("Messages received", "inbox", "interactions.message"),
            ),
            _group(
                "Sending",
                ("Messages", "send", "communications.messagedata"),
                ("Templates", "article", "communications.messageschema"),
                ("Bulk requests", "dynamic_feed", "communications.bulksend"),
                ("Batches", "stacks", "communications.sendbatch"),
                ("Lines and rates", "speed", "communications.senderline"),
                ("Providers", "power", "communications.providercircuit"),
                ("Reminders", "alarm", "communications.reminderschedule"),
            ),
            _group(
                "People",
                ("Customers", "group", "customers.customer"),
                ("Employees", "badge", "customers.employee"),
                ("Appointments", "event", "customers.appointment"),
                ("Consent", "how_to_reg", "customers.consentevent"),
                ("Suppressions", "block", "customers.suppression"),
            ),
            _group(
                "System",
                ("Inbound journal", "webhook", "communications.webhookdelivery"),
                ("Delivery events", "receipt_long", "communications.deliveryevent"),
                ("Jobs", "manufacturing", "jobs.job"),
                ("Tokens", "key", "accounts.apitoken"),
                ("Users", "person", "accounts.user"),
                ("Groups", "groups", "auth.group"),
            ),
        ],
    },
}
