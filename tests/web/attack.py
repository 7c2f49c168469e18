"""python -m tests.web.attack WAPITI: let outside tools at the running program (`make attack`)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from urllib.error import HTTPError

from tests.running import Program
from tests.web.attacking import attacked, breaches
from tests.web.pages import example

DOCUMENT = "/api/v1/openapi.json"


def main(wapiti: str) -> None:
    with tempfile.TemporaryDirectory() as work, example(Path(work)) as program:
        pages = f"http://127.0.0.1:{program.web_port}/"
        found = [attacked(Path(wapiti), pages, Path(work)), *_api(program)]
    if any(found):
        raise SystemExit("\n".join(found))
    sys.stdout.write("Nothing was found.\n")


def _api(program: Program) -> list[str]:
    """Return what schemathesis says, where there is a document that it can hold against the API."""
    try:
        program.get(DOCUMENT)
    except HTTPError as error:
        if error.code != 404:
            raise
        sys.stdout.write(f"There is no {DOCUMENT} yet: the API was left out.\n")
        return []
    return [breaches(f"http://127.0.0.1:{program.web_port}{DOCUMENT}", examples=100)]


if __name__ == "__main__":
    main(*sys.argv[1:])
