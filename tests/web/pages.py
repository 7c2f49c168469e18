"""Every page that people read, as data: what screenshots show and what axe-core looks at.

A page that is missing here fails tests/web/test_pages.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tests.e2e.house import ADA, MIA, ROOT, TOM
from tests.running import Program, running
from tests.web.browsing import DESK, PHONE, Browsers, Device, Screen


class Who(StrEnum):
    """Who reads: a child by the level of its texts, or a guardian."""

    PICTURES = "pictures"
    PLAIN = "plain"
    FULL = "full"
    GUARDIAN = "guardian"


CHILD = (Who.PICTURES, Who.PLAIN, Who.FULL)
GUARDIAN = (Who.GUARDIAN,)


class Page(NamedTuple):
    """A page.

    route: as in copdns/web/routes.py.  who: all who read it.  path: how it is opened, where that
    is not the route itself; {code} and its like are filled in by `scene`.
    """

    route: str
    who: tuple[Who, ...]
    path: str = ""

    @property
    def name(self) -> str:
        """Return the page's part of a file's name: "why-code" for "/why/{code}"."""
        return (
            "-".join(self.route.replace("{", "").replace("}", "").split("/")).strip("-") or "door"
        )


PAGES: tuple[Page, ...] = ()

# Read by machines.
NOT_PAGES = ("/healthz", "/readyz", "/metrics", "/static", "/api")


class Look(NamedTuple):
    """How a page is shown."""

    size: str
    light: str
    language: str

    @property
    def screen(self) -> Screen:
        return {"phone": PHONE, "desk": DESK}[self.size]


LOOKS = tuple(Look(*each) for each in product(("phone", "desk"), ("light", "dark"), ("en", "ar")))

# Whose device it is, and what the example family's Mia is for it: texts of the middle level are
# for those of 10 to 12.
DEVICES = {
    Who.PICTURES: (MIA, "7-9"),
    Who.PLAIN: (MIA, "10-12"),
    Who.FULL: (TOM, "7-9"),
    Who.GUARDIAN: (ADA, "7-9"),
}


@contextmanager
def example(folder: Path, band: str = "7-9") -> Iterator[Program]:
    """Run the program with the example family, in which Mia has this preset."""
    family = (ROOT / "config" / "household-example.yaml").read_text()
    changed = family.replace("preset: 7-9", f"preset: {band}")
    (folder / "household.yaml").write_text(changed)
    with running(folder, {"household": str(folder / "household.yaml")}) as program:
        yield program


def scene(program: Program) -> Mapping[str, str]:
    """Let something happen that pages can tell of; return what fills in their paths."""
    for address in (MIA, TOM):
        program.ask("games.example", source=address)
    return {}


def walk(
    browsers: Browsers, program: Program, who: Who, look: Look, pages: Sequence[Page] = PAGES
) -> Iterator[tuple[Page, Device]]:
    """Open all pages of somebody, one after the other."""
    theirs = [page for page in pages if who in page.who]
    if not theirs:
        return
    filled = scene(program)
    device = browsers.device(
        program,
        DEVICES[who][0],
        look.screen,
        dark=look.light == "dark",
        language=look.language,
    )
    for page in theirs:
        device.open("http://copdns.home.arpa" + (page.path or page.route).format(**filled))
        yield page, device
    device.close()


def take_screenshots(
    browsers: Browsers,
    folder: Path,
    work: Path,
    pages: Sequence[Page] = PAGES,
    looks: Sequence[Look] = LOOKS,
) -> int:
    """Take a picture of each page, for everybody who reads it, in every look; return how many.

    work: an empty folder for the program's data.
    """
    taken = 0
    for band in sorted({band for _, band in DEVICES.values()}):
        (work / band).mkdir()
        with example(work / band, band) as program:
            readers = [who for who in Who if DEVICES[who][1] == band]
            for who, look in product(readers, looks):
                for page, device in walk(browsers, program, who, look, pages):
                    device.screenshot(folder / f"{page.name}-{who}-{'-'.join(look)}.png")
                    taken += 1
    return taken
