"""`manage.py hold "restored from last night"`: nothing leaves until `manage.py release`."""

from typing import Any

import pghistory
from django.core.management.base import BaseCommand, CommandParser

from communications.actions.hold import hold_sending
from communications.models import SendingHold


class Command(BaseCommand):
    help = "Hold everything that leaves, until `release`. Batches that a sender has begun are finished."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reason", help="Why, for whoever looks next.")

    def handle(self, *_args: Any, **options: Any) -> None:
        with pghistory.context(command="hold"):
            is_new = hold_sending(options["reason"])
        if is_new:
            self.stdout.write("Sending is held.")
            return
        hold = SendingHold.objects.get()
        self.stdout.write(f"Sending is held already, since {hold.since:%Y-%m-%d %H:%M} UTC: {hold.reason}")
