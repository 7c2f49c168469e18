"""A family's first evening on a phone, walked with a real browser and measured for a reader.

From an empty box to a site that was blocked for a child, that she asked for, and that her mother
allowed.  `make evening` prints, for each screen, what has to be read, tapped and typed, and in the
end how long that takes somebody who reads each new word once; ARGS=FOLDER puts a picture of each
screen there.  tests/web/test_first_evening.py holds the bounds.

What is new is a line of text that was on no screen before: the menu counts once, what is folded
counts by its summary, an open list by what is chosen in it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import save_unknown_devices
from tests.conftest import ROOT, find_tool
from tests.running import Program, free_port, running
from tests.web.browsing import CHROMIUM, PHONE, Browsers, Device, launched
from tests.web.guardians import PASSWORD
from tests.web.pages import DOOR

HOME = "127.0.0.3"  # the guardian's phone
TABLET = "127.0.0.8"  # Mia's
BLOCKED = "www.tiktok.com"
BOX = "192.168.1.20"
SETUP = f"https://{BOX}/guardian/setup"  # typed by the guardian, as README.md says

TLS = "COPDNS_WEB__TLS_PORT"

# Silent reading of adults, in words a minute (Brysbaert 2019).
READING = 238
TAP = 1.5  # seconds to find and to hit
SWIPE = 0.5  # seconds, for each screenful below the first
TYPING = 3.0  # characters a second on a phone: 36 words a minute
# Seconds that `make at-home` takes: `make deb` without a compiler took 33 on two busy cores (29
# November 2026), `apt update` and `apt install` 20, the first start 2 (docs/install.md, "How long
# it takes").  By the reader's line come on top: the packages of the first line, and the clone.
INSTALLING = 55.0
# What Chrome shows on a phone where a certificate is of the box's own making; it cannot be walked
# here, where no browser has a way to the internet.
WARNING = f"""
Your connection is not private
Attackers might be trying to steal your information from {BOX} (for example, passwords, messages, or
credit cards). Learn more about this warning
net::ERR_CERT_AUTHORITY_INVALID
Turn on enhanced protection to get Chrome's highest level of security
Advanced
Back to safety
This server could not prove that it is {BOX}; its security certificate is not trusted by your
device's operating system. This may be caused by a misconfiguration or an attacker intercepting your
connection.
Proceed to {BOX} (unsafe)
"""


@dataclass
class Screen:
    """What one page asks of a person.

    words: in sight, all of them; new: of those, that were on no screen before.  swipes: to its end.
    load: seconds, from the tap that led there.
    """

    who: str
    title: str
    words: int = 0
    new: int = 0
    taps: int = 0
    fields: int = 0
    characters: int = 0
    swipes: int = 0
    load: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it takes somebody who reads what is new once."""
        reading = 60 * self.new / READING
        return (
            reading + TAP * self.taps + SWIPE * self.swipes + self.characters / TYPING + self.load
        )


@dataclass
class Walk:
    """folder: for a picture of each screen; None for no pictures.  look: called with each page that
    comes, and as it has unfolded.  people: who walks, by name.
    """

    folder: Path | None = None
    look: Callable[[Device], None] = lambda _: None
    people: dict[str, Reader] = field(default_factory=dict)
    screens: list[Screen] = field(default_factory=list)
    _read: set[str] = field(default_factory=set)

    @property
    def words(self) -> int:
        """How many words have to be read, each once."""
        return sum(each.new for each in self.screens)

    @property
    def taps(self) -> int:
        return sum(each.taps for each in self.screens)

    @property
    def seconds(self) -> float:
        return INSTALLING + sum(each.seconds for each in self.screens)

    def read(self, lines: list[str]) -> int:
        """Return how many words of these lines were on no screen before."""
        new = [each for each in dict.fromkeys(lines) if each not in self._read]
        self._read.update(new)
        return sum(map(count_words, new))

    def read_the_readme(self) -> None:
        """What somebody reads and types until the browser opens: how to install it, and what it
        cannot do, to which the first lines lead."""
        whole = (ROOT / "README.md").read_text()
        cannot = whole.partition("\n## What copdns cannot do\n")[2].partition("\n## ")[0]
        text = whole.partition("\n## Try it")[0] + cannot
        code = re.findall(r"^ {3}```sh\n(.*?)```", text, re.DOTALL | re.MULTILINE)
        lines = as_read(text)
        typed = sum(len(line.strip()) for block in code for line in block.splitlines())
        words = sum(map(count_words, lines))
        self.screens.append(
            Screen("Ada", "README.md", words, self.read(lines), characters=typed, fields=len(code))
        )

    def go_past_the_warning(self) -> None:
        lines = WARNING.splitlines()
        words = sum(map(count_words, lines))
        typed = len(SETUP)
        self.screens.append(
            Screen("Ada", "the browser's warning", words, self.read(lines), 4, 1, typed)
        )


