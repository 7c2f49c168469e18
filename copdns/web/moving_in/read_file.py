"""Read a file of another filter in a process: `python -m copdns.web.moving_in.read_file`.

A hostile file may take seconds and much memory, and the process that answers queries must neither
wait nor keep that.  The other process gets the file's name and the seconds that it may take as one
line of JSON on stdin, followed by the file, and writes what it found as JSON to stdout.  The time
that it takes of a processor, its memory and what it may write are bounded.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from asyncio import IncompleteReadError
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from functools import cache
from typing import Any, Final, get_args

from pydantic import TypeAdapter

from copdns.household.moving_in.wishes import FileEntry, FoundSettings, NoWish, Product, Wish
from copdns.model.errors import MoveInError
from copdns.model.sentence_json import dump_sentence, load_sentence

MAX_SECONDS: Final = 30  # of a processor: a busy machine reads the same files, only later
MAX_WAIT: Final = 240.0  # seconds until it is given up there, too
MAX_OCTETS: Final = 8 << 20  # of a file that is sent
MAX_FOUND: Final = 16 << 20  # octets of what is found: a small archive can say the same very often
MAX_ENTRIES: Final = 20_000  # of a file: more take too much memory beside what answers queries
_MEMORY: Final = 512 << 20  # octets
_KINDS: Final = {each.__name__: each for each in get_args(Wish)}


async def read_in_process(octets: bytes, name: str) -> FoundSettings:
    """Return what a file says; raise MoveInError.  name: of the file, for errors."""
    if len(octets) > MAX_OCTETS:
        raise MoveInError(
            "this file is larger than %(most)s MiB; bring it over with the command “copdns "
            "household move-in”",
            name="file",
            most=MAX_OCTETS >> 20,
        )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "copdns.web.moving_in.read_file"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(MAX_WAIT):
            head = f"{json.dumps([name, MAX_SECONDS])}\n".encode()
            _, result = await asyncio.gather(_send(process, head + octets), _receive(process))
        if process.returncode == -signal.SIGKILL and len(result) <= MAX_FOUND:
            raise TimeoutError
    except TimeoutError:
        raise MoveInError(
            "reading this file takes too long; export it again", name="file"
        ) from None
    finally:
        await _end(process)
    if process.returncode or len(result) > MAX_FOUND:
        raise MoveInError("this file is too large to be read, or broken", name="file")
    return await asyncio.to_thread(_load, result)


async def _send(process: Process, octets: bytes) -> None:
    assert process.stdin is not None  # a pipe
    with suppress(ConnectionError):  # it ended early: its exit status says so
        process.stdin.write(octets)
        await process.stdin.drain()
    process.stdin.close()


async def _receive(process: Process) -> bytes:
    """Return all that a process writes, and end it where that is more than MAX_FOUND."""
    assert process.stdout is not None  # a pipe
    try:
        found = await process.stdout.readexactly(MAX_FOUND + 1)
    except IncompleteReadError as error:
        await process.wait()
        return error.partial
    process.kill()
    return found


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    assert process.stdout is not None  # a pipe
    while await process.stdout.read(MAX_FOUND):
        pass  # a pipe that is not at its end would keep the process from being waited for
    await process.wait()


def _load(result: bytes) -> FoundSettings:
    found = json.loads(result)
    if "error" in found:
        raise MoveInError(load_sentence(found["error"]), name="file")
    return FoundSettings(
        Product(found["product"]),
        tuple(
            FileEntry(place, text, _load_wish(kind, values))
            for place, text, kind, values in found["entries"]
        ),
        found["timezone"],
    )


def _load_wish(kind: str, values: Mapping[str, Any]) -> Wish:
    if kind == NoWish.__name__:
        return NoWish(load_sentence(values["why"]))
    found: Wish = _adapter(kind).validate_python(values)
    return found


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[kind])


def _dump(found: FoundSettings) -> dict[str, object]:
    return {
        "product": found.product,
        "timezone": found.timezone,
        "entries": [
            (each.place, each.text, type(each.wish).__name__, _dump_wish(each.wish))
            for each in found.entries
        ],
    }


def _dump_wish(wish: Wish) -> dict[str, object]:
    if isinstance(wish, NoWish):
        return {"why": dump_sentence(wish.why)}
    return {each.name: getattr(wish, each.name) for each in fields(wish)}


def main() -> None:
    """Read the name and the file from stdin, and write what is found or the error to stdout."""
    os.nice(10)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, hard))
    name, seconds = json.loads(sys.stdin.buffer.readline())
    # Both limits, so that it ends by SIGKILL: by SIGXCPU it could leave the file in a core.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    try:
        found = _dump(_read(sys.stdin.buffer.read(), name))
    except MoveInError as error:
        found = {"error": dump_sentence(error.sentences[0])}
    # json.dump writes a value at a time, and where stdout keeps nothing back (PYTHONUNBUFFERED),
    # the process that answers queries would wake for each.
    with open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False) as out:
        json.dump(found, out, default=list)


def _read(octets: bytes, name: str) -> FoundSettings:
    # What may be hostile is read in this process only.
    from copdns.household.moving_in.recognise import read_file
    from copdns.store.gravity import read_gravity

    found = read_file(octets, name, read_gravity)
    if len(found.entries) > MAX_ENTRIES:
        raise MoveInError(
            "this file has more than %(most)s entries; bring it over with the command “copdns "
            "household move-in”",
            most=MAX_ENTRIES,
        )
    return found


if __name__ == "__main__":
    main()
