"""Read a calendar file in a process of its own: `python -m copdns.web.calendars`.

The library for it takes 10 MB, and a hostile file seconds of work.  The process that answers
queries must neither keep the memory nor wait.  The other process gets the zone, the dates and
the seconds that it may take as one line of JSON on stdin, followed by the file, and writes what it
found as JSON to stdout.  The time that it takes of a processor and its memory are bounded.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from datetime import date, timedelta
from typing import Any

from copdns.model.errors import CalendarError
from copdns.model.sentence_json import dump_sentence, load_sentence
from copdns.time.days import DateRange, zone_of

MAX_SECONDS = 20  # of a processor: a busy machine reads the same files, only later
MAX_WAIT = 240.0  # seconds until it is given up there, too
AHEAD = timedelta(days=2 * 366)  # how far dates of a file are read
MAX_OCTETS = 1 << 20  # of an uploaded file
_MEMORY = 512 << 20  # octets


async def read_calendar(octets: bytes, timezone: str, first: date) -> tuple[DateRange, ...]:
    """Return the dates in a calendar file within two years from a date; raise CalendarError."""
    if len(octets) > MAX_OCTETS:
        raise CalendarError("the file is too large for a calendar; choose a smaller one")
    dates = {"first": str(first), "last": str(first + AHEAD)}
    request = json.dumps({"timezone": timezone, **dates, "seconds": MAX_SECONDS})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "copdns.web.calendars"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(MAX_WAIT):
            result, _ = await process.communicate(f"{request}\n".encode() + octets)
        if process.returncode == -signal.SIGKILL:
            raise TimeoutError
    except TimeoutError:
        raise CalendarError("reading the file takes too long; choose a smaller one") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise CalendarError("the file cannot be read; it may be too large, or broken")
    return _parse_result(json.loads(result))


def _parse_result(result: dict[str, Any]) -> tuple[DateRange, ...]:
    if "error" in result:
        raise CalendarError(load_sentence(result["error"]))
    return tuple(
        DateRange(date.fromisoformat(first), date.fromisoformat(last), name, whole)
        for first, last, name, whole in result["dates"]
    )


def main() -> None:
    """Read the request and the file from stdin, and write the dates or the error to stdout."""
    os.nice(10)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, hard))
    request = json.loads(sys.stdin.buffer.readline())
    # Both limits, so that it ends by SIGKILL: by SIGXCPU it could leave the file in a core.
    resource.setrlimit(resource.RLIMIT_CPU, (request["seconds"], request["seconds"]))
    try:
        json.dump({"dates": _read_dates(request, sys.stdin.buffer.read())}, sys.stdout)
    except CalendarError as error:
        json.dump({"error": dump_sentence(error.sentences[0])}, sys.stdout)


def _read_dates(request: dict[str, str], octets: bytes) -> list[list[str | bool]]:
    from copdns.time import ics  # imported in this process only

    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise CalendarError("the file is not text; save it as UTF-8") from None
    first, last = (date.fromisoformat(request[key]) for key in ("first", "last"))
    found = ics.read_dates(text, zone_of(request["timezone"]), first, last)
    return [[str(each.first), str(each.last), each.name, each.is_whole] for each in found]


if __name__ == "__main__":
    main()
