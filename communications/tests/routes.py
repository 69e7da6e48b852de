"""The URL map as tests read it: every address with its name, its view and the methods that it answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Route:
    """`name` with its namespaces (`interactions:thread`); `arguments` are the names in its address."""

    name: str
    address: str
    arguments: tuple[str, ...]
    view: Any

    @property
    def methods(self) -> tuple[str, ...]:
        """Of a class-based view; a function's are not told."""
        view = getattr(self.view, "view_class", None) or getattr(self.view, "cls", None)
        return tuple(method for method in METHODS if hasattr(view, method))


def routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns, address="", namespace=""))


def _walk(patterns: list[Any], *, address: str, namespace: str) -> Iterator[Route]:
    for each in patterns:
        here = address + str(each.pattern)
        if isinstance(each, URLResolver):
            inner = ":".join(filter(None, (namespace, each.namespace)))
            yield from _walk(each.url_patterns, address=here, namespace=inner)
        elif isinstance(each, URLPattern):
            name = ":".join(filter(None, (namespace, each.name)))
            arguments = (*each.pattern.regex.groupindex, *getattr(each.pattern, "converters", ()))
            yield Route(name=name, address=here, arguments=tuple(dict.fromkeys(arguments)), view=each.callback)
