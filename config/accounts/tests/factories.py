"""Accounts for tests. Nobody can sign in with them unless a test sets a password."""

import factory
from django.contrib.auth.models import Permission
from factory.django import DjangoModelFactory

from config.accounts.models import (
    ApiToken,
    FollowedGroup,
    GroupPermission,
    User,
    UserGroup,
    UserPermission,
)


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"user{n}@rapport.test")
    name = "Robin Reed"


class ApiTokenFactory(DjangoModelFactory[ApiToken]):
    class Meta:
        model = ApiToken

    digest = factory.Sequence(lambda n: f"{n:0128x}")
    token_key = factory.Sequence(lambda n: f"rap_{n:08x}")
    user = factory.SubFactory(UserFactory)
    name = "Website"
    scopes = factory.LazyFunction(lambda: ["*"])

    @classmethod
    def _create(cls, model_class: type[ApiToken], *_args: object, **values: object) -> ApiToken:
        """Past knox's manager, which makes a digest of its own."""
        token = model_class(**values)
        token.save(force_insert=True)
        return token


class GroupFactory(DjangoModelFactory[FollowedGroup]):
    class Meta:
        model = FollowedGroup

    name = factory.Sequence(lambda n: f"Group {n}")


class GroupPermissionFactory(DjangoModelFactory[GroupPermission]):
    class Meta:
        model = GroupPermission

    group = factory.SubFactory(GroupFactory)
    permission = factory.LazyFunction(lambda: Permission.objects.earliest("pk"))


class UserGroupFactory(DjangoModelFactory[UserGroup]):
    class Meta:
        model = UserGroup

    user = factory.SubFactory(UserFactory)
    group = factory.SubFactory(GroupFactory)


class UserPermissionFactory(DjangoModelFactory[UserPermission]):
    class Meta:
        model = UserPermission

    user = factory.SubFactory(UserFactory)
    permission = factory.LazyFunction(lambda: Permission.objects.earliest("pk"))
