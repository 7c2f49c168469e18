"""A home to attack: the program of any checkout, its people, and an internet that takes notes.

Everything goes through DNS, pages and commands, and nothing here imports copdns, so that the same
tests can be run against another version: `ATTACKED` names the folder of its checkout.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as time_of_day
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from select import select
from time import monotonic, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.conftest import ROOT
from tests.e2e.visitor import PASSWORD, Page, Visitor
from tests.fake_clock import clock_environment, set_ahead
from tests.replies import ede_of
from tests.running import PATIENCE, Program, running

CHECKOUT = Path(os.environ.get("ATTACKED", ROOT)).absolute()
# What lets Python find another version; of this one a program is forked (tests/forking.py).
OTHER = {
    "PYTHONPATH": str(CHECKOUT),
    "PYTHONSAFEPATH": "1",  # or the folder that the tests are run in comes first
}
MINUTE, DAY = 60, 86_400  # seconds
ADDRESS = "192.0.2.1"  # of every name of the internet
TTL = 300  # seconds, of every answer of the internet
ISOLATES = dict.fromkeys(map(ord, "\N{FIRST STRONG ISOLATE}\N{POP DIRECTIONAL ISOLATE}"))


# --- the home -------------------------------------------------------------------------------------


@dataclass
class Home:
    """A home whose program runs.

    internet: where it sends names.  clock: the file by which its clock is ahead of ours, by `ahead`
    seconds.
    """

    program: Program
    internet: Internet
    clock: Path
    ahead: int = 0

    def ask(self, source: str, name: str, *, only_if_known: bool = False) -> Answer:
        """Look a name up.  only_if_known: without asking the server to find it out (RD=0)."""
        query = dns.message.make_query(name, "A", use_edns=0, id=7)
        if only_if_known:
            query.flags &= ~dns.flags.RD
        reply = dns.query.udp(query, "127.0.0.1", PATIENCE, port=self.program.port, source=source)
        return Answer(
            dns.rcode.to_text(reply.rcode()),
            tuple(str(each) for rrset in reply.answer for each in rrset),
            tuple(rrset.ttl for rrset in reply.answer),
            (ede_of(reply) or (0, ""))[1],
        )

    def wait(self, seconds: int) -> None:
        """Let time go by at once."""
        self.ahead += seconds
        set_ahead(self.clock, self.ahead)

    def wait_until(self, clock: str) -> None:
        """Let time go by until the clock in London says so: "14:59:30"."""
        now = datetime.fromtimestamp(time() + self.ahead, ZoneInfo("Europe/London"))
        then = datetime.combine(now.date(), time_of_day.fromisoformat(clock), now.tzinfo)
        if then <= now:
            then += timedelta(days=1)
        self.wait(round(then.timestamp() - now.timestamp()))

    def command(self, *arguments: str) -> str:
        done = self.program.command(*arguments)
        assert done.returncode in (0, 3), done.stderr  # 3: `check` says that it is blocked
        return done.stdout

    def person(self, address: str) -> Person:
        """Return somebody with a browser that nobody used before."""
        return Person(self, Visitor(address))


class Answer(NamedTuple):
    """data: all rdata; ttls: seconds; says: the text of its extended error."""

    rcode: str
    data: tuple[str, ...]
    ttls: tuple[int, ...]
    says: str


@contextmanager
def home_of(
    folder: Path, family: Mapping[str, object], settings: Mapping[str, object] | None = None
) -> Iterator[Home]:
    """Start the program of the checkout for a family, or again for what is in the folder."""
    # A wrong folder would let the installed program be attacked, without a word.
    assert (CHECKOUT / "copdns" / "__main__.py").exists(), f"{CHECKOUT} is no checkout of copdns"
    clock = folder / "clock"
    set_ahead(clock, 0)
    written = folder / "household.yaml"
    written.write_text(json.dumps(family))
    environment = {**clock_environment(clock), **(OTHER if CHECKOUT != ROOT else {})}
    with ExitStack() as stack:
        internet = stack.enter_context(listening())
        program = stack.enter_context(
            running(
                folder,
                {"household": str(written), **(settings or {})},
                upstreams=[internet.port],
                environment=environment,
            )
        )
        yield Home(program, internet, clock)


def eventually(holds: Callable[[], object]) -> None:
    """Wait until something holds; fail when it takes too long."""
    began = monotonic()
    while not holds():
        assert monotonic() - began < PATIENCE, "it did not come true"
        select([], [], [], 0.02)


# --- people at their browsers ---------------------------------------------------------------------


@dataclass
class Person:
    """Somebody with a browser.

    shown: the page that it shows, tags and all.  password: what is typed where a page asks for it
    again; somebody who does not know it leaves the page as it is.
    """

    home: Home
    browser: Visitor
    password: str = ""
    status: int = 0
    shown: str = ""

    @property
    def reads(self) -> str:
        """All words of the page, without those that only a machine reads."""
        bare = re.sub(r"(?s)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", self.shown)
        return " ".join(unescape(bare).translate(ISOLATES).split())

    def open(self, path: str) -> Person:
        self._show(self.browser.open(self.home.program, path))
        return self

    def press(self, action: str, **fields: str) -> Person:
        """Fill in the form of the page whose action matches a pattern, and send it; of several, the
        first with all of the fields."""
        whole = [each for each in self.forms(action) if fields.keys() <= each.fields.keys()]
        form = whole[0] if whole else self.form(action)
        return self.send(form.action, **(form.fields | fields))

    def form(self, action: str) -> Form:
        """Return the form of the page whose action matches a pattern."""
        found = self.forms(action)
        assert found, f"no form {action} on the page (status {self.status}): {self.reads}"
        return found[0]

    def forms(self, action: str) -> list[Form]:
        return [each for each in forms_of(self.shown) if re.fullmatch(action, each.action)]

    def has(self, action: str) -> bool:
        return bool(self.forms(action))

    def send(self, path: str, **fields: str) -> Person:
        """Send a form by hand, whether or not a page has it."""
        self._show(self.browser.send(self.home.program, path, **fields))
        for form in forms_of(self.shown):
            if self.password and self.status == 403 and "step_up_password" in form.fields:
                return self.send(form.action, **{**form.fields, "step_up_password": self.password})
        return self

    def _show(self, page: Page) -> None:
        while page.status == 303:
            page = self.browser.open(self.home.program, page.location)
        self.status, self.shown = page.status, page.text

    def log_in(self, name: str, password: str = PASSWORD) -> Person:
        self.password = password
        return self.send("/guardian/login", name=name, password=password)

    def join(self, code: str, password: str) -> Person:
        """Make the account that a code is for one's own."""
        self.password = password
        return self.send("/guardian/join", code=code, password=password, again=password)

    def steal_from(self, other: Person) -> Person:
        """Take the cookies of somebody else's browser."""
        self.browser.cookies = dict(other.browser.cookies)
        return self

    @property
    def code(self) -> str:
        """The code that the page shows, "" for none."""
        found = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", self.reads)
        return found[0] if found else ""


