"""Read a calendar file in a process of its own: `python -m copdns.web.calendars`.

Its library takes ten megabytes, and a file made for it seconds of work, which answering must
neither keep nor wait for.  The process is told the zone and the dates as one line of JSON on stdin
and then the file, says what it found as JSON on stdout, and is bounded in time and memory.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from asyncio.subprocess import DEVNULL, PIPE
from datetime import date, timedelta
from typing import Any

from copdns.model.errors import CalendarError
from copdns.model.sentences import Sentence
from copdns.time.days import zone_of
from copdns.time.whole_days import Dates

PATIENCE = 20.0  # seconds
AHEAD = timedelta(days=2 * 366)  # of a calendar file that is taken over
MOST = 1 << 20  # octets of a file that somebody uploads
_MEMORY = 512 << 20  # octets


async def read_calendar(octets: bytes, timezone: str, first: date) -> tuple[Dates, ...]:
    """Return what a calendar file has in the two years from a date; raise CalendarError."""
    if len(octets) > MOST:
        raise CalendarError("the file is too large for a calendar; choose a smaller one")
    told = json.dumps({"timezone": timezone, "first": str(first), "last": str(first + AHEAD)})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "copdns.web.calendars"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate(f"{told}\n".encode() + octets)
    except TimeoutError:
        raise CalendarError("reading the file takes too long; choose a smaller one") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise CalendarError("the file cannot be read; it may be too large, or broken")
    return _found(json.loads(said))


def _found(said: dict[str, Any]) -> tuple[Dates, ...]:
    if "error" in said:
        raise CalendarError(_sentence(said["error"]))
    return tuple(
        Dates(date.fromisoformat(first), date.fromisoformat(last), name, whole)
        for first, last, name, whole in said["dates"]
    )


def _plain(told: Sentence) -> dict[str, Any]:
    """Return a sentence as it goes from one process to another."""
    values = {
        name: _plain(value) if isinstance(value, Sentence) else value
        for name, value in told.values.items()
    }
    return {"text": told.text, "values": values}


def _sentence(said: dict[str, Any]) -> Sentence:
    values = {
        name: _sentence(value) if isinstance(value, dict) else value
        for name, value in said["values"].items()
    }
    return Sentence(said["text"], values)


def main() -> None:
    """Do the job on stdin."""
    os.nice(10)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, hard))
    told = json.loads(sys.stdin.buffer.readline())
    try:
        json.dump({"dates": _read(told, sys.stdin.buffer.read())}, sys.stdout)
    except CalendarError as error:
        json.dump({"error": _plain(error.sentences[0])}, sys.stdout)


def _read(told: dict[str, str], octets: bytes) -> list[list[str | bool]]:
    from copdns.time import ics  # here, and not where pages are served

    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise CalendarError("the file is not text; save it as UTF-8") from None
    first, last = (date.fromisoformat(told[key]) for key in ("first", "last"))
    found = ics.dates_of(text, zone_of(told["timezone"]), first, last)
    return [[str(each.first), str(each.last), each.name, each.whole] for each in found]


if __name__ == "__main__":
    main()
