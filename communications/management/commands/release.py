"""`manage.py release`: what was held leaves."""

from typing import Any

import pghistory
from django.core.management.base import BaseCommand

from communications.actions.hold import release_sending


class Command(BaseCommand):
    help = "Let what `hold` held leave."

    def handle(self, *_args: Any, **_options: Any) -> None:
        with pghistory.context(command="release"):
            was_held = release_sending()
        self.stdout.write("Sending goes on." if was_held else "Nothing was held.")
