"""The socket by which commands on this machine speak to the running program.

`copdns.sock` in the data folder, which only its owner may open.  One request a connection, a line
of JSON, and one line back:

    {"do": "flush_cache", "name": "shop.example", "below": true}
    {}                                      done
    {"error": "it cannot read the request"} not done

What changes a household needs no socket: it is written to `household.db`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from copdns.model.addresses import domain
from copdns.model.errors import CopdnsError, NotRunningError

SOCKET = "copdns.sock"
MAX_REQUEST = 2000  # octets
PATIENCE = 10.0  # seconds that a command waits for the answer

log = structlog.get_logger("copdns")

Flush = Callable[[str, bool], None]  # takes a name, "" for all, and whether names below it count


class ControlSocket:
    """Listens for requests.  Without it copdns answers as ever; the log says that it is missing."""

    def __init__(self, folder: Path, flush: Flush) -> None:
        self._folder = folder
        self._flush = flush
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen; where that is not possible, the log says so."""
        try:
            listening = _listen(self._folder)
        except OSError as error:
            log.warning("commands cannot reach this copdns", error=error.strerror or str(error))
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: _Requests(self._answer), sock=listening
        )

    def close(self) -> None:
        """Stop listening, and take the socket away."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(OSError):
                (self._folder / SOCKET).unlink()

    def _answer(self, line: bytes) -> dict[str, str]:
        """Do what a request asks for; return the reply."""
        try:
            name, below = _parse_flush(line)
        except (CopdnsError, ValueError, LookupError, TypeError, RecursionError):
            return {"error": "it cannot read the request; is it of another version?"}
        try:
            self._flush(name, below)
        except Exception:  # noqa: BLE001 - a bug in here must not end the answering
            log.error("a bug in what a command asked for", traceback=traceback.format_exc())
            return {"error": "there was a fault in it; its log says more"}
        return {}


def _parse_flush(line: bytes) -> tuple[str, bool]:
    """Return the name of a request, "" for all, and whether names below it count.

    Raise CopdnsError, ValueError, LookupError, TypeError or RecursionError for anything else.
    """
    request = json.loads(line)
    name, below = request["name"], request["below"]
    if request["do"] != "flush_cache" or not (isinstance(name, str) and isinstance(below, bool)):
        raise ValueError
    return (domain(name) if name else ""), below


class _Requests(asyncio.Protocol):
    """One connection."""

    def __init__(self, answer: Callable[[bytes], dict[str, str]]) -> None:
        self._answer = answer
        self._read = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        line, end, _ = self._read.partition(b"\n")
        if self._transport is None or not (end or len(self._read) > MAX_REQUEST):
            return
        self._transport.write(json.dumps(self._answer(line)).encode() + b"\n")
        self._transport.close()
        self._transport = None


def request(folder: Path, **wanted: object) -> None:
    """Ask the copdns that uses a data folder to do something; for commands.

    Raise NotRunningError where none is there, or it does not do it.
    """
    try:
        with _short_path(folder) as path, socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(PATIENCE)
            asking.connect(path)
            asking.sendall(json.dumps(wanted).encode() + b"\n")
            reply = asking.makefile("rb").readline(MAX_REQUEST)
        error = json.loads(reply).get("error", "")
    except (FileNotFoundError, ConnectionError):
        raise NotRunningError(
            f"{folder}: no copdns is running on this folder; start it, or name its folder with "
            "--data DIR"
        ) from None
    except (OSError, ValueError) as failure:
        why = getattr(failure, "strerror", None) or str(failure)
        raise NotRunningError(
            f"{folder / SOCKET}: {why}; ask as the user who runs copdns"
        ) from None
    if error:
        raise NotRunningError(f"copdns did not do it: {error}")


def _listen(folder: Path) -> socket.socket:
    """Return a listening socket that only the owner of the folder may open; raise OSError.

    One that is there already was left behind by a process that was killed: whoever serves has the
    folder's lock.
    """
    path = folder / SOCKET
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX)
    try:
        with _short_path(folder) as short:
            listening.bind(short)
        path.chmod(0o600)
        owner = folder.stat()
        if owner.st_uid != os.geteuid():
            os.chown(path, owner.st_uid, owner.st_gid)
        listening.listen()
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


@contextlib.contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """Yield a path of the socket that fits an address, which has room for 107 octets."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{SOCKET}"
    finally:
        os.close(opened)
