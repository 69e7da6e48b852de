"""Two processes, one sign-in: the pages' server and the sockets' server as they really run, and what passes between them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

BASE_DIR = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a-long-enough-password"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SETUP = "import django; django.setup()\n"
TOLD = "\nfrom config import wake; wake._bell.flush(20)"  # a worker lives on; this process would end before it has told
TELL = """
from uuid import UUID
from importlib import import_module
import_module("interactions.wake").conversation_changed(UUID("{conversation}"))
"""
RECORD = """
from importlib import import_module
facts = import_module("interactions.actions.facts")
conversations = import_module("interactions.actions.conversations")
record = import_module("interactions.actions.record")
from django.apps import apps
from django.db import transaction
inbound = facts.InboundMessage(
    channel="sms", line="twilio", sender="+14165551234", recipient="+15195550100",
    content="Is anybody there?", channel_message_id="SM1",
)
with transaction.atomic():
    talk = apps.get_model("interactions.Conversation").objects.get(pk="{conversation}")
    record.record_inbound(inbound, customer=talk.customer, conversation=talk, joined_because="active_24h")
"""


@dataclass(frozen=True, kw_only=True)
class House:
    """Both servers, running on the tests' database, and a conversation in it."""

    web: str
    live: str
    environment: dict[str, str]
    conversation: str

    def run(self, code: str) -> str:
        """Run `code` in a process of its own, as a worker would; returns what it printed."""
        command = [sys.executable, "-W", "ignore", "-c", SETUP + code.format(conversation=self.conversation) + TOLD]
        options = {"env": self.environment, "cwd": BASE_DIR, "capture_output": True, "text": True, "timeout": 60}
        done = subprocess.run(command, check=False, **options)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def cookie(self, email: str) -> str:
        """Sign in at web over HTTP; the session's cookie."""
        jar = CookieJar()
        opener = build_opener(HTTPCookieProcessor(jar))
        opener.open(f"{self.web}/accounts/login/", timeout=30).close()
        token = next(cookie.value for cookie in jar if cookie.name == "csrftoken") or ""
        form = urlencode({"login": email, "password": PASSWORD, "csrfmiddlewaretoken": token}).encode()
        opener.open(f"{self.web}/accounts/login/?next=/health", data=form, timeout=30).close()
        return next((f"sessionid={cookie.value}" for cookie in jar if cookie.name == "sessionid"), "")

    def listen(self, cookie: str = "", *, origin: str | None = None) -> ClientConnection:
        return connect(
            f"{self.live}/ws/agent/",
            origin=origin or self.web,  # type: ignore[arg-type]
            additional_headers={"Cookie": cookie} if cookie else {},
            open_timeout=10,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environment(port: int, live_port: int) -> dict[str, str]:
    database = connection.settings_dict
    assert database["NAME"].startswith("test_"), "these servers belong on the tests' database only"
    host = quote(str(database["HOST"] or database["OPTIONS"].get("host", "")), safe="")
    login = quote(database["USER"] or "postgres") + (f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else "")
    address = f"postgresql://{login}@/{database['NAME']}?host={host}"
    if database["PORT"]:
        address += f"&port={database['PORT']}"
    ours = {"PORT": str(port), "LIVE_PORT": str(live_port), "DATABASE_URL": address, "REDIS_URL": settings.REDIS_URL}
    return {**os.environ, **ours, "DJANGO_SETTINGS_MODULE": "config.settings.dev", "PYTHONPATH": str(BASE_DIR)}


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"Nobody listens on port {port}.")


