"""Staff need a second factor (`STAFF_SECOND_FACTOR`): without one, every page leads to where it is set up, and then back.

Programs with a token are not concerned. A browser's session is refused by the API and at the sockets for the same reason.
"""

from collections.abc import Callable, Iterable
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from config.accounts.models import User

AFTERWARDS = "after_second_factor"  # in the session: the page that was asked for
_OURS = "accounts/"


def is_missing(user: Any) -> bool:
    """Whether `user` must set up a second factor before anything else."""
    return bool(settings.STAFF_SECOND_FACTOR and user.is_staff and not is_mfa_enabled(user))


def remove(users: Iterable[User]) -> int:
    """Whoever lost his phone and his recovery codes signs in by password, and sets up anew. How many had a second factor."""
    found = Authenticator.objects.filter(user__in=users)
    had = found.values("user").distinct().count()
    found.delete()
    return had


class SecondFactorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if _is_open(request, view):
            return None
        if not is_missing(request.user):
            request.session.pop(AFTERWARDS, None)
            return None
        return _to_set_up(request)


def _is_open(request: HttpRequest, view: Any) -> bool:
    """The pages of the account itself, and what needs no session (the API looks for itself)."""
    route = request.resolver_match.route if request.resolver_match else ""
    return route.startswith(_OURS) or not getattr(view, "login_required", True)


def _to_set_up(request: HttpRequest) -> HttpResponse:
    address = reverse("mfa_activate_totp")
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(address)
    if request.method == "GET":
        request.session[AFTERWARDS] = request.get_full_path()
    return redirect(address)
