"""A day of a family at a bad provider, told as a page: `python -m tests.faults.bad_day` writes it.

Everything is the program's own (its decisions, its cache, how it asks upstreams and asks again, how
it compares lists), but three things: the clock, which jumps over the time in which nothing happens;
the two upstreams, which lose messages by a rule that is the same each time; and the people.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import dns.message
import dns.rrset

from copdns.dns.help_answers import help_keys
from copdns.dns.upstream import UpstreamClient
from copdns.household.check import KnownIds
from copdns.household.rule_edits import add_rule
from copdns.list_files.unpack import UnpackJob, unpack_list
from copdns.lists.versions import find_reasons
from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import StoreError
from copdns.model.household import RuleAction
from copdns.settings.config import UpstreamSettings
from copdns.store.household_db.household import HouseholdStore
from copdns.time.clock import Moment
from tests.fakes import FakeClock
from tests.home import Home
from tests.household import asker, block, family, library

PAGE = Path(__file__).parents[2] / "docs" / "bad-day.md"
DAY = datetime(2026, 3, 27, tzinfo=UTC)
HOUR, MINUTE = 3600.0, 60.0
LOST = 0.3  # of all messages, on each way
DELAY = 0.04  # seconds from a query to its answer
GONE = (15.5 * HOUR, 16.5 * HOUR)  # from, until: seconds of the day
POISONED = 12 * HOUR
FULL = (18 * HOUR, 19 * HOUR)
TTL = 300  # seconds, of every answer
BLOCKED, HELP, GAMES = "games.example", "childline.example", "cards.example"
PEOPLE = {  # when each is online, in hours, and how many sites each has
    "mia": ("Mia, 8", ((7, 7.5), (14, 18.5)), 8),
    "tom": ("Tom, 15", ((7, 7.5), (14.5, 21.5)), 16),
    "ada": ("Ada, their mother", ((6.5, 8), (12, 13), (17, 22)), 14),
}
WORDS = ("book", "chess", "film", "maps", "music", "news", "photo", "school", "shop", "sport")
SEED = 27


# --- the clock ----------------------------------------------------------------------------------


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: where nothing is ready, the clock is set on by as long as the wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time is that of the story.  What the kernel delivers on loopback is at once."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class LoopClock(FakeClock):
    """The clocks of the family's machine, which follow a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(DAY.timestamp())
        self._loop = loop

    def __call__(self) -> Moment:
        self._shows, self.mono = DAY.timestamp() + self._loop.time(), 1000.0 + self._loop.time()
        return super().__call__()


# --- the provider -------------------------------------------------------------------------------


class BadUpstream(asyncio.DatagramProtocol):
    """Answers every question, unless a message is lost or the provider is gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        self._loop = loop
        self._number = number
        self._came = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, wire: bytes, peer: tuple[str, int]) -> None:
        query = dns.message.from_wire(wire)
        self._came += 1
        name = query.question[0].name.to_text()
        if self._is_lost("question", name) or self._is_lost("answer", name):
            return
        reply = dns.message.make_response(query, recursion_available=True)
        reply.answer.append(dns.rrset.from_text(name, TTL, "IN", "A", "198.51.100.1"))
        self._loop.call_later(DELAY, self._transport.sendto, reply.to_wire(), peer)

    def _is_lost(self, what: str, name: str) -> bool:
        """Draw by the message itself, so that the day is the same whatever ports were used."""
        now = self._loop.time()
        if GONE[0] <= now < GONE[1]:
            return True
        drawn = f"{what} {name.lower()} {self._number} {now:.2f} {SEED}".encode()
        return sha256(drawn).digest()[0] < 256 * LOST


class HomeOfTheDay(Home):
    """A home whose upstreams are asked over sockets, in the loop's time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, upstreams: list[UpstreamAddress]) -> None:
        chosen = UpstreamSettings()
        self.client = UpstreamClient(loop, deadline=chosen.deadline, attempt=chosen.attempt)
        self.client.configure({"": tuple(upstreams)})
        self._clock_of_loop = LoopClock(loop)
        rules = (block(BLOCKED, "mia"),)
        lists = library(
            categories={"games": [GAMES, f"*.{GAMES}"]}, protected={"child_helpline": [HELP]}
        )
        super().__init__(family(rules=rules), lists, at=DAY.timestamp())

        self.waiting = 0  # queries that wait for an upstream

    def _start(self, counting: Any) -> None:
        self.clock, self.upstream = self._clock_of_loop, self.client  # type: ignore[assignment]
        super()._start(counting)

    def fetch_help(self) -> None:
        """Ask for the help names that are due; the answers come later."""
        if self._rounds.is_over:
            self._rounds.begin(help_keys(self._lists.help_names))
        self._rounds.ask_due()


# --- what people see ----------------------------------------------------------------------------


