"""A mail server of the tests' own: real SMTP on a socket, and misbehaviour on command."""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(frozen=True, kw_only=True)
class Arrived:
    sender: str
    recipient: str
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        mail = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        return mail


@dataclass
class MailServer:
    """`replies` are what it answers to a command, or to the end of the data of (`.`), from a recipient whose address begins
    with the word: a reply, or `hang up`.
    """

    port: int = 0
    connections: int = 0
    arrived: list[Arrived] = field(default_factory=list)
    replies: dict[tuple[str, str], str] = field(default_factory=dict)
    greeting: str = "220 mail.example ESMTP"

    def reply(self, command: str, recipient: str, usual: str) -> str:
        word = recipient.partition("@")[0]
        return self.replies.get((command, word), usual)


class _HungUp(Exception):
    pass


class _Handler(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        self.server.state.connections += 1
        try:
            self._say(self.server.state.greeting)
            self._converse()
        except (_HungUp, OSError):
            return

    def _converse(self) -> None:
        state, sender, recipient = self.server.state, "", ""
        while line := self.rfile.readline().decode().strip():
            command = line.split(" ")[0].upper()
            if command == "MAIL":
                sender = _address(line)
                self._say(state.reply("MAIL", sender, "250 2.1.0 OK"))
            elif command == "RCPT":
                recipient = _address(line)
                self._say(state.reply("RCPT", recipient, "250 2.1.5 OK"))
            elif command == "DATA":
                self._take(sender, recipient)
            elif command == "QUIT":
                self._say("221 Bye")
                return
            else:
                self._say(state.reply(command, recipient, "250 mail.example"))

    def _take(self, sender: str, recipient: str) -> None:
        state = self.server.state
        go = state.reply("DATA", recipient, "354 Go on")
        self._say(go)
        if not go.startswith("354"):
            return
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return
            lines.append(line[1:] if line.startswith(b".") else line)
        answer = state.reply(".", recipient, "250 2.0.0 Queued")
        if not answer.startswith(("4", "5")):
            state.arrived.append(Arrived(sender=sender, recipient=recipient, content=b"".join(lines)))
        self._say(answer)

    def _say(self, reply: str) -> None:
        if reply == "hang up":
            raise _HungUp
        self.wfile.write(reply.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    state: MailServer


def _address(line: str) -> str:
    found = re.search(r"<(.*)>", line)
    return found[1] if found else ""


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        state = server.state = MailServer(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
