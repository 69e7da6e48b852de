"""The shape of an e-mail template (source 000): blocks of nine types and global styles, as JSON Schema (2020-12).

Everything is a closed list: a misspelt style would otherwise vanish without a word. Each value says in its
`description` what it wants, and that is what an author reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from communications.rendering.problems import TemplateProblem

TYPES = ("text", "heading", "image", "button", "divider", "spacer", "columns", "html", "social")
NETWORKS = {
    "facebook": "Facebook",
    "instagram": "Instagram",
    "linkedin": "LinkedIn",
    "x": "X",
    "twitter": "Twitter",
    "youtube": "YouTube",
    "tiktok": "TikTok",
    "pinterest": "Pinterest",
    "whatsapp": "WhatsApp",
    "web": "Website",
}
_MAX_TEXT = 100_000

Shape = dict[str, Any]


def _pattern(pattern: str, wanted: str) -> Shape:
    return {"type": "string", "pattern": f"^(?:{pattern})$", "description": wanted}


def _pixels(low: int, high: int) -> Shape:
    """`16`, `"16"` or `"16px"`."""
    wanted = f"This has to be a length in pixels, {low} to {high}, such as “{high // 2}px”."
    number = {"type": "integer", "minimum": low, "maximum": high}
    return {"anyOf": [number, {"enum": [f"{n}{unit}" for n in range(low, high + 1) for unit in ("px", "")]}]} | {
        "description": wanted
    }


def _one_of(*values: object) -> Shape:
    return {"enum": [*values], "description": f"This has to be one of: {', '.join(map(str, values))}."}


def _object(properties: Shape, required: Sequence[str] = ()) -> Shape:
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


_TEXT = {"type": "string", "maxLength": _MAX_TEXT}
_LABEL = {"type": "string", "pattern": r"\S", "maxLength": 500, "description": "This has to be a short text."}
_URL = {"type": "string", "maxLength": 2_000}
_COLOUR = _pattern(
    r"#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6}|[a-zA-Z]{3,20}|rgb\(\s*\d{1,3}\s*(,\s*\d{1,3}\s*){2}\)",
    "This has to be a colour: “#1a2b3c”, “#333”, “rgb(10, 20, 30)” or its English name.",
)
_PADDING = _pattern(
    r"\d{1,3}(px)?(\s+\d{1,3}(px)?){0,3}", "This has to be one to four lengths in pixels, such as “8px 24px”."
)
_FONTS = _pattern(r"[\w ,'\"-]{1,200}", "This has to be a list of fonts, such as “Arial, sans-serif”.")
_BORDER = _pattern(
    r"none|0|\d{1,2}px (solid|dashed|dotted) (#[0-9a-fA-F]{3,6}|[a-zA-Z]{3,20})",
    "This has to be a border, such as “1px solid #cccccc”.",
)
_WIDTH = _pattern(r"\d{1,4}(px)?|\d{1,3}%", "This has to be a width, such as “200px” or “50%”.")
_WIDTH["type"] = ["string", "integer"]
_ALIGN = _one_of("left", "center", "right")
_BOX = {"padding": _PADDING, "backgroundColor": _COLOUR, "textAlign": _ALIGN}
_FONT = {
    "color": _COLOUR,
    "fontFamily": _FONTS,
    "fontSize": _pixels(8, 96),
    "fontWeight": _one_of("normal", "bold", *range(100, 1000, 100), *map(str, range(100, 1000, 100))),
    "fontStyle": _one_of("normal", "italic"),
    "lineHeight": _pattern(r"\d(\.\d{1,3})?|\d{1,3}px|\d{2,3}%", "This has to be a line height, such as “1.5”."),
    "letterSpacing": _pattern(r"-?\d{1,2}(\.\d{1,2})?px", "This has to be a length, such as “1px”."),
    "textDecoration": _one_of("none", "underline", "line-through"),
    "textTransform": _one_of("none", "uppercase", "lowercase", "capitalize"),
}
_FONT["lineHeight"]["type"] = ["string", "number"]
_FRAME = {"border": _BORDER, "borderRadius": _pixels(0, 100)}
_LINES = {"borderColor": _COLOUR, "borderWidth": _pixels(1, 20), "borderStyle": _one_of("solid", "dashed", "dotted")}


def _block(
    *, styles: Shape, properties: Shape | None = None, required: Sequence[str] = (), **parts: Shape
) -> Draft202012Validator:
    shape = {
        "id": {"type": ["string", "integer"]},
        "type": {},
        "content": _TEXT,
        "styles": _object(styles),
        "properties": _object(properties or {}),
    }
    return Draft202012Validator(_object(shape | parts, required))


_LINK = {"url": _URL, "href": _URL, "target": _one_of("_blank", "_self")}
_NESTED = {"type": "object", "properties": {"type": _one_of(*(each for each in TYPES if each != "columns"))}}
_COLUMN = _object(
    {
        "width": _WIDTH,
        "styles": _object(_BOX),
        "blocks": {"type": "array", "maxItems": 50, "items": _NESTED | {"required": ["type"]}},
    },
    ["blocks"],
)
_NETWORK = _object({"platform": _one_of(*NETWORKS), "url": _URL, "label": _LABEL}, ["platform", "url"])
_BLOCKS: Mapping[str, Draft202012Validator] = {
    "text": _block(styles=_BOX | _FONT, required=["content"]),
    "heading": _block(
        styles=_BOX | _FONT, properties={"level": _one_of(1, 2, 3)}, required=["content"], content=_LABEL
    ),
    "image": _block(
        styles=_BOX | _FRAME | {"width": _WIDTH},
        properties={"src": _URL, "alt": _TEXT, "width": _WIDTH, "align": _ALIGN} | _LINK,
    ),
    "button": _block(
        styles=_BOX | _FONT | _FRAME | {"width": _WIDTH},
        properties={"backgroundColor": _COLOUR, "textColor": _COLOUR, "align": _ALIGN, "width": _WIDTH}
        | _FRAME
        | _LINK,
        required=["content", "properties"],
        content=_LABEL,
    ),
    "divider": _block(
        styles=_BOX | _LINES | {"color": _COLOUR, "width": _WIDTH},
        properties=_LINES | {"color": _COLOUR, "width": _WIDTH},
    ),
    "spacer": _block(
        styles={"backgroundColor": _COLOUR, "height": _pixels(1, 200)}, properties={"height": _pixels(1, 200)}
    ),
    "columns": _block(
        styles={"padding": _PADDING, "backgroundColor": _COLOUR},
        required=["columns"],
        columns={"type": "array", "minItems": 1, "maxItems": 4, "items": _COLUMN},
    ),
    "html": _block(styles=_BOX | _FONT, required=["content"]),
    "social": _block(
        styles=_BOX | _FONT,
        properties={"links": {"type": "array", "minItems": 1, "maxItems": 10, "items": _NETWORK}, "align": _ALIGN},
        required=["properties"],
    ),
}
_DOCUMENT = Draft202012Validator(
    {
        "type": "object",
        "required": ["blocks"],
        "properties": {
            "blocks": {
                "type": "array",
                "minItems": 1,
                "maxItems": 200,
                "items": {"type": "object", "required": ["type"], "properties": {"type": _one_of(*TYPES)}},
            },
            "globalStyles": _object(
                {
                    "backgroundColor": _COLOUR,
                    "contentBackgroundColor": _COLOUR,
                    "linkColor": _COLOUR,
                    "color": _COLOUR,
                    "fontFamily": _FONTS,
                    "maxWidth": _pixels(320, 960),
                    "margin": _PADDING,
                    "padding": _PADDING,
                }
            ),
            "variables": {},
        },
        "additionalProperties": False,
    }
)


def check_shape(template_schema: object) -> None:
    """Raises TemplateProblem whose field is the first value out of shape, such as `blocks[2].properties.url`."""
    _check(_DOCUMENT, template_schema, "")
    assert isinstance(template_schema, Mapping)
    for field, block in walk(template_schema["blocks"]):
        _check(_BLOCKS[block["type"]], block, field)


def walk(blocks: Sequence[Mapping[str, Any]], place: str = "blocks") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every block with its field, those in columns after the block that holds them."""
    for index, block in enumerate(blocks):
        field = f"{place}[{index}]"
        yield field, block
        for number, column in enumerate(block.get("columns", ()) if block["type"] == "columns" else ()):
            yield from walk(column["blocks"], f"{field}.columns[{number}].blocks")


