"""Pictures of every page, by `make screenshots`.

python -m tests.web.screenshots [FOLDER] takes them all; with --docs in place of a folder it takes
the few that README.md shows, into docs/pictures/.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.web.browsing import CHROMIUM, Browsers, launched
from tests.web.pages import take_screenshots
from tests.web.pictures import FOLDER, take_pictures


def main(*arguments: str) -> None:
    chromium_path = found("chromium", *CHROMIUM)
    for_docs = arguments == ("--docs",)
    if for_docs:
        found("bind9-dnsutils", "dig")
        found("faketime", "faketime")
        folder = FOLDER
    else:
        folder = Path(*arguments or [tempfile.gettempdir(), "copdns-screenshots"])
    folder.mkdir(parents=True, exist_ok=True)
    take = take_pictures if for_docs else take_screenshots
    with (
        tempfile.TemporaryDirectory() as work,
        launched(chromium_path) as chromium,
        ExitStack() as stack,
    ):
        taken = take(Browsers(chromium, stack), folder, Path(work))
    sys.stdout.write(f"{taken} pictures in {folder}\n")


def found(package: str, *names: str) -> str:
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise SystemExit(f"This needs {names[0]} (Debian: apt install {package}).")
    return path


if __name__ == "__main__":
    main(*sys.argv[1:])
