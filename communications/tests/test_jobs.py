"""Actions on all that match: jobs that go piece by piece, once each, for whoever may, with progress and a file."""

import csv
import io
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from psycopg.errors import DeadlockDetected

from communications.choices import MessageStatus, Reason
from communications.models import MessageData, WebhookDelivery
from communications.tests.factories import (
    IdempotencyKeyFactory,
    MessageDataFactory,
    MessageSchemaVersionFactory,
    WebhookDeliveryFactory,
)
from config.accounts.models import User
from config.accounts.tests.factories import ApiTokenFactory, UserFactory
from config.jobs import actions
from config.jobs.actions import cancel_job, delete_old_jobs, run_jobs, run_piece
from config.jobs.models import Job
from config.tests.back_office import list_url, row_url
from customers.tests.database import at_once
from customers.tests.factories import ConsentEventFactory

pytestmark = pytest.mark.django_db
FAILED = MessageStatus.FAILED


@pytest.fixture
def emily() -> User:
    return UserFactory(name="Emily Thompson", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(client: Client, emily: User) -> Client:
    client.force_login(emily)
    return client


@pytest.fixture
def two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "_SMALL_PIECE", 2)
    monkeypatch.setattr(actions, "_PIECE", {"export_csv": 2})


def failed(count: int, **values: Any) -> list[MessageData]:
    return MessageDataFactory.create_batch(count, status=FAILED, decision_reason=Reason.UNDELIVERED, **values)


def begin(client: Client, action: str, model: type = MessageData, **query: str) -> Job:
    """Choose one row, then “all matching”."""
    first = model.objects.first()
    form = {"action": action, "_selected_action": str(first.pk), "select_across": "1", "index": "0"}
    answer = client.post(list_url(model, **query), form)
    assert answer.status_code == 302, answer.content.decode()[:500]
    job = Job.objects.get()
    assert answer["Location"] == row_url(job)
    return job


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def finish(job: Job) -> Job:
    run_jobs(seconds=60)
    return fresh(job)


@pytest.mark.usefixtures("two_at_a_time")
def test_every_row_that_matches_is_dealt_with_once_and_no_other(staff: Client) -> None:
    rows, other = failed(5), MessageDataFactory()
    job = begin(staff, "send_again", status__exact="failed")
    assert MessageData.objects.count() == 6

    job = finish(job)

    assert (job.state, job.total, job.position, job.changed, job.percent) == ("done", 5, 5, 5, 100)
    assert set(MessageData.objects.filter(resend_of__in=rows).values_list("resend_of", flat=True)) == {
        r.pk for r in rows
    }
    assert not MessageData.objects.filter(resend_of=other).exists()


@pytest.mark.usefixtures("two_at_a_time")
def test_what_is_made_later_is_not_part_of_it(staff: Client) -> None:
    failed(3)
    job = begin(staff, "send_again", status__exact="failed")
    run_piece(job.pk)
    later = failed(2)

    job = finish(job)

    assert job.changed == 3
    assert not MessageData.objects.filter(resend_of__in=later).exists()


@pytest.mark.usefixtures("two_at_a_time")
def test_an_older_row_that_comes_to_match_meanwhile_was_not_chosen(staff: Client) -> None:
    older = MessageDataFactory()
    failed(3)
    job = begin(staff, "send_again", status__exact="failed")
    run_piece(job.pk)
    MessageData.objects.filter(pk=older.pk).update(status=FAILED)

    job = finish(job)

    assert (job.total, job.position, job.changed) == (3, 3, 3)
    assert not MessageData.objects.filter(resend_of=older).exists()


def test_a_row_that_no_longer_matches_is_left_alone(staff: Client) -> None:
    [first, second] = failed(2)
    job = begin(staff, "send_again", status__exact="failed")
    MessageData.objects.filter(pk=first.pk).update(status=MessageStatus.DELIVERED, sent_ts=timezone.now())

    job = finish(job)

    assert (job.total, job.position, job.changed, job.notes) == (2, 2, 1, [])
    assert MessageData.objects.get(resend_of__isnull=False).resend_of == second


