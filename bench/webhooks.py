"""How fast webhooks are acknowledged, by a real web server, and how fast what they tell is folded into the messages.

    .venv/bin/python bench/webhooks.py [--posts 6000] [--events 20000]

The server runs with the Procfile's own flags; the client is a process of its own. Bare statements of the same shape run
beside the fold, so the ratio holds on a busy machine; the absolute figures do not.
"""

import argparse
import base64
import hmac
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

from ground import ROOT, free_share, own_engines
from posting import Posted, post_all, request

os.environ["PUBLIC_BASE_URL"] = "https://rapport.example"  # what providers sign; the server reads it too
FORM = "application/x-www-form-urlencoded"


@contextmanager
def web(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The web server of the Procfile."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    command = next(line for line in lines if line.startswith("web:")).partition(":")[2]
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port), "PATH": f"{here}:{os.environ['PATH']}"}
    server = subprocess.Popen(["/bin/sh", "-c", command], cwd=ROOT, env=environment)
    try:
        wait_for(port)
        yield server
    finally:
        server.terminate()
        server.wait(20)


def wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The web server does not answer.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_callbacks(count: int) -> list[bytes]:
    """As Twilio posts them, one event each, signed."""
    from django.conf import settings

    made = []
    for number in range(count):
        path = f"/api/webhooks/twilio/status?m={uuid4()}"
        form = {
            "SmsSid": f"SM{number:032d}",
            "SmsStatus": "delivered",
            "MessageStatus": "delivered",
            "To": "+14165551234",
            "MessageSid": f"SM{number:032d}",
            "AccountSid": settings.TWILIO_ACCOUNT_SID,
            "From": "+15195550100",
            "ApiVersion": "2010-04-01",
        }
        text = settings.PUBLIC_BASE_URL + path + "".join(name + form[name] for name in sorted(form))
        signature = base64.b64encode(hmac.digest(settings.TWILIO_AUTH_TOKEN.encode(), text.encode(), sha1)).decode()
        headers = {"Content-Type": FORM, "X-Twilio-Signature": signature, "User-Agent": "TwilioProxy/1.1"}
        made.append(request(path, urlencode(form).encode(), headers))
    return made


def measure(posts: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    rows = [("share of a core that was free", f"{free_share():.2f}")]
    port = free_port()
    with web(port):
        post_all(port, status_callbacks(400))
        rows += acknowledged("one event a post", post_all(port, status_callbacks(posts)))
    for name, figure in rows:
        print(f"{name:<44}{figure:>16}")


def acknowledged(name: str, posted: Posted) -> list[tuple[str, str]]:
    waits = " / ".join(f"{posted.percentile(share) * 1000:.1f}" for share in (0.5, 0.95, 0.99))
    return [
        (f"{name}: acknowledged/s", f"{posted.statuses.get(200, 0) / posted.seconds:,.0f}"),
        (f"{name}: p50 / p95 / p99, ms", waits),
        (f"{name}: statuses", str(posted.statuses)),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=6_000)
    arguments = parser.parse_args()
    with own_engines():
        measure(arguments.posts)
