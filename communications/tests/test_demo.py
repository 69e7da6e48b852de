import pytest
from django.core.management import CommandError, call_command

from config.accounts.models import User
from customers.models import Customer
from interactions.models import Message


@pytest.mark.django_db
def test_demo_data_is_made_once_and_found_again() -> None:
    call_command("seed_demo")
    before = (User.objects.count(), Customer.objects.count(), Message.objects.count())
    call_command("seed_demo")

    assert (User.objects.count(), Customer.objects.count(), Message.objects.count()) == before
    assert min(before) > 1


@pytest.mark.django_db
def test_users_with_a_known_password_are_never_made_outside_development(settings) -> None:
    settings.DEMO_DATA = False

    with pytest.raises(CommandError, match="development settings only"):
        call_command("seed_demo")
    assert not User.objects.exists()
