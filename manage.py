#!/usr/bin/env python
"""Django's command line. Commands that need the database bring the embedded engines, and stop them if nobody else is left."""

import os
import signal
import sys

# `demo` brings engines and processes of its own
WITHOUT_ENGINES = {
    "check",
    "collectstatic",
    "compilemessages",
    "demo",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "spectacular",
    "startapp",
    "version",
}


def needs_engines(arguments: list[str]) -> bool:
    """Whether the command, given with its options, talks to the database."""
    if not arguments or {"-h", "--help", "--version"} & set(arguments):
        return False
    return arguments[0] not in WITHOUT_ENGINES or "--database" in arguments


def attach_engines() -> None:
    """Attach what the settings do not replace; they know the data folder, and have read `.env`."""
    from django.conf import settings

    from config.engines import attach_missing

    attach_missing(settings.DATA_DIR)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config.engines import EnginesUnavailable

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # an orderly end also leaves the engines
    try:
        if needs_engines(sys.argv[1:]):
            attach_engines()
        execute_from_command_line(sys.argv)
    except (EnginesUnavailable, ImproperlyConfigured) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
