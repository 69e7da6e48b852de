"""The back office as a site: entered by the one sign-in page, under a policy of its own."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.http.request import split_domain_port
from django.shortcuts import redirect, resolve_url
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite


class BackOfficeSite(UnfoldAdminSite):
    empty_value_display = "–"

    @method_decorator([never_cache, login_not_required])
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Never Django's own form, which knows no second factor and counts no attempts."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or resolve_url(settings.LOGIN_REDIRECT_URL))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        return redirect("account_change_password")

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """The theme evaluates its directives (Alpine) and writes its colours into the page (django-unfold#2129)."""
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def under_its_policy(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            _check_readable(request)
            response = guarded(request, *args, **kwargs)
            response._csp_update = {
                "script-src": [UNSAFE_EVAL],
                "style-src": [UNSAFE_INLINE],
                "connect-src": [_live_origin(request)],
            }
            return response

        return under_its_policy


def _check_readable(request: HttpRequest) -> None:
    """Raises BadRequest for a key or a filter with a NUL: PostgreSQL keeps none, and no column could be compared with it."""
    filters = (value for name, values in request.GET.lists() if "__" in name for value in values)
    if any("\x00" in text for text in (request.path, *filters)):
        raise BadRequest("No key and no filter holds a NUL.")


def _live_origin(request: HttpRequest) -> str:
    """Where the pages' sockets are."""
    if settings.LIVE_URL:
        return str(settings.LIVE_URL)
    host, _ = split_domain_port(request.get_host())
    return f"{'wss' if request.is_secure() else 'ws'}://{host}:{settings.LIVE_PORT}"