def test_more_than_can_be_remembered_is_refused(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_CHANGED", 2)
    rows = failed(3)
    form = {"action": "send_again", "_selected_action": str(rows[0].pk), "select_across": "1", "index": "0"}

    told = staff.post(list_url(MessageData, status__exact="failed"), form, follow=True).content.decode()

    assert "At most 2 rows are changed at once" in told
    assert not Job.objects.exists()


def test_who_could_not_be_served_is_told_with_the_reason(staff: Client) -> None:
    [first, _] = failed(2)
    MessageData.objects.filter(pk=first.pk).update(decision_reason=Reason.TEMPLATE_ERROR)

    job = finish(begin(staff, "send_again", status__exact="failed"))

    assert (job.position, job.changed) == (2, 1)
    assert job.notes == [f"{first.message_number}: It could not be sent again: the template cannot be rendered."]
    assert job.notes[0] in staff.get(row_url(job)).content.decode()


@pytest.mark.usefixtures("two_at_a_time")
def test_a_piece_that_breaks_leaves_nothing_half_done(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    failed(4)
    job = begin(staff, "send_again", status__exact="failed")
    assert run_piece(job.pk)
    real = Job.save

    def break_off(self: Job, *args: Any, **kwargs: Any) -> None:
        if self.position == 4:
            raise RuntimeError("pulled the plug")
        real(self, *args, **kwargs)

    monkeypatch.setattr(Job, "save", break_off)
    run_piece(job.pk)

    job = fresh(job)
    assert (job.state, job.position, job.changed) == ("failed", 2, 2)
    assert job.notes == ["It stopped at an error: RuntimeError. What was done stays done."]
    assert MessageData.objects.filter(resend_of__isnull=False).count() == 2


def test_a_piece_that_gave_way_to_somebody_is_done_again(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = failed(2)
    job = begin(staff, "send_again", status__exact="failed")
    given_way: list[bool] = []
    real = Job.save

    def give_way_once(self: Job, *args: Any, **kwargs: Any) -> None:
        if not given_way:
            given_way.append(True)
            raise OperationalError from DeadlockDetected()
        real(self, *args, **kwargs)

    monkeypatch.setattr(Job, "save", give_way_once)
    job = finish(job)

    assert (job.state, job.changed, job.notes) == ("done", 2, [])
    assert MessageData.objects.filter(resend_of__in=rows).count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("two_at_a_time")
def test_two_workers_do_no_row_twice(staff: Client) -> None:
    rows = failed(6)
    job = begin(staff, "send_again", status__exact="failed")

    at_once(*[lambda: run_jobs(seconds=60)] * 2)
    job = finish(job)

    assert (job.state, job.changed) == ("done", 6)
    assert MessageData.objects.filter(resend_of__in=rows).count() == 6


@pytest.mark.usefixtures("two_at_a_time")
def test_the_page_that_was_looked_at_says_nothing_of_the_rows(staff: Client) -> None:
    quarantined = WebhookDelivery.State.QUARANTINED
    WebhookDeliveryFactory.create_batch(60, state=quarantined, reason="Unreadable")

    job = finish(begin(staff, "replay_deliveries", WebhookDelivery, state__exact="quarantined", p="2"))

    assert (job.state, job.changed) == ("done", 60)


def test_who_is_no_longer_staff_or_may_no_longer_see_gets_nothing_more(staff: Client, emily: User) -> None:
    failed(2)
    job = finish(begin(staff, "export_csv", status__exact="failed"))
    User.objects.filter(pk=emily.pk).update(is_superuser=False)
    assert staff.get(reverse("admin:jobs_job_file", args=[job.pk])).status_code == 403

    User.objects.filter(pk=emily.pk).update(is_superuser=True, is_staff=False)
    Job.objects.update(state="waiting", finished_ts=None)
    assert finish(job).state == "failed"


def test_whoever_may_no_longer_do_it_does_not(staff: Client, emily: User) -> None:
    failed(2)
    job = begin(staff, "send_again", status__exact="failed")
    User.objects.filter(pk=emily.pk).update(is_superuser=False)

    job = finish(job)

    assert (job.state, job.notes) == ("failed", ["Whoever began it is not allowed to do this any more."])
    assert MessageData.objects.count() == 2


@pytest.mark.usefixtures("two_at_a_time")
def test_a_job_is_cancelled_between_two_pieces(staff: Client) -> None:
    failed(4)
    job = begin(staff, "send_again", status__exact="failed")
    run_piece(job.pk)

    assert "Cancel" in staff.get(row_url(job)).content.decode()
    told = staff.post(reverse("admin:jobs_job_cancel", args=[job.pk]), follow=True).content.decode()
    run_jobs(seconds=60)

    assert "It is cancelled." in told
    assert (fresh(job).state, fresh(job).changed) == ("cancelled", 2)
    assert not cancel_job(job)


def test_all_quarantined_webhooks_are_replayed(staff: Client) -> None:
    quarantined = WebhookDelivery.State.QUARANTINED
    WebhookDeliveryFactory.create_batch(3, state=quarantined, reason="Unreadable")

    job = finish(begin(staff, "replay_deliveries", WebhookDelivery, state__exact="quarantined"))

    assert (job.state, job.changed) == ("done", 3)
    assert not WebhookDelivery.objects.filter(state=quarantined).exists()


@pytest.mark.usefixtures("two_at_a_time")
def test_an_export_is_one_file_of_every_match_without_formulas(staff: Client) -> None:
    failed(5, recipient_name="=cmd|' /C calc'!A0")
    job = begin(staff, "export_csv", status__exact="failed")
    assert staff.get(reverse("admin:jobs_job_file", args=[job.pk])).status_code == 404

    job = finish(job)

    answer = staff.get(reverse("admin:jobs_job_file", args=[job.pk]))
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert (job.changed, len(rows)) == (5, 5)
    assert {row["recipient_name"] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert {row["message_number"] for row in rows} == set(MessageData.objects.values_list("message_number", flat=True))
    assert "attachment" in answer["Content-Disposition"]


def test_a_repeated_piece_of_an_export_doubles_nothing(staff: Client) -> None:
    failed(2)
    job = begin(staff, "export_csv")
    run_piece(job.pk)
    Job.objects.update(position=0, changed=0, cursor="", total=None)

    finish(job)

    text = b"".join(staff.get(reverse("admin:jobs_job_file", args=[job.pk])).streaming_content)  # type: ignore[attr-defined]
    assert text.decode().count("MSG-") == 2


def test_rows_chosen_one_by_one_are_exported_at_once(staff: Client) -> None:
    [row, other] = failed(2)

    answer = staff.post(list_url(MessageData), {"action": "export_csv", "_selected_action": str(row.pk)})

    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert row.message_number in text and other.message_number not in text
    assert not Job.objects.exists()


def test_a_file_is_kept_for_a_week(staff: Client) -> None:
    failed(1)
    job = finish(begin(staff, "export_csv"))
    delete_old_jobs()
    assert default_storage.listdir(f"exports/{job.pk}")[1]

    Job.objects.update(finished_ts=timezone.now() - actions.KEPT)
    delete_old_jobs()

    assert not Job.objects.exists()
    assert not default_storage.exists(f"exports/{job.pk}")


def test_who_began_a_job_can_be_deleted_and_its_file_goes_too(client: Client, staff: Client) -> None:
    failed(1)
    job = finish(begin(staff, "export_csv"))
    IdempotencyKeyFactory(user=job.created_by)
    ConsentEventFactory(actor=job.created_by)
    ApiTokenFactory(user=job.created_by)
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    address = reverse("admin:accounts_user_delete", args=[job.created_by_id])

    asked = client.get(address).content.decode()
    client.post(address, {"post": "yes"})
    delete_old_jobs()

    assert "Are you sure" in asked
    assert not User.objects.filter(pk=job.created_by_id).exists()
    assert not Job.objects.exists()
    assert not default_storage.exists(f"exports/{job.pk}")


def test_who_saved_a_template_is_told_what_keeps_him(client: Client, emily: User) -> None:
    MessageSchemaVersionFactory(created_by=emily)
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    told = client.get(reverse("admin:accounts_user_delete", args=[emily.pk])).content.decode()

    assert "protected" in told and "Are you sure" not in told


@pytest.mark.django_db(transaction=True)
def test_an_error_overwrites_no_cancellation(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    failed(1)
    job = begin(staff, "send_again", status__exact="failed")

    def unreadable(job: Job) -> None:
        raise ValueError

    monkeypatch.setattr(actions, "_rows", unreadable)
    monkeypatch.setattr(actions.log, "exception", lambda *_, **__: at_once(lambda: cancel_job(job)))
    run_piece(job.pk)

    assert fresh(job).state == "cancelled"


def test_what_was_done_is_told_for_a_month(staff: Client) -> None:
    failed(1)
    finish(begin(staff, "send_again", status__exact="failed"))

    Job.objects.update(finished_ts=timezone.now() - actions.KEPT)
    delete_old_jobs()
    assert Job.objects.exists()

    Job.objects.update(finished_ts=timezone.now() - actions.REMEMBERED)
    delete_old_jobs()
    assert not Job.objects.exists()


def test_a_job_is_its_owners_alone(staff: Client, client: Client) -> None:
    failed(1)
    job = finish(begin(staff, "export_csv"))
    other = Client()
    other.force_login(UserFactory(is_staff=True))

    for name in ("progress", "file"):
        address = reverse(f"admin:jobs_job_{name}", args=[job.pk])
        assert (staff.get(address).status_code, other.get(address).status_code) == (200, 404)
    assert other.post(reverse("admin:jobs_job_cancel", args=[job.pk])).status_code == 404
    assert str(job.pk) not in other.get(list_url(Job)).content.decode()
    assert other.get(row_url(job)).status_code == 302


def test_an_action_that_the_page_does_not_have_begins_nothing(staff: Client) -> None:
    failed(1)
    for action in ("delete_selected", "nothing", ""):
        form = {"action": action, "_selected_action": "1", "select_across": "1", "index": "0"}
        staff.post(list_url(MessageData), form)
    staff.post(list_url(MessageData), {"action": "send_again", "select_across": "1", "index": "7"})

    assert not Job.objects.exists()
