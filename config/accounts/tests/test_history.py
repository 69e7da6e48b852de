"""Who was let in, what tokens may do: followed, and no secret is copied."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from config.accounts.models import ApiToken, User, UserGroup, UserPermission
from config.accounts.tests.factories import ApiTokenFactory, GroupFactory, UserFactory
from config.db import fetch_all
from config.history.changes import history_of
from config.history.tracking import history_model
from config.tests.back_office import history_url


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(UserFactory(name="Emily Stone", is_staff=True, is_superuser=True))
    return client


def everything_kept() -> str:
    """All that the histories of this app hold, as text."""
    tables = [history_model(model)._meta.db_table for model in (User, ApiToken)]  # type: ignore[union-attr]
    return " ".join(text for table in tables for (text,) in fetch_all(f'SELECT h::text FROM "{table}" AS h'))


@pytest.mark.django_db
def test_that_a_password_changed_is_kept_but_not_the_password() -> None:
    user = UserFactory()
    user.set_password("correct horse")
    user.save()
    before = user.password

    User.objects.filter(pk=user.pk).update(password="another$hash", last_login="2026-01-01T00:00Z")

    kept = history_model(User)
    assert kept is not None
    assert list(kept.objects.order_by("pgh_id").values_list("pgh_label", flat=True)) == [
        "insert",
        "password",
        "password",
    ]
    assert before not in everything_kept() and "another$hash" not in everything_kept()


@pytest.mark.django_db
def test_signing_in_is_no_change() -> None:
    user = UserFactory()

    User.objects.filter(pk=user.pk).update(last_login="2026-01-01T00:00Z")

    kept = history_model(User)
    assert kept is not None and kept.objects.count() == 1


@pytest.mark.django_db
def test_a_tokens_digest_is_not_copied() -> None:
    token = ApiTokenFactory()

    ApiToken.objects.update(scopes=["customer:read"])

    assert token.token_key in everything_kept() and "customer:read" in everything_kept()
    assert token.digest not in everything_kept()


def test_a_token_that_staff_makes_and_changes_leaves_no_secret(staff: Client) -> None:
    user = User.objects.get()
    form = {"name": "Website", "user": str(user.pk), "scopes": "customer:read"}
    answer = staff.post(reverse("admin:accounts_apitoken_add"), form, follow=True)
    token = ApiToken.objects.get()
    staff.post(reverse("admin:accounts_apitoken_change", args=[token.pk]), {**form, "scopes": "customer:write"})

    html = staff.get(history_url(token)).content.decode()

    assert "customer:write" in html and "Emily Stone" in html and "/admin/accounts/apitoken/…/change/" in html
    [key] = [word for word in answer.content.decode().split() if word.startswith("rap_") and len(word) > 40]
    for secret in (token.digest, key.split("<")[0]):
        assert secret not in everything_kept()
    assert token.digest not in html.split("rp-change", 1)[1]  # before it stand links to the token's page


def test_a_users_history_names_who_let_him_in(staff: Client) -> None:
    other = UserFactory(name="Sam Poole")
    form = {"email": other.email, "name": "Sam Poole", "is_staff": "on", "is_active": "on"}
    assert staff.post(reverse("admin:accounts_user_change", args=[other.pk]), form).status_code == 302

    html = staff.get(history_url(other)).content.decode()

    assert "May enter the back office" in html and "<ins>Yes</ins>" in html and "Emily Stone" in html
    assert "password" not in html.split("rp-change", 1)[1].lower()


def test_what_a_user_was_given_and_lost_is_told_among_his_changes(staff: Client) -> None:
    other, group = UserFactory(name="Sam Poole"), Group.objects.create(name="Night shift")
    right = Permission.objects.get(codename="view_apitoken")
    form = {"email": other.email, "name": "Sam Poole", "is_active": "on"}
    address = reverse("admin:accounts_user_change", args=[other.pk])

    staff.post(address, {**form, "groups": [group.pk], "user_permissions": [right.pk]})
    User.groups.through.objects.all().delete()

    html = staff.get(history_url(other)).content.decode()
    assert "Group added" in html and "<ins>Night shift</ins>" in html and "<del>Night shift</del>" in html
    assert "Permission added" in html and f"<ins>{right}</ins>" in html
    assert html.index("Group removed") < html.index("Group added") < html.index("Made")


def test_what_a_group_may_do_is_told_among_its_changes(staff: Client) -> None:
    group, rights = Group.objects.create(name="Night shift"), list(Permission.objects.all()[:3])
    form = {"name": "Late shift", "permissions": [right.pk for right in rights]}

    assert staff.post(reverse("admin:auth_group_change", args=[group.pk]), form).status_code == 302

    html = staff.get(history_url(group)).content.decode()
    assert "<del>Night shift</del>" in html and "<ins>Late shift</ins>" in html
    assert html.count("Permission added") == 1 and "Emily Stone" in html  # what one form gave is one change
    assert all(f"<ins>{right}</ins>" in html for right in rights)


@pytest.mark.django_db
def test_pages_of_a_history_and_of_what_is_linked_tell_each_change_once() -> None:
    user, groups = UserFactory(), GroupFactory.create_batch(2)
    for number in range(20):
        user.groups.set([groups[number % 2]])
        User.objects.filter(pk=user.pk).update(name=f"Sam {number}")
    kept, links = history_model(User), [history_model(UserGroup), history_model(UserPermission)]

    pages, before = [], ""
    while before is not None:
        page = history_of(kept, user.pk, links=links, before=before)  # type: ignore[arg-type]
        pages.append(page.changes)
        before = page.older

    told = [change for page in pages for change in page]
    assert [len(page) for page in pages] == [25, 25, 10]
    assert [change.at for change in told] == sorted({change.at for change in told}, reverse=True)
    assert [change.verb for change in told[:3]] == ["Changed", "Group added", "Group removed"]
    assert [each.before for each in told[0].differences] == ["Sam 18"] and told[-1].verb == "Made"


@pytest.mark.parametrize("before", ["1", "1.2", "1.2.x", "..", "1.2.9999999999999999999"])
def test_a_place_that_is_none_begins_with_the_newest(staff: Client, before: str) -> None:
    user = User.objects.get()

    assert b"Made" in staff.get(history_url(user), {"before": before}).content
