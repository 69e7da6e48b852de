"""`manage.py demo`: the use cases end to end on real processes of its own, each step printed with its record numbers.

UC-1 (source 000): a reminder is planned, rendered, sent by Twilio, delivered; the customer answers CONFIRM; the inbound
interaction is recorded, the appointment confirmed, an answer sent. Exits non-zero when a step is missing.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import time as wall_time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

if TYPE_CHECKING:
    from communications.models import MessageData
    from customers.models import Appointment

T = TypeVar("T")
START_SECONDS = 120.0
STEP_SECONDS = 45.0


class Command(BaseCommand):
    _step = 0
    help = "Play the use cases end to end on real processes, with the emulator in place of the providers."

    def handle(self, *_args: Any, **_options: Any) -> None:
        data = Path(settings.BASE_DIR) / ".data" / "demo"
        if os.environ.get("RAPPORT_DEMO_CHILD") != "1":
            raise SystemExit(_in_own_environment(data))
        shutil.rmtree(data, ignore_errors=True)
        with _running_rapport(data):
            self.stdout.write(f"Rapport runs at {settings.PUBLIC_BASE_URL}, the emulator at {settings.EMULATOR_URL}.\n")
            self._appointment_reminder()
        self.stdout.write(self.style.SUCCESS("\nUC-1 is complete: every step was seen."))

    def _appointment_reminder(self) -> None:
        """UC-1, in three acts."""
        from communications import demo
        from communications.models import MessageSchema, ReminderSchedule
        from customers.models import Appointment, Customer

        john = Customer.objects.get(primary_email=demo.CAST[0].email)
        schema = MessageSchema.objects.get(code=demo.REMINDER_CODE)
        ReminderSchedule.objects.update(active=False)  # the seeded one would remind John, too
        appointment = Appointment.objects.create(
            customer=john, service_type="HVAC Maintenance", starts_at=demo.tomorrow_at(14, john.time_zone)
        )
        ReminderSchedule.objects.create(
            name="Demonstration", message_schema=schema, local_time=wall_time(0, 0), every_seconds=1
        )
        self._say(f"Appointment: {appointment.service_type} for {john}, {appointment.starts_at:%b %d, %Y at %H:%M}")
        reminder = self._see_the_reminder_planned(appointment)
        self._see_it_delivered(reminder)
        answer = self._see_the_answer_obeyed(appointment, reminder)
        on_phone = [m["body"] for m in _emulator().messages(john.phone)]
        expected = [reminder.content_data["finalMessage"], "CONFIRM", answer.content_data["finalMessage"]]
        self._require(on_phone == expected, f"the phone shows something else: {on_phone}")
        self._say(f"The phone shows all {len(on_phone)} messages, none twice")

    def _see_the_reminder_planned(self, appointment: "Appointment") -> "MessageData":
        from communications.models import AppointmentReminder

        planned = AppointmentReminder.objects.filter(appointment=appointment).select_related(
            "message_data__schema_version__message_schema"
        )
        message = self._wait("the reminder", planned.first).message_data
        version = message.schema_version
        self._require(version is not None, "the reminder has no template")
        self._say(f"Reminder planned by the tick: {message.message_number}, {version}")
        self._say(f"Rendered: “{message.content_data['finalMessage']}”")
        encoding, cost = message.content_data["encoding"], f"{message.cost} {message.cost_currency}"
        self._say(f"{message.segment_count} segment, {encoding}, expected to cost {cost}")
        return message

    def _see_it_delivered(self, message: "MessageData") -> None:
        from communications.choices import MessageStatus
        from communications.models import MessageData

        row = MessageData.objects.filter(pk=message.pk)
        sent = self._wait("sending", row.filter(sent_ts__isnull=False).first)
        self._say(f"Sent by Twilio: {sent.provider_message_id} to {sent.recipient}, logged as {sent.interaction}")
        delivered = self._wait("the delivery", row.filter(status=MessageStatus.DELIVERED).first)
        kinds = ", ".join(delivered.delivery_events.order_by("received_at").values_list("kind", flat=True))
        self._say(f"Delivered at {delivered.delivered_ts:%H:%M:%S} UTC; events: {kinds}")

    def _see_the_answer_obeyed(self, appointment: "Appointment", reminder: "MessageData") -> "MessageData":
        from communications.choices import MessageStatus
        from communications.models import MessageData
        from customers.models import Appointment
        from interactions.models import Message

        self._reply(reminder.recipient, "CONFIRM")
        self._say("The customer answers on the phone: CONFIRM")
        written = Message.objects.filter(conversation__customer=appointment.customer, content="CONFIRM")
        inbound = self._wait("the inbound message", written.first)
        touch, conversation = inbound.interaction, inbound.conversation
        self._say(f"Inbound interaction recorded: {touch}, {touch.interaction_type} over {touch.channel}")
        adopted = conversation.interactions.filter(content_text=reminder.content_data["finalMessage"]).exists()
        self._require(adopted, "the conversation did not take the reminder in")
        confirmed = Appointment.objects.filter(pk=appointment.pk, status=Appointment.Status.CONFIRMED)
        self._say(
            f"Appointment confirmed at {self._wait('the confirmation', confirmed.first).confirmed_at:%H:%M:%S} UTC"
        )
        answers = MessageData.objects.filter(conversation=conversation, status=MessageStatus.DELIVERED)
        answer = self._wait("the answer", answers.first)
        text = answer.content_data["finalMessage"]
        self._say(f"Answer sent: {answer.message_number}, {answer.interaction}: “{text}”")
        return answer

    def _reply(self, phone: str, text: str) -> None:
        answer = _emulator().inbound(text, sender=phone)
        self._require(answer["status"] == 200, f"the webhook answered {answer}")

    def _say(self, text: str) -> None:
        self._step += 1
        self.stdout.write(f"{self._step:>3}. {text}")
        self.stdout.flush()

    def _wait(self, what: str, look: Callable[[], T | None]) -> T:
        until = time.monotonic() + STEP_SECONDS
        while (found := look()) is None:
            self._require(time.monotonic() < until, f"{what} did not come within {STEP_SECONDS:.0f} seconds")
            time.sleep(0.2)
        return found

    def _require(self, condition: bool, otherwise: str) -> None:
        if not condition:
            raise CommandError(f"A step is missing: {otherwise}.")


def _in_own_environment(data: Path) -> int:
    """Play it in a process with data, ports and settings of its own, so that it neither needs nor disturbs a running one."""
    port = _free_ports()
    own = {
        "RAPPORT_DEMO_CHILD": "1",
        "RAPPORT_DATA": str(data),
        "PORT": str(port),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "EMULATOR_INBOUND_SMS_URL": f"http://127.0.0.1:{port}/api/webhooks/twilio/sms",
        "LOG_LEVEL": "WARNING",
    }
    for name in ("DATABASE_URL", "REDIS_URL", "LIVE_PORT", "EMULATOR_PORT", "EMULATOR_URL", "TWILIO_BASE_URL"):
        own.setdefault(name, "")
    env = {name: value for name, value in {**os.environ, **own}.items() if value}
    return subprocess.run([sys.executable, "manage.py", "demo"], cwd=settings.BASE_DIR, env=env, check=False).returncode


def _free_ports() -> int:
    """The first of three free ports in a row."""
    for port in range(8_600, 60_000, 10):
        try:
            for each in range(port, port + 3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", each))
        except OSError:
            continue
        return port
    raise CommandError("There are no three free ports in a row.")


@contextmanager
def _running_rapport(data: Path) -> Iterator[None]:
    """The launcher of `make up`, quiet, until the demonstration is over."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "processes.log").open("w") as output:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "config.processes", "up"],
            cwd=settings.BASE_DIR,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_ready(launcher, data)
            yield
        finally:
            from django.db import connection

            connection.close()
            launcher.send_signal(signal.SIGTERM)
            launcher.wait(20)


def _wait_until_ready(launcher: "subprocess.Popen[bytes]", data: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and launcher.poll() is None:
        try:
            with urllib.request.urlopen(f"{settings.PUBLIC_BASE_URL}/ready", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    log = (data / "processes.log").read_text()[-3_000:]
    raise CommandError(f"Rapport did not become ready:\n{log}")


def _emulator() -> Any:
    from communications.emulator.testing import Emulator

    return Emulator(Path(settings.DATA_DIR) / "emulator", os.environ, settings.EMULATOR_PORT)
