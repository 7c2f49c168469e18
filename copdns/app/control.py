"""The socket by which commands on this machine speak to the running program.

`copdns.sock` in the data folder, which only its owner may open.  One request a connection, a line
of JSON, and one line back:

    {"do": "flush_cache", "name": "shop.example", "below": true}
    {"do": "timers"}
    {}                                      done
    {"timers": [["home", "mia", "stop", "games", 1774800000, 1774801800, 1774821600]]}
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from copdns.model.addresses import domain
from copdns.model.errors import CopdnsError, NotRunningError
from copdns.time.own_timers import OwnTimer, TimerKind, TimerTopic, Who

SOCKET = "copdns.sock"
MAX_REQUEST = 2000  # octets
MAX_REPLY = 1 << 20
PATIENCE = 10.0  # seconds that a command waits for the answer

log = structlog.get_logger("copdns")

Flush = Callable[[str, bool], None]  # takes a name, "" for all, and whether names below it count
Timers = Callable[[], Mapping[Who, OwnTimer]]  # returns those that others may know of


class ControlSocket:
    """Listens for requests.  Without it copdns answers as ever; the log says that it is missing."""

    def __init__(self, folder: Path, flush: Flush, timers: Timers = dict) -> None:
        self._folder = folder
        self._flush = flush
        self._timers = timers
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

    def _answer(self, line: bytes) -> dict[str, object]:
        """Do what a request asks for; return the reply."""
        try:
            flush = _parse(line)
        except (CopdnsError, ValueError, LookupError, TypeError, RecursionError):
            return {"error": "it cannot read the request; is it of another version?"}
        try:
            if flush is None:
                return {"timers": [[*who, *each] for who, each in self._timers().items()]}
            self._flush(*flush)
        except Exception:  # noqa: BLE001 - a bug in here must not end the answering
            log.error("a bug in what a command asked for", traceback=traceback.format_exc())
            return {"error": "there was a fault in it; its log says more"}
        return {}


def _parse(line: bytes) -> tuple[str, bool] | None:
    """Return the name that is to be flushed, "" for all, and whether names below it count; None
    where the timers are asked for.

    Raise CopdnsError, ValueError, LookupError, TypeError or RecursionError for anything else.
    """
    request = json.loads(line)
    if request["do"] == "timers":
        return None
    name, below = request["name"], request["below"]
    if request["do"] != "flush_cache" or not (isinstance(name, str) and isinstance(below, bool)):
        raise ValueError
    return (domain(name) if name else ""), below


class _Requests(asyncio.Protocol):
    """One connection."""

    def __init__(self, answer: Callable[[bytes], dict[str, object]]) -> None:
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


def request(folder: Path, **wanted: object) -> dict[str, Any]:
    """Ask the copdns that uses a data folder to do something; return its reply.  For commands.

    Raise NotRunningError where none is there, or it does not do it.
    """
    try:
        with _short_path(folder) as path, socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(PATIENCE)
            asking.connect(path)
            asking.sendall(json.dumps(wanted).encode() + b"\n")
            reply: dict[str, Any] = json.loads(asking.makefile("rb").readline(MAX_REPLY))
        error = reply.get("error", "")
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
    return reply


def own_timers(folder: Path) -> Mapping[Who, OwnTimer]:
    """Return the timers that people started for themselves and that others may know of; none where
    no copdns runs, since they are in its memory alone."""
    try:
        return dict(map(_read_timer, request(folder, do="timers")["timers"]))
    except (NotRunningError, LookupError, TypeError, ValueError):
        return {}


def _read_timer(sent: Sequence[Any]) -> tuple[Who, OwnTimer]:
    household, profile, kind, topic, start, end, until = sent
    timer = OwnTimer(TimerKind(kind), TimerTopic(topic), int(start), int(end), float(until))
    return (str(household), str(profile)), timer


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
