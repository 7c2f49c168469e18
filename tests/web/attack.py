"""python -m tests.web.attack WAPITI: let outside tools at the running program (`make attack`)."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.running import Program
from tests.web.attacking import attacked, breaches
from tests.web.pages import example
from tests.web.programs import DOCUMENT, ENDLESS, bearer, origin, session

LONG = 1800  # seconds for a run of schemathesis: here nobody waits for the next test


def main(wapiti: str) -> None:
    with tempfile.TemporaryDirectory() as work, example(Path(work)) as program:
        pages = f"http://127.0.0.1:{program.web_port}/"
        found = list(_told([attacked(Path(wapiti), pages, Path(work))], "wapiti"))
        found += _told(_api(program), "schemathesis")
    if any(found):
        raise SystemExit("some things were found")
    sys.stdout.write("Nothing was found.\n")


def _told(results: Iterable[str], tool: str) -> Iterator[str]:
    """Yield results, and print each as soon as it is there."""
    for each in results:
        sys.stdout.write(f"{tool}: {each or 'nothing'}\n")
        sys.stdout.flush()
        yield each


def _api(program: Program) -> Iterator[str]:
    """Yield what schemathesis says of the API: to a program and to a page that may do everything,
    and to nobody."""
    address = f"http://127.0.0.1:{program.web_port}{DOCUMENT}"
    yield breaches(address, bearer(program), examples=100, without=ENDLESS, seconds=LONG)
    yield breaches(
        *(address, origin(program)),
        session=session(program),
        examples=100,
        without=ENDLESS,
        seconds=LONG,
    )
    yield breaches(address, examples=30, without=ENDLESS, seconds=LONG)


if __name__ == "__main__":
    main(*sys.argv[1:])
