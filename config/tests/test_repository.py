"""What a stranger finds in the repository is complete and says nothing about the machine it was written on."""

import ast
import os
import re
import subprocess
import sys

import pytest
from django.core.management import call_command

from config.tests.source import ROOT, files

# any place a path may begin: not inside a word, a URL or a longer path
MACHINE_PATH = re.compile(r"(?<![\w./:%-])/(?:home|root|Users|work)/\w")

PRODUCTION = {
    "SECRET_KEY": "a" * 60,
    "ALLOWED_HOSTS": "rapport.example",
    "PUBLIC_BASE_URL": "https://rapport.example",
    "DATABASE_URL": "postgresql://rapport@db.example/rapport",
    "REDIS_URL": "redis://redis.example:6379/0",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "b" * 32,
    "TWILIO_FROM_NUMBER": "+15195550100",
    "EMAIL_FROM_ADDRESS": "hello@rapport.example",
    "SENDGRID_API_KEY": "SG.c",
    "SENDGRID_EVENT_PUBLIC_KEY": "d" * 120,
}


def read_settings() -> dict[str, list[object]]:
    """Each name that the settings read from the environment, with its plain defaults."""
    names: dict[str, list[object]] = {}
    for path in sorted((ROOT / "config" / "settings").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _asks_environment(node):
                default = node.args[1:] or [keyword.value for keyword in node.keywords]
                plain = [each.value for each in default if isinstance(each, ast.Constant)]
                names.setdefault(node.args[0].value, []).extend(plain)
    return names


def _asks_environment(node: ast.Call) -> bool:
    asked = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "env"
    return asked and bool(node.args) and isinstance(node.args[0], ast.Constant)


def shown_settings() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(match.groups() for line in lines if (match := re.fullmatch(r"# ?([A-Z][A-Z0-9_]*)=(.*)", line)))


def test_env_example_names_every_setting_and_nothing_else():
    assert sorted(shown_settings()) == sorted(read_settings())


def test_env_example_shows_the_defaults():
    shown = shown_settings()
    wrong = {
        name: defaults
        for name, defaults in read_settings().items()
        if defaults and shown[name] not in {str(default) for default in defaults}
    }
    assert wrong == {}


def test_env_example_explains_each_setting_and_sets_nothing():
    explained = False
    for line in (ROOT / ".env.example").read_text().splitlines():
        assert not line or line.startswith("#"), f"set by the example: {line}"
        setting = re.match(r"# ?[A-Z][A-Z0-9_]*=", line)
        assert explained or not setting, f"not explained: {line}"
        explained = bool(line) and not setting and line.endswith(".")


@pytest.mark.django_db
def test_the_migrations_are_up_to_date():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_no_file_names_a_folder_of_somebodys_machine():
    named = []
    for path in files():
        text = path.read_bytes().decode(errors="ignore")
        named += [f"{path.relative_to(ROOT)}: {match[0]}" for match in MACHINE_PATH.finditer(text)]
    assert named == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_with_its_hashes(name):
    pins = re.split(r"^(?=\S)", (ROOT / name).read_text(), flags=re.MULTILINE)
    pins = [pin for pin in pins if pin.strip() and not pin.startswith("#")]
    assert len(pins) > 50
    assert [pin.split()[0] for pin in pins if not re.match(r"[\w.\-\[\],]+==\S+", pin)] == []
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_every_process_takes_the_place_of_its_shell():
    lines = (ROOT / "Procfile").read_text().splitlines()
    assert [line for line in lines if not re.match(r"[a-z]+: exec \S", line)] == []
    assert {"web", "live", "sender", "worker", "beat", "emulator"} <= {line.partition(":")[0] for line in lines}


def test_the_readme_says_how_to_begin():
    text = (ROOT / "README.md").read_text()
    assert "make up" in text
    assert "make test" in text


def production(**changes: str) -> subprocess.CompletedProcess[str]:
    """A process that reads the production settings; a variable set to nothing counts as missing, whatever `.env` says."""
    environment = {**os.environ, **PRODUCTION, **changes, "DJANGO_SETTINGS_MODULE": "config.settings.production"}
    code = "from django.conf import settings; assert not settings.DEBUG"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_production_starts_when_everything_is_set():
    started = production()
    assert started.returncode == 0, started.stderr


@pytest.mark.parametrize("name", PRODUCTION)
def test_production_refuses_to_start_without(name):
    refused = production(**{name: ""})
    assert refused.returncode != 0
    assert "ImproperlyConfigured" in refused.stderr
    assert name in refused.stderr.splitlines()[-1]


def test_production_sends_by_a_mail_server_without_a_key_of_sendgrid():
    smtp = {"EMAIL_PROVIDER": "smtp", "SENDGRID_API_KEY": "", "SENDGRID_EVENT_PUBLIC_KEY": ""}
    started = production(**smtp, SMTP_HOST="mail.rapport.example")
    assert started.returncode == 0, started.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("EMAIL_PROVIDER", "pigeon"), ("SMTP_TLS", "perhaps"), ("SMTP_PASSWORD", "without a name"), ("SMTP_HOST", "")],
)
def test_production_refuses_e_mail_that_is_half_configured(name, value):
    refused = production(**{"EMAIL_PROVIDER": "smtp", "SMTP_HOST": "mail.rapport.example", name: value})
    assert refused.returncode != 0
    assert name in refused.stderr.splitlines()[-1]


def test_production_refuses_an_address_that_is_not_https():
    refused = production(PUBLIC_BASE_URL="http://rapport.example")
    assert refused.returncode != 0
    assert "https://" in refused.stderr.splitlines()[-1]


def test_every_block_of_a_style_sheet_is_closed():
    """A browser passes over what is wrong in one, and over all that comes after it."""
    for sheet in (each for each in files() if each.suffix == ".css"):
        text = sheet.read_text()
        assert text.count("{") == text.count("}"), sheet