def _check(validator: Draft202012Validator, value: object, place: str) -> None:
    errors = sorted(validator.iter_errors(value), key=lambda error: [*error.absolute_path])
    if errors:
        raise _problem(errors[0], place)


def _problem(error: ValidationError, place: str) -> TemplateProblem:
    path = [*error.absolute_path]
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return TemplateProblem(f"“{missing}” is missing.", field=_field(place, [*path, missing]))
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        name = next(name for name in error.instance if name not in known)
        wanted = f" Known here: {', '.join(known)}." if known else ""
        return TemplateProblem(f"“{str(name)[:60]}” is not known here.{wanted}", field=_field(place, [*path, name]))
    return TemplateProblem(_complaint(error), field=_field(place, path) or "template_schema")


def _complaint(error: ValidationError) -> str:
    if told := error.schema.get("description"):
        return str(told)
    limit = error.validator_value
    match error.validator:
        case "type":
            kinds = " or ".join(limit) if isinstance(limit, list) else limit
            return f"This has to be of type {kinds}."
        case "minItems":
            return f"There has to be at least {limit} of these."
        case "maxItems":
            return f"There can be at most {limit} of these."
        case "maxLength":
            return f"This can have at most {limit} characters."
    return f"This does not fit: {error.message[:200]}."


def _field(place: str, path: Sequence[str | int]) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"{place}{steps}".lstrip(".")
