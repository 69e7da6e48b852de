"""Telling workers, after commit, that rows are waiting."""

from config.wake import wake_task
from customers.choices import Purpose

_SENDERS = {
    Purpose.TRANSACTIONAL: "communications.tasks.send_transactional",
    Purpose.MARKETING: "communications.tasks.send_marketing",
}


def sender(purpose: str) -> None:
    """A batch of this purpose may be due."""
    wake_task(_SENDERS[Purpose(purpose)])


def journal() -> None:
    """A webhook was stored."""
    wake_task("communications.tasks.process_journal")


def bulks() -> None:
    """A bulk request waits to be expanded."""
    wake_task("communications.tasks.expand_bulks")


def doubts() -> None:
    """Messages may be in doubt for long enough to ask their provider."""
    wake_task("communications.tasks.settle_doubts")
