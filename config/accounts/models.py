"""Who may sign in and which programs may call: on the ground floor, because every app above points at a user."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractBaseUser, Group, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from knox.models import AbstractAuthToken, AuthTokenManager

from config.db import UuidModel
from config.history.tracking import tracked


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user who signs in with `email` (stored in lower case). Raises ValueError without an address."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


@tracked("accounts_user_history", without=("last_login",), secrets=("password",))
class User(UuidModel, AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]
    """A person (or a program's account) who signs in by e-mail address."""

    PERSONAL_FIELDS: ClassVar = ("email", "name")

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_staff = models.BooleanField("may enter the back office", default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_lower_unique"),)

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return (self.name or self.email).split()[0]


@tracked("api_tokens_history", without=("digest",), key="token_key")
class ApiToken(AbstractAuthToken):
    """A program's key. Only its digest is kept; the key itself is shown once, when it is made."""

    PERSONAL_FIELDS: ClassVar = ()

    name = models.CharField(max_length=100)
    scopes = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="What the token may do, such as message-data:read or message-data:write; * for all its user may.",
    )

    objects = AuthTokenManager()

    class Meta:
        db_table = "api_tokens"
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"

    def allows(self, resource: str, *, write: bool) -> bool:
        """Whether a scope covers `resource` (`message-data`); a write scope includes reading."""
        needed = {f"{resource}:write"} if write else {f"{resource}:read", f"{resource}:write"}
        return "*" in self.scopes or bool(needed & set(self.scopes))


# Django's own tables, each tracked by a proxy that is nothing else.


@tracked("accounts_group_history")
class FollowedGroup(Group):
    PERSONAL_FIELDS: ClassVar = ()

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "group"


@tracked("accounts_group_permissions_history", without=("id",), key="group")
class GroupPermission(Group.permissions.through):  # type: ignore[name-defined,misc]
    PERSONAL_FIELDS: ClassVar = ()

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "permission"


@tracked("accounts_user_groups_history", without=("id",), key="user")
class UserGroup(User.groups.through):  # type: ignore[name-defined,misc]
    PERSONAL_FIELDS: ClassVar = ()

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "group"


@tracked("accounts_user_permissions_history", without=("id",), key="user")
class UserPermission(User.user_permissions.through):  # type: ignore[name-defined,misc]
    PERSONAL_FIELDS: ClassVar = ()

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "permission"
