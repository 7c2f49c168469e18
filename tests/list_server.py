"""A web server on loopback that gives lists, or whatever else a server may do instead."""

from __future__ import annotations

import gzip
import io
import socket
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

DRIP = 0.01  # seconds between octets of a slow server


class End(Enum):
    """How a body ends."""

    WHOLE = "whole"
    CUT = "cut"  # the connection closes before all of it came
    SILENT = "silent"  # half of it, then nothing more
    SLOW = "slow"  # octet by octet, for ever
    ENDLESS = "endless"  # again and again, as fast as it goes


@dataclass(frozen=True)
class Page:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    end: End = End.WHOLE


class Asked(NamedTuple):
    path: str
    headers: Mapping[str, str]


class ListServer(ThreadingHTTPServer):
    """pages: what stands where.  asked: every request, in the order it came.

    open: while it is not set, whoever asks waits.

    A page with an ETag or Last-Modified is given once, and 304 to who names it.
    """

    daemon_threads = False
    block_on_close = True

    def __init__(self, made: socket.socket | None = None) -> None:
        """made: the socket to answer at, such as one of another network."""
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=made is None)
        if made is not None:
            self.socket.close()
            self.socket = made
            self.server_bind()
            self.server_activate()
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self.begun = threading.Event()  # half of a body is sent
        self.open = threading.Event()
        self.open.set()

    def put(self, path: str, body: bytes | str = b"", **fields: object) -> str:
        """Let something stand at a path, and return its address."""
        octets = body.encode() if isinstance(body, str) else body
        self.pages[path] = Page(octets, **fields)  # type: ignore[arg-type]
        return self.url(path)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def handle_error(self, *_: object) -> None:
        """Whoever asks may leave whenever it likes."""


class _Handler(BaseHTTPRequestHandler):
    server: ListServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(Asked(self.path, dict(self.headers)))
        self.server.open.wait()
        page = self.server.pages.get(self.path, Page(b"not here\n", 404))
        if self._is_known(page):
            page = Page(status=304)
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        if page.status != 304 and page.end is not End.ENDLESS:
            more = 0 if page.end is End.WHOLE else 1000
            self.send_header("Content-Length", str(len(page.body) + more))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            self._send(page)

    def _is_known(self, page: Page) -> bool:
        pairs = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
        named = [(self.headers[ask], page.headers.get(has)) for ask, has in pairs]
        return any(asked is not None and asked == has for asked, has in named)

    def _send(self, page: Page) -> None:
        match page.end:
            case End.WHOLE | End.CUT:
                self.wfile.write(page.body)
            case End.SILENT:
                self.wfile.write(page.body[: len(page.body) // 2])
                self.wfile.flush()
                self.server.begun.set()
                self.server.closing.wait()
            case End.SLOW:
                for octet in page.body * 1000:
                    self.wfile.write(bytes([octet]))
                    if self.server.closing.wait(DRIP):
                        return
            case End.ENDLESS:
                while not self.server.closing.is_set():
                    self.wfile.write(page.body)

    def log_message(self, *_: object) -> None:
        """Tests look at `asked`."""


@contextmanager
def list_server(made: socket.socket | None = None) -> Iterator[ListServer]:
    server = ListServer(made)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def tar(files: Mapping[str, str | tarfile.TarInfo]) -> bytes:
    """Return a .tar.gz of texts by name; a TarInfo is taken as it is, without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in files.items():
            if isinstance(text, tarfile.TarInfo):
                archive.addfile(text)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()
