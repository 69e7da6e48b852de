"""`manage.py seed_demo`: the demonstration's data. Running it again changes nothing that is there."""

from typing import Any

import pghistory
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from communications import demo


class Command(BaseCommand):
    help = "Make the demonstration's users, customers, templates and conversations, where they are missing."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.DEMO_DATA:
            raise CommandError("Demo users have a known password: they are made with development settings only.")
        with pghistory.context(command="seed_demo"), transaction.atomic():
            demo.seed()
        self.stdout.write(f"Demo data is there. Sign in as {demo.ADMIN} or {demo.AGENT} with {demo.PASSWORD}.")
