from collections.abc import Iterator

import pytest

from communications.emulator.testing import Emulator, running_emulator
from communications.tests.emulator.support import Receiver, SendGrid, Twilio, serve


@pytest.fixture(scope="session")
def receiver_server() -> Iterator[Receiver]:
    receiver = Receiver()
    server = serve(receiver)
    yield receiver
    server.shutdown()
    server.server_close()


@pytest.fixture
def receiver(receiver_server: Receiver) -> Receiver:
    receiver_server.begin()
    return receiver_server


@pytest.fixture(scope="session")
def emulator_process(tmp_path_factory: pytest.TempPathFactory, receiver_server: Receiver) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("emulator")
    urls = {
        "EMULATOR_INBOUND_SMS_URL": receiver_server.url("/inbound"),
        "EMULATOR_SENDGRID_EVENTS_URL": receiver_server.url("/events"),
    }
    with running_emulator(folder, **urls) as emulator:
        yield emulator


@pytest.fixture
def emulator(emulator_process: Emulator, receiver: Receiver) -> Emulator:
    """As new, for every test; callbacks come quickly."""
    emulator_process.reset()
    delays = {"processed": 5, "sent": 10, "deferred": 15, "delivered": 20, "open": 40, "click": 60}
    emulator_process.callbacks(delays_ms=delays, batch_ms=30)
    return emulator_process


@pytest.fixture
def twilio(emulator: Emulator) -> Twilio:
    return Twilio(emulator)


@pytest.fixture
def sendgrid(emulator: Emulator) -> SendGrid:
    return SendGrid(emulator)