@dataclass
class Seen:
    """What one person saw in a part of the day.  slowest: seconds, of what was answered."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0


PARTS = (  # from which hour on, and what is the matter
    (0.0, "until noon"),
    (12.0, "noon to 15:30, the poisoned list"),
    (15.5, "15:30 to 16:30, no upstream"),
    (16.5, "16:30 to 18:00"),
    (18.0, "18:00 to 19:00, the full disk"),
    (19.0, "from 19:00 on"),
)
AT_ONCE, SLOW = 0.3, 1.0  # seconds


@dataclass
class Day:
    """seen: by person and part."""

    seen: dict[tuple[str, str], Seen] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)  # part and name
    blocked_asked: int = 0
    blocked: int = 0
    help_asked: int = 0
    help_answered: int = 0

    def note(self, who: str, name: str, at: float, took: float, kind: str) -> None:
        part = [name for begins, name in PARTS if at >= begins * HOUR][-1]
        seen = self.seen.setdefault((who, part), Seen())
        seen.counts[kind] += 1
        if kind == "failed":
            self.failed.append((part, name))
        else:
            seen.slowest = max(seen.slowest, took)
        if name == BLOCKED:
            self.blocked_asked += 1
            self.blocked += kind == "blocked"


def visits() -> list[tuple[float, str, str]]:
    """Return who opens which site when: a page each two minutes or so, favourites more often."""
    lot, found = Random(SEED), list[tuple[float, str, str]]()
    for who, (_, spans, sites) in PEOPLE.items():
        names = [f"{WORDS[n % len(WORDS)]}-{n // len(WORDS)}.example" for n in range(sites)]
        for begins, ends in spans:
            at = begins * HOUR
            while (at := at + lot.expovariate(1 / (2 * MINUTE))) < ends * HOUR:
                site = names[min(int(lot.expovariate(3 / sites)), sites - 1)]
                found += [(at, who, site), (at + 0.2, who, f"cdn.{site}")]
                if lot.random() < 0.1:
                    found.append((at + 5, who, f"new-{len(found)}.example"))
                if who == "mia" and lot.random() < 0.1:
                    found.append((at + 9, who, BLOCKED))
        found += [(hour * HOUR + 31, who, HELP) for hour in (7, 12.5, 15.75, 18.25)]
    return sorted(found)


async def live(loop: asyncio.AbstractEventLoop) -> Day:
    ends = [
        await loop.create_datagram_endpoint(
            lambda number=number: BadUpstream(loop, number), local_addr=("127.0.0.1", 0)
        )
        for number in range(2)
    ]
    places = [UpstreamAddress(*end.get_extra_info("sockname")[:2]) for end, _ in ends]
    home, day = HomeOfTheDay(loop, places), Day()
    await know_help(home, loop)
    agenda = [(at, who, name) for at, who, name in visits()]
    heapq.heapify(agenda)
    async with asyncio.TaskGroup() as tasks:
        chores = tasks.create_task(do_chores(home, loop))
        people = []
        while agenda:
            at, who, name = heapq.heappop(agenda)
            await reach(loop, at)
            people.append(tasks.create_task(visit(home, loop, day, who, name)))
        for each in people:
            await each
        chores.cancel()
    home.client.close()
    for end, _ in ends:
        end.close()
    return day


async def know_help(home: HomeOfTheDay, loop: asyncio.AbstractEventLoop) -> None:
    """Fetch the help answers in the night before, as the program does by itself."""
    while loop.time() < 5 * HOUR:
        await reach(loop, loop.time() + 30)
        home.fetch_help()


async def reach(loop: asyncio.AbstractEventLoop, at: float) -> None:
    """Come back at a moment of the day, or at once where it is over."""
    reached = loop.create_future()
    loop.call_at(at, lambda: reached.done() or reached.set_result(None))
    await reached


async def do_chores(home: HomeOfTheDay, loop: asyncio.AbstractEventLoop) -> None:
    """Do what the program does several times a second, and less often while nobody is there."""
    while True:
        moment = home.clock()
        home.resolver.waiting.give_stale(moment)
        home.resolver.responses.refresh(moment)
        home.fetch_help()
        await reach(loop, loop.time() + (0.1 if home.waiting else 1.0))


async def visit(
    home: HomeOfTheDay, loop: asyncio.AbstractEventLoop, day: Day, who: str, name: str
) -> None:
    began = loop.time()
    reply = await ask(home, loop, who, name)
    took = loop.time() - began
    if name == HELP:
        day.help_asked += 1
        day.help_answered += bool(reply.answer) and took < AT_ONCE
        return
    day.note(who, name, began, took, kind_of(reply, took))


async def ask(
    home: HomeOfTheDay, loop: asyncio.AbstractEventLoop, who: str, name: str
) -> dns.message.Message:
    later: asyncio.Future[bytes] = loop.create_future()
    wire = dns.message.make_query(name, "A", use_edns=0).to_wire()
    now = home.resolver.answer(
        wire, asker(who), home.clock(), lambda reply, _: later.set_result(reply), None
    )
    home.waiting += now is None
    reply = dns.message.from_wire(now or await later)
    home.waiting -= now is None
    return reply


def kind_of(reply: dns.message.Message, took: float) -> str:
    codes = {int(each.code) for each in reply.extended_errors()}
    if 17 in codes:
        return "blocked"
    if not reply.answer:
        return "failed"
    if 3 in codes:
        return "expired"
    return "at once" if took < AT_ONCE else "late" if took < SLOW else "slow"


# --- noon and six -------------------------------------------------------------------------------


def poisoned_list() -> tuple[str, ...]:
    """Compare the version of noon with the one of the day before; return why it is held."""
    before = "".join(f"toys-{number}.example\n" for number in range(1000)) + f"{GAMES}\n"
    bad = "google.com\nwikipedia.org\nyoutube.com\nwhatsapp.com\nmicrosoft.com\napple.com\n"
    after = before + bad + "".join(f"boys-{number}.example\n" for number in range(500))
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: str(Path(folder) / name) for name in ("before", "raw", "text")}
        Path(paths["before"]).write_text(before)
        Path(paths["raw"]).write_text(after)
        job = UnpackJob(
            paths["raw"], paths["text"], "", "domains", "subtree", 1 << 20,
            before=paths["before"], subject="games",
        )  # fmt: skip
        diff = unpack_list(job).diff
    assert diff is not None
    return tuple(map(str, find_reasons(diff)))


async def save_on_a_full_disk() -> str:
    """Let Ada add rules while her disk takes no octet more; return what she is told."""
    with tempfile.TemporaryDirectory() as folder, HouseholdStore.open(Path(folder)) as store:
        await store.create(family(), "ada", 0)
        (pages,) = await store.run(lambda db: db.execute("pragma page_count").fetchone())
        await store.run(lambda db: db.execute(f"pragma max_page_count = {pages}").fetchone())
        try:
            for number in range(1000):  # there is some room in the last page
                edit = partial(
                    add_rule,
                    action=RuleAction.BLOCK,
                    text=f"film-{number}.example",
                    known=KnownIds(),
                )
                await store.change("home", edit, author="ada", what="a rule", now=0)
        except StoreError as error:
            return str(error).replace(f"{folder}/", "")
    raise AssertionError("the disk was not full")


# --- the page -----------------------------------------------------------------------------------

KINDS = ("at once", "late", "slow", "expired", "blocked", "failed")
HEAD = """\
# A day at a bad provider

