"""What people see when something is not there, not understood, or broken."""

import pytest
from django.core.exceptions import BadRequest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.defaults import bad_request, server_error


def test_an_address_that_leads_nowhere_has_a_page(client: Client) -> None:
    answer = client.get("/nowhere")

    assert answer.status_code == 404 and b"There is no such page" in answer.content


@pytest.mark.django_db
def test_a_form_without_its_mark_says_that_nothing_was_stored() -> None:
    answer = Client(enforce_csrf_checks=True).post(reverse("account_login"), {"login": "a@b.example"})

    assert answer.status_code == 403 and b"This page is too old" in answer.content


def test_a_fault_and_what_cannot_be_read_have_pages_that_need_nothing(rf: RequestFactory) -> None:
    broken, unread = server_error(rf.get("/")), bad_request(rf.get("/"), BadRequest())

    assert broken.status_code == 500 and b"Something went wrong" in broken.content
    assert unread.status_code == 400 and b"This was not understood" in unread.content