@pytest.fixture(scope="module")
def servers(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Both servers, started once for these tests, for that costs seconds; their environment."""
    port, live_port = _free_port(), _free_port()
    environment = _environment(port, live_port)
    programs = Path(sys.executable).parent
    commands = (
        [programs / "granian", "--interface", "wsgi", "config.wsgi:application", "--port", port, "--no-ws"],
        [programs / "uvicorn", "config.asgi:application", "--port", live_port, "--no-access-log"],
    )
    with (tmp_path_factory.mktemp("live") / "log").open("w") as log:
        options = {"env": environment, "cwd": BASE_DIR, "stdout": log, "stderr": log}
        common = ["--host", "127.0.0.1", "--log-level", "warning"]
        started = [subprocess.Popen([*map(str, command), *common], **options) for command in commands]  # type: ignore[call-overload]
        try:
            _wait_for(port)
            _wait_for(live_port)
            yield environment
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(timeout=20)


@pytest.fixture
def house(servers: dict[str, str], transactional_db: None) -> House:
    users = get_user_model().objects
    password = PBKDF2PasswordHasher().encode(PASSWORD, "salt")
    users.create(email="agent@rapport.test", password=password, is_staff=True, is_superuser=True)
    users.create(email="visitor@rapport.test", password=password)
    customer = apps.get_model("customers.Customer").objects.create(name="John Smith", phone="+14165551234")
    conversations = apps.get_model("interactions.Conversation").objects
    conversation = conversations.create(customer=customer, initial_channel="sms", channel="sms")
    return House(
        web=f"http://127.0.0.1:{servers['PORT']}",
        live=f"ws://127.0.0.1:{servers['LIVE_PORT']}",
        environment=servers,
        conversation=str(conversation.pk),
    )


def _hear(listener: ClientConnection) -> dict[str, str]:
    return json.loads(listener.recv(timeout=15))


def test_whoever_signed_in_at_web_hears_at_live_what_a_third_process_tells(house: House) -> None:
    with house.listen(house.cookie("agent@rapport.test")) as listener:
        assert _hear(listener)["type"] == "welcome"
        listener.send(json.dumps({"type": "watch", "conversation": house.conversation}))
        assert _hear(listener)["type"] == "watching"

        house.run(TELL)

        assert _hear(listener) == {"type": "conversation_changed", "conversation": house.conversation}


def test_strangers_are_refused(house: House) -> None:
    """Who is not signed in, who may not listen, a page of another site, and any other address."""
    for cookie, code in (("", 4401), ("sessionid=invented", 4401), (house.cookie("visitor@rapport.test"), 4403)):
        with house.listen(cookie) as listener, pytest.raises(ConnectionClosed) as closed:
            listener.recv(timeout=15)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == code

    agent = house.cookie("agent@rapport.test")
    with pytest.raises(InvalidStatus) as refused:
        house.listen(agent, origin="https://elsewhere.test")
    assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus):
        connect(f"{house.live}/ws/other/", origin=house.web, additional_headers={"Cookie": agent})  # type: ignore[arg-type]


def test_live_serves_no_pages(house: House) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{house.live.replace('ws://', 'http://')}/accounts/login/", timeout=30)

    with refused.value as answer:
        assert (answer.code, answer.read()) == (404, b"Only sockets live here.\n")


@pytest.mark.browser
def test_a_message_recorded_elsewhere_appears_in_the_open_page_and_is_answered_there(house: House) -> None:
    from playwright.sync_api import expect, sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page()
        page.goto(f"{house.web}/admin/interactions/conversation/{house.conversation}/change/")
        page.fill("[name=login]", "agent@rapport.test")
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        expect(page.locator("[data-live-dot]")).to_have_attribute("data-state", "live", timeout=30_000)
        page.evaluate("window.notReloaded = true")
        expect(page.locator("#latest")).to_contain_text("Nothing was said yet")

        house.run(RECORD)

        expect(page.locator("#latest article")).to_contain_text("Is anybody there?", timeout=15_000)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.locator("#reply-text").press_sequentially("Yes, we are.", delay=20)
        expect(page.locator("#reply-count")).to_contain_text("12 characters", timeout=10_000)
        page.keyboard.press("Control+Enter")
        expect(page.locator("#latest article").last).to_contain_text("Yes, we are.", timeout=15_000)
        expect(page.locator("#reply-text")).to_have_value("")
        page.wait_for_timeout(1_500)
        assert len(asked) < 15, asked  # and then the page is quiet
        assert page.evaluate("window.notReloaded") is True
        browser.close()
