"""E-mail templates that tests share."""

from typing import Any

# as it stands in source 000
SOURCE_000: dict[str, Any] = {
    "blocks": [
        {
            "id": "block-1",
            "type": "text",
            "content": "Hello {{firstName}},",
            "styles": {"fontSize": "16px", "color": "#333"},
        },
        {
            "id": "block-2",
            "type": "text",
            "content": "Your order {{orderNumber}} has been shipped!",
            "styles": {"fontSize": "18px", "fontWeight": "bold"},
        },
        {
            "id": "block-3",
            "type": "button",
            "content": "Track Order",
            "properties": {
                "url": "https://huronhome.ca/orders/{{orderNumber}}",
                "backgroundColor": "#007bff",
                "textColor": "#fff",
            },
        },
    ],
    "globalStyles": {"backgroundColor": "#f8f9fa", "fontFamily": "Arial, sans-serif", "maxWidth": "600px"},
}

# every type of block once
VISIT: dict[str, Any] = {
    "blocks": [
        {"type": "heading", "content": "Your visit is booked", "properties": {"level": 1}},
        {
            "type": "text",
            "content": 'Hello {{ firstName | default: "there" }},\n\n{% if visits < 2 %}Welcome{% endif %}',
        },
        {
            "type": "image",
            "content": "https://huronhome.ca/van.png",
            "properties": {"alt": "Our van", "width": "536px"},
        },
        {
            "type": "columns",
            "columns": [
                {"blocks": [{"type": "heading", "content": "When", "properties": {"level": 3}}]},
                {"width": "50%", "blocks": [{"type": "text", "content": "{{address}}"}]},
            ],
        },
        {
            "type": "html",
            "content": "<table><tr><th>Item</th></tr>{% for line in lines %}<tr><td>{{ line.name }}</td></tr>"
            "{% endfor %}</table>",
        },
        {"type": "spacer", "properties": {"height": 16}},
        {"type": "button", "content": "Confirm", "properties": {"href": "{{ link }}", "align": "center"}},
        {"type": "divider"},
        {
            "type": "social",
            "properties": {"links": [{"platform": "facebook", "url": "https://facebook.com/huronhome?a=1&b=2"}]},
        },
    ]
}
VISIT_VALUES: dict[str, Any] = {
    "firstName": "Zoë",
    "visits": 1,
    "address": "123 Main St",
    "lines": [{"name": "Filter"}, {"name": "Labour < 1 h"}],
    "link": "https://huronhome.ca/confirm?x=1&y=2",
}


def of(*blocks: dict[str, Any], **styles: Any) -> dict[str, Any]:
    return {"blocks": [*blocks], "globalStyles": styles}


def text(content: Any, **styles: Any) -> dict[str, Any]:
    return {"type": "text", "content": content, "styles": styles}


def html(content: str) -> dict[str, Any]:
    return {"type": "html", "content": content}


def button(url: str, **properties: Any) -> dict[str, Any]:
    return {"type": "button", "content": "Go", "properties": {"url": url, **properties}}