What a family sees on a day on which much goes wrong. This page is made by a test: `python -m
tests.faults.bad_day` writes it, and `tests/faults/test_bad_day.py` fails when it is out of date.
The program decides, caches, asks and asks again as ever, with a clock that jumps over the time in
which nothing happens. [Faults](faults.md) tells of each fault.

| time | what goes wrong |
|---|---|
| all day | the provider loses {lost:.0%} of all messages on each way, to both upstreams |
| 12:00 | a list of games comes with 500 names more and six sites that everyone uses |
| 15:30 to 16:30 | no upstream answers anything |
| 18:00 to 19:00 | the disk is full |

## What each person saw

Each site takes two names, one of the page and one of its pictures; now and then there is a site
that the family had not opened before. *At once* is within 0.3 seconds, *late* within a second,
*slow* within {deadline:g} seconds. *Expired* are
[answers from before](settings.md#when-upstreams-fail), given where no upstream answered within
1.5 seconds, or none had answered lately.

| who | when | names | at once | late | slow | expired | blocked | failed | slowest, s |
|---|---|---|---|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the page as the day gives it."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        day = runner.run(live(runner.get_loop()))
    rows = []
    for who, (name, _, _) in PEOPLE.items():
        for _, part in PARTS:
            seen = day.seen.get((who, part))
            if seen is not None:
                counts = " | ".join(str(seen.counts[kind] or "–") for kind in KINDS)
                rows.append(
                    f"| {name} | {part} | {seen.counts.total()} | {counts} | {seen.slowest:.1f} |"
                )
    total = Counter[str]()
    for seen in day.seen.values():
        total.update(seen.counts)
    gone = [name for part, name in day.failed if part == PARTS[2][1]]
    new = sum(name.startswith("new-") for name in gone)
    lost = len(day.failed) - len(gone)
    head = HEAD.format(lost=LOST, deadline=UpstreamSettings().deadline)
    table = "\n".join(rows)
    return f"""{head}{table}

- Of {total.total():,} names in all, {total["failed"]} failed: {len(gone)} in the hour without
  an upstream, of which {new} were of sites that the family had not opened before, and {lost}
  because each message of several tries was lost. Most browsers try again.
- Mia's blocked site was looked up {day.blocked_asked} times and blocked {day.blocked} times, with
  its reason.
- Help sites were looked up {day.help_asked} times, also in the hour without an upstream, and
  answered at once {day.help_answered} times.

## Noon: the list

The new version is **held**: {", ".join(poisoned_list())}. The old one stays active, so nothing
changed for anyone, until a guardian [looks at it](lists.md#held-versions).

## Six: the disk

Answers do not wait for the disk, so the table shows nothing of it. Ada wanted to block a site of
films, and was told:

> {asyncio.run(save_on_a_full_disk())}
"""


if __name__ == "__main__":
    PAGE.write_text(page())
