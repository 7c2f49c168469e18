"""A mail server on loopback that does as it is told: it takes what is sent, or refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.message import Message
from queue import Queue
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.serving import serving


class MailServer(ThreadingTCPServer):
    """codes: what it says to the next messages, before it takes all.  mail: what it took."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.codes: list[int] = []
        self.mail: Queue[Message] = Queue()
        self.tries = 0
        self.to: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(StreamRequestHandler):
    """Speaks as much of SMTP (RFC 5321) as sending one message takes."""

    server: MailServer

    def handle(self) -> None:
        with suppress(ConnectionError):  # who sent it was ended, having sent all
            self._talk()

    def _talk(self) -> None:
        self._say("220 mail.example")
        while line := self.rfile.readline().decode().strip():
            match line[:4].upper():
                case "DATA":
                    self._take()
                case "QUIT":
                    self._say("221 bye")
                    return
                case "RCPT":
                    self.server.to.append(line)
                    self._say("250 ok")
                case _:
                    self._say("250 mail.example")

    def _take(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        self.server.tries += 1
        code = self.server.codes.pop(0) if self.server.codes else 250
        self._say(f"{code} {'taken' if code == 250 else 'not now'}")
        if code == 250:
            self.server.mail.put(message_from_bytes(b"".join(lines)))

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with serving(MailServer()) as server:
        yield server