def as_read(markdown: str) -> list[str]:
    """Return the lines of a text without its marks, code, pictures and addresses of links."""
    text = re.sub(r"^ {3}```.*?```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<[^>]+>", "", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return [re.sub(r"[*`#|\[\]]", " ", each).strip() for each in text.splitlines()]


def count_words(line: str) -> int:
    return sum(any(map(str.isalnum, each)) for each in line.split())


@dataclass
class Reader:
    """Somebody with a phone, whose screens are measured while they go on."""

    name: str
    device: Device
    walk: Walk

    @property
    def screen(self) -> Screen:
        return self.walk.screens[-1]

    def open(self, address: str, typed: str = "") -> None:
        """Type an address; typed: what a person types, where that is another one."""
        self.device.open(address)
        self.look()
        self._count(characters=len(typed or address.removeprefix("http://")), fields=1, taps=2)

    def tap(self, words: str | re.Pattern[str]) -> None:
        self._count(taps=1)
        self.device.tap(words)
        self.look()

    def unfold(self, words: str) -> None:
        self._count(taps=1)
        self.device.actions += 1
        self.device.page.locator("summary", has_text=words).click()
        self.look()

    def choose(self, label: str | re.Pattern[str]) -> None:
        self._count(taps=1)
        self.device.choose(label)
        self.look()

    def pick(self, label: str | re.Pattern[str], option: str) -> None:
        """Pick from a list that opens: its field, a word of what is looked for, and the option."""
        self._count(taps=2, fields=1)
        self.device.pick(label, option)
        self.look()

    def write(self, label: str | re.Pattern[str], words: str) -> None:
        self._count(taps=1, fields=1, characters=len(words))
        self.device.write(label, words)

    def reload(self) -> None:
        self._count(taps=1)
        self.device.reload()
        self.look()

    def _count(self, taps: int = 0, fields: int = 0, characters: int = 0) -> None:
        self.screen.taps += taps
        self.screen.fields += fields
        self.screen.characters += characters

    def look(self) -> None:
        """Read what has become visible: of a page that has just come, or that has unfolded."""
        found = self.device.measure(_LOOK)
        lines = found["lines"]
        new = self.walk.read(lines)
        if not found["isSame"]:
            title = self.device.page.title() if not self.device.sees_an_error else "no such site"
            self.walk.screens.append(Screen(self.name, title, load=found["load"]))
        # Of a page as it stands in the end.
        self.screen.words = sum(map(count_words, lines))
        self.screen.new += new
        self.screen.swipes = max(0, -(-(found["height"] - PHONE.height) // PHONE.height))
        self.walk.look(self.device)
        if self.walk.folder:
            number = f"{len(self.walk.screens):02}"
            self.device.screenshot(self.walk.folder / f"{number}-{self.name.lower()}.png")


# The text of a page by the blocks that it stands in, so that a line which is on the next page too
# is known again.  `checkVisibility` tells what is folded.
_LOOK = """() => {
  const lines = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const parent = node.parentElement;
    if (!parent.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true})) continue;
    if (parent.closest("option, script, style, noscript, .unseen, .skip")) continue;
    // Text that stands in what is folded itself, and in no part of it.
    if (parent.matches("details:not([open])")) continue;
    let block = parent;
    while (getComputedStyle(block).display.startsWith("inline")
        && block.parentElement !== document.body) block = block.parentElement;
    lines.set(block, (lines.get(block) || "") + node.data);
  }
  const chosen = [...document.querySelectorAll("select")]
    .filter((each) => each.checkVisibility())
    .map((each) => each.selectedOptions[0]?.text || "");
  const isSame = Boolean(window.wasWalked);
  window.wasWalked = true;
  const [navigation] = performance.getEntriesByType("navigation");
  return {
    lines: [...lines.values(), ...chosen].map((each) => each.replace(/\\s+/g, " ").trim()),
    isSame,
    load: navigation ? navigation.duration / 1000 : 0,
    height: document.documentElement.scrollHeight,
  };
}"""


@contextmanager
def empty_box(folder: Path) -> Iterator[Program]:
    """Run a box that has nobody yet, in a network that has two devices."""
    data = folder / "data"
    data.mkdir()
    now = int(time.time())
    seen = [
        UnknownDevice("home", "u1", "", "", TABLET, "Mias-iPad", now, now),
        UnknownDevice("home", "u2", "", "", HOME, "Pixel-8", now, now),
    ]
    save_unknown_devices(data, seen)
    with running(folder, {}, environment={TLS: str(free_port())}) as program:
        yield program


def set_up(ada: Reader, program: Program) -> None:
    """Make the account, and go through the setup with one child who has one device."""
    code = json.loads(program.command("account", "code", "--json").stdout)["code"]
    ada.walk.go_past_the_warning()
    ada.device.open(f"{DOOR.replace('http:', 'https:')}guardian/setup")
    ada.look()
    ada.write("Setup code", code)
    ada.write("Your name", "Ada")
    ada.write(re.compile("^Password"), PASSWORD)
    ada.write("Repeat password", PASSWORD)
    ada.tap("Continue")  # to the first step
    ada.tap("Continue")  # the browser's country and time zone
    ada.write("Name", "Mia")
    ada.choose(re.compile("7 to 9"))
    ada.tap("That's everyone")
    ada.unfold("Steps for someone who knows routers")
    ada.tap("Continue for now")  # the box has no address for a router here
    ada.device.page.locator("fieldset", has_text="Mias-iPad").get_by_label("Mia").first.check()
    ada._count(taps=1)
    ada.tap("Continue")
    if "Helplines" in ada.device.page.title():  # only where there is one to check
        ada.tap("Continue")
    ada.device.reads("The setup is done.")


def ask(mia: Reader) -> None:
    """Come upon what is blocked, and ask for it."""
    mia.open(f"http://{BLOCKED}/", typed="tiktok.com")
    mia.open(DOOR, typed="copdns.home.arpa")
    mia.tap("This is my device: show me")
    mia.tap(re.compile("^Ask www.tiktok.com"))
    mia.tap("Send")


def answer(ada: Reader) -> None:
    """Her page still shows where the setup ended: who asks stands there, too."""
    ada.reload()
    ada.tap(re.compile("^Review"))
    ada.tap("Allow")
    ada.device.reads("This now applies to")


def walk_through(program: Program, browsers: Browsers, walk: Walk, *, dark: bool = False) -> Walk:
    """Go all the way; return what was measured."""
    walk.read_the_readme()
    place: dict[str, Any] = {"language": "en-GB", "timezone_id": "Europe/London", "dark": dark}
    ports = {443: int(program.environment[TLS])}
    ada = Reader("Ada", browsers.guardian(program, HOME, PHONE, ports=ports, **place), walk)
    mia = Reader("Mia", browsers.child(program, TABLET, PHONE, **place), walk)
    walk.people = {each.name: each for each in (ada, mia)}
    set_up(ada, program)
    ask(mia)
    answer(ada)
    mia.reload()
    return walk


def table(walk: Walk) -> str:
    """Return the screens as text, and what they come to."""
    heads = ("taps", "fields", "typed", "words", "new", "swipes", "load", "seconds")
    lines = [f"{'screen':44}" + "".join(f"{each:>8}" for each in heads)]
    for number, each in enumerate(walk.screens):
        figures = (each.taps, each.fields, each.characters, each.words, each.new, each.swipes)
        times = f"{each.load:>8.2f}{each.seconds:>8.0f}"
        name = f"{number} {each.who}: {each.title}"[:43]
        lines.append(f"{name:44}" + "".join(f"{one:>8}" for one in figures) + times)
    typed = sum(each.characters for each in walk.screens)
    swipes = sum(each.swipes for each in walk.screens)
    loads = sum(each.load for each in walk.screens)
    parts = {
        f"reading {walk.words} words at {READING} a minute": 60 * walk.words / READING,
        f"{walk.taps} taps at {TAP} s": TAP * walk.taps,
        f"{swipes} swipes at {SWIPE} s": SWIPE * swipes,
        f"typing {typed} characters at {TYPING:.0f} a second": typed / TYPING,
        f"{len(walk.screens) - 1} pages, as they loaded": loads,
        "make at-home": INSTALLING,
    }
    lines += ["", *(f"{what:52}{seconds:>6.0f} s" for what, seconds in parts.items())]
    again = 60 * (sum(each.words for each in walk.screens) - walk.words) / READING
    minutes, seconds = divmod(round(walk.seconds), 60)
    return "\n".join(
        [
            *lines,
            f"{'in all':52}{minutes:>3}:{seconds:02} min",
            f"whoever reads also what was on a screen before: {again:.0f} s more",
            "",
        ]
    )


def main(folder: str = "", look: str = "light") -> None:
    pictures = Path(folder) if folder else None
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as work,
        launched(find_tool(*CHROMIUM)) as chromium,
        ExitStack() as stack,
        empty_box(Path(work)) as program,
    ):
        people = Browsers(chromium, stack)
        walk = walk_through(program, people, Walk(pictures), dark=look == "dark")
    sys.stdout.write(table(walk))


if __name__ == "__main__":
    main(*sys.argv[1:])
