"""python -m tests.web.attack WAPITI: let outside tools at the running program (`make attack`)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.running import Program
from tests.web.attacking import attacked, breaches
from tests.web.pages import example
from tests.web.programs import DOCUMENT, ENDLESS, bearer, origin, session


def main(wapiti: str) -> None:
    with tempfile.TemporaryDirectory() as work, example(Path(work)) as program:
        pages = f"http://127.0.0.1:{program.web_port}/"
        found = [attacked(Path(wapiti), pages, Path(work)), *_api(program)]
    if any(found):
        raise SystemExit("\n".join(found))
    sys.stdout.write("Nothing was found.\n")


def _api(program: Program) -> list[str]:
    """Return what schemathesis says of the API: to a program and to a page that may do everything,
    and to nobody."""
    address = f"http://127.0.0.1:{program.web_port}{DOCUMENT}"
    return [
        breaches(address, bearer(program), examples=100, without=ENDLESS),
        breaches(address, origin(program), session=session(program), examples=100, without=ENDLESS),
        breaches(address, examples=30, without=ENDLESS),
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
