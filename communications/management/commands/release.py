"""`manage.py release`: what was held leaves."""

from typing import Any

from django.core.management.base import BaseCommand

from communications.actions.hold import release_sending


class Command(BaseCommand):
    help = "Let what `hold` held leave."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write("Sending goes on." if release_sending() else "Nothing was held.")