class Form(NamedTuple):
    """fields: what a browser would send if nobody filled anything in."""

    action: str
    fields: dict[str, str]


def forms_of(page: str) -> list[Form]:
    reader = _FormReader()
    reader.feed(page)
    return reader.forms


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._inside = False
        self._area = self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        name, value = found.get("name", ""), found.get("value", "")
        if tag == "form" and found.get("method", "").lower() == "post":
            self.forms.append(Form(found.get("action", ""), {}))
            self._inside = True
        elif not self._inside:
            return
        elif tag == "select":
            self._select = name
        elif tag == "option":
            if "selected" in found or self._select not in self._fields:
                self._fields[self._select] = value
        elif tag == "textarea":
            self._area = name
            self._fields[name] = ""
        elif tag == "input" and name:
            is_box = found.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in found:
                self._fields[name] = value or ("on" if is_box else "")

    def handle_data(self, data: str) -> None:
        if self._area:
            # A browser leaves out a line break that an area begins with.
            self._fields[self._area] += (
                data if self._fields[self._area] else data.removeprefix("\n")
            )

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            self._area = ""

    @property
    def _fields(self) -> dict[str, str]:
        return self.forms[-1].fields


# --- the internet ---------------------------------------------------------------------------------


@dataclass
class Internet:
    """A server that knows every name, and takes notes.

    leads: by name, the one that it is an alias of.  asked: all names that were asked for.
    """

    socket: socket.socket
    leads: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def serve(self) -> None:
        while True:
            wire, peer = self.socket.recvfrom(4096)
            if not wire:
                return
            self.socket.sendto(self._answer(dns.message.from_wire(wire)), peer)

    def _answer(self, query: dns.message.Message) -> bytes:
        reply = dns.message.make_response(query, recursion_available=True)
        name = query.question[0].name.to_text()
        plain = name.rstrip(".").lower()
        self.asked.append(plain)
        if plain in self.leads:
            target = f"{self.leads[plain]}."
            reply.answer.append(dns.rrset.from_text(name, TTL, "IN", "CNAME", target))
            name = target
        if query.question[0].rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(name, TTL, "IN", "A", ADDRESS))
        return bytes(reply.to_wire())


@contextmanager
def listening() -> Iterator[Internet]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        made = Internet(sock)
        thread = threading.Thread(target=made.serve)
        thread.start()
        try:
            yield made
        finally:
            sock.sendto(b"", sock.getsockname())  # no message at all: the end
            thread.join()
