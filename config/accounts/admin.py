"""Users, groups and API tokens in the back office."""

from typing import Any, cast

from allauth.account.admin import EmailAddress
from allauth.mfa.admin import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.forms import ModelForm, MultipleChoiceField
from django.http import HttpRequest
from knox.models import get_digest_token
from knox.settings import CONSTANTS
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from config.accounts import second_factor
from config.accounts.models import ApiToken, GroupPermission, User, UserGroup, UserPermission
from config.api.views import known_scopes
from config.history.admin import HistoryAdmin

admin.site.unregister([Group, EmailAddress, Authenticator])


@admin.register(User)
class UserAdmin(HistoryAdmin, BaseUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("email", "name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_active", "groups")
    search_fields = ("email", "name")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "name", "password1", "password2")}),)
    actions = ("remove_second_factor",)
    followed_links = (UserGroup, UserPermission)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What is his alone (jobs, remembered keys of requests) goes with him, though nobody deletes it by itself.

        Templates that he saved, in which his name stands, protect him: he is switched off instead.
        """
        told, counts, missing, protected = super().get_deleted_objects(objs, request)
        models = [field.related_model for field in User._meta.get_fields(include_hidden=True) if field.one_to_many]
        his = {str(model._meta.verbose_name) for model in models if model}
        return told, counts, set(missing) - his, protected

    @admin.action(description="Remove the second factor (phone and codes lost)", permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        had = second_factor.remove(users)
        for user in users:
            self.log_change(request, user, "Second factor removed.")
        messages.success(request, f"Removed, of {had}: the password alone signs in, until a new one is set up.")


@admin.register(Group)
class GroupAdmin(HistoryAdmin, BaseGroupAdmin, ModelAdmin):  # type: ignore[type-arg]
    followed_links = (GroupPermission,)


class TokenForm(ModelForm):  # type: ignore[type-arg]
    """What a token may do is chosen, not spelt."""

    scopes = MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text="Never more than its user may do."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {word for name in known_scopes() for word in (f"{name}:read", f"{name}:write")}
        others = [(word, word) for word in self.instance.scopes if word not in {"*", *known}]
        named = [(word, _in_words(word)) for word in sorted(known)]
        cast(MultipleChoiceField, self.fields["scopes"]).choices = [
            ("*", "Everything that its user may do"),
            *named,
            *others,
        ]


def _in_words(scope: str) -> str:
    name, _, verb = scope.partition(":")
    return f"Read {name}" if verb == "read" else f"Read and write {name}"


@admin.register(ApiToken)
class ApiTokenAdmin(HistoryAdmin, ModelAdmin):  # type: ignore[type-arg]
    """The key is shown once, in the message after saving: only its digest is stored. Deleting a token revokes it at once."""

    form = TokenForm
    list_display = ("name", "token_key", "user", "scopes", "created", "expiry")
    search_fields = ("name", "token_key", "user__email")
    fields = ("name", "user", "scopes", "expiry", "token_key", "created")
    readonly_fields = ("token_key", "created")
    autocomplete_fields = ("user",)
    list_select_related = ("user",)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if not change:
            obj.digest, token = get_digest_token()
            obj.token_key = token[: CONSTANTS.TOKEN_KEY_LENGTH]
            messages.warning(request, f"The key, shown only now: {token}")
        super().save_model(request, obj, form, change)
