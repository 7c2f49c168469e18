"""A page that shows each part of the pages, from the same templates and sheets.

python -m tests.web.style FOLDER writes it there, from left to right and from right to left
(docs/style-of-pages.md).
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from copdns.list_files.resources import find_folder
from copdns.web.pages import DESK, DeskStatus, Pages
from tests.household import MIA, TOM

PAGE = Path(__file__).with_suffix(".html")
PEOPLE = (MIA, TOM, replace(MIA, id="ada", name="Ada"))


def style_page(language: str = "en") -> str:
    """Return the page as HTML; its words are English, the menu's are of the language."""
    headers = {"Accept-Language": language}
    request = make_mocked_request("GET", "/style", headers, app=web.Application())
    request[DESK] = DeskStatus(house="Maple Street", people=PEOPLE)
    with tempfile.TemporaryDirectory() as folder:
        ui = Path(shutil.copytree(find_folder("web-ui"), Path(folder) / "web-ui"))
        shutil.copy(PAGE, ui / "templates")
        return Pages(ui).fragment(request, PAGE.name, path="/guardian/")


def main(folder: str) -> None:
    there = Path(folder)
    shutil.copytree(find_folder("web-ui") / "static", there, dirs_exist_ok=True)
    for language in ("en", "ar"):
        page = re.sub(r'"/static/([^?"]+)\?\w+"', r'"\1"', style_page(language))
        (there / f"style-{language}.html").write_text(page)


if __name__ == "__main__":
    main(*sys.argv[1:])
