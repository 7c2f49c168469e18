"""python -m tests.web.screenshots [FOLDER]: pictures of every page (`make screenshots`)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.web.browsing import CHROMIUM, Browsers, launched
from tests.web.pages import take_screenshots


def main(*arguments: str) -> None:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        raise SystemExit("This needs a Chromium (Debian: apt install chromium).")
    folder = Path(*arguments or [tempfile.gettempdir(), "copdns-screenshots"])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, launched(path) as chromium, ExitStack() as stack:
        taken = take_screenshots(Browsers(chromium, stack), folder, Path(work))
    sys.stdout.write(f"{taken} pictures in {folder}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
