"""Looking for help leaves no trace: afterwards everything is as if it had not happened.

The same home runs twice and is asked the same things, by one person in each privacy mode.  The
second time each of them also looks for help a hundred times, between everything else and in
every odd way.  What can be seen of the two homes afterwards is compared, value for value.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from time import time
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rdataclass
import pytest

from copdns.app.help_chores import FILE
from copdns.household.shape import moment_text
from copdns.model.household import PrivacyMode
from copdns.model.yaml_text import document
from copdns.store.db import open_database
from copdns.store.folder_lock import LOCK_FILE
from copdns.store.household_db.migrations import HOUSEHOLD
from tests.e2e.curious import help_file, leave_help_file
from tests.e2e.house import ROOT, House, Reply, eventually, house, traces
from tests.e2e.upstream import has
from tests.running import PATIENCE
from tests.upstream_server import (
    ADDRESS,
    Way,
    always_truncated,
    failing,
    filtered,
    garbled,
    lowering,
    silent,
    truncated,
    without_edns,
)

WHO = {mode: f"127.0.1.{number}" for number, mode in enumerate(PrivacyMode, 1)}
DAY = 86_400


def family() -> dict[str, object]:
    """Return a household with a person in each mode; the full log is one that has begun."""
    profiles: dict[str, dict[str, object]] = {
        mode: {"preset": "7-9", "privacy": mode, "devices": {f"{mode}-tablet": [address]}}
        for mode, address in WHO.items()
        if mode is not PrivacyMode.FULL
    }
    full_log = {"start": moment_text(int(time())), "end": moment_text(int(time()) + DAY)}
    devices = {"full-tablet": [WHO[PrivacyMode.FULL]]}
    profiles["full"] = {"preset": "7-9", "full_log": full_log, "devices": devices}
    return {"id": "home", "profiles": profiles, "block": ["games.example"]}


def groups() -> dict[str, list[str]]:
    """Return the names of the five help groups."""
    path = ROOT / "blocklists" / "protected.yaml"
    file = document(path.read_text(), path.name).value
    return {
        group: [each["name"].lstrip("=") for each in data["names"] if "unopened" not in each]
        for group, data in file["groups"].items()
        if data["help"]
    }


# Twenty of each group, and what upstreams can do to a look-up, each to a name of its own.
HELP = [name for names in groups().values() for name in islice(cycle(names), 20)]
ODD_WAYS: dict[str, Way] = {
    "always-truncated.childline.org.uk": always_truncated,
    "blocked-alias.childline.org.uk": has("CNAME games.example.", "A 127.0.0.7"),
    "failing.childline.org.uk": failing(2),
    "filtered.childline.org.uk": filtered,
    "garbled.childline.org.uk": garbled,
    "into-the-home.childline.org.uk": has("A 10.0.0.7"),
    "lowering.childline.org.uk": lowering,
    "no-such-name.childline.org.uk": failing(3),
    "silent.childline.org.uk": silent,
    "truncated.childline.org.uk": truncated,
    "without-edns.childline.org.uk": without_edns,
}
TRACE = b"|".join(re.escape(name.removeprefix("www.").encode()) for name in HELP)

OTHERS = [
    *[f"open-{number}.example" for number in range(30)],
    *[f"blocked-{number}.games.example" for number in range(10)],
    *("www.bet365.com", "www.roblox.com", "www.google.com", "www.youtube.com", "dns.google"),
    *("use-application-dns.net", "en.wikipedia.org", "nas.lan", "refused.example"),
    *[f"open-{number}.example" for number in range(30)],  # from the cache
]


@dataclass
class Seen:
    """What can be seen of a home, by what is looked at."""

    parts: dict[str, object]
    traces: dict[str, set[bytes]]
    asked: set[str]
    helped: list[Reply]


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return lived(tmp_path_factory.mktemp("without"), lambda home: iter(()))


@pytest.fixture(scope="module")
def with_help(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return lived(tmp_path_factory.mktemp("with"), looking_for_help)


def lived(folder: Path, between: Callable[[House], Iterator[Reply]]) -> Seen:
    """Let a home live a little; `between` is one step further after each question."""
    says = {**ODD_WAYS, "refused.example": failing(5)}
    leave_help_file(folder / "data", help_file(ADDRESS))
    with house(folder, {}, family(), says) as home:
        steps, helped = between(home), list[Reply]()
        for number, (address, name) in enumerate(
            (address, name) for name in OTHERS for address in WHO.values()
        ):
            home.ask(name, source=address, over_tcp=number % 10 == 0)
            helped += islice(steps, 2)
        helped += steps
        counted = len(OTHERS) * (len(WHO) - 1)
        eventually(lambda: home.written()[1] >= counted)
        while_running = traces(home.data, TRACE)
        parts = {**seen_by_commands(home), **seen_in_databases(home), "pages": pages(home)}
        _, said = home.program.stop()
        parts["events"] = events(said)
        # But for the number of the process that served, which may have a digit more.
        files = [each for each in home.data.iterdir() if each.name != LOCK_FILE]
        parts["files"] = {each.name: each.stat().st_size for each in files}
        parts["help answers"] = (home.data / FILE).read_bytes()
        texts = {"events": set(re.findall(TRACE, said.encode()))}
        found = {**while_running, **traces(home.data, TRACE), **texts}
        return Seen(parts, found, set(home.upstream.names), helped)


def looking_for_help(home: House) -> Iterator[Reply]:
    """Look for help in every mode, and yield the replies."""
    waiting = [home.begin("silent.childline.org.uk", address) for address in WHO.values()]
    for number, name in enumerate(HELP):
        for address in WHO.values():
            rtype = rtype_of(number)
            yield home.ask(name, rtype, address, over_tcp=number % 10 == 0)
    for name in ODD_WAYS.keys() - {"silent.childline.org.uk"}:
        for address in WHO.values():
            yield home.ask(name, source=address)
    for query in odd_queries():
        for address in WHO.values():
            yield Reply(
                dns.query.udp(query, "127.0.0.1", PATIENCE, home.program.port, source=address)
            )
    for wait in waiting:
        yield wait()


def rtype_of(number: int) -> str:
    return ("A", "AAAA", "HTTPS", "TXT")[number // 2 % 4] if number % 2 else "A"


TEXTS = {name for number, name in enumerate(HELP) if rtype_of(number) == "TXT"}


def odd_queries() -> Iterator[dns.message.Message]:
    name = "www.childline.org.uk"
    yield dns.message.make_query(name.upper(), "A")
    yield dns.message.make_query(name, "ANY")
    yield dns.message.make_query(name, "TXT", rdclass=dns.rdataclass.CH)
    yield dns.message.make_query(name, "A", want_dnssec=True)
    yield dns.message.make_query(name, "A", use_edns=1)
    yield dns.message.make_query(f"not-cached.{name}", "A", flags=dns.flags.Flag(0))


def pages(home: House) -> dict[str, object]:
    # How long an upstream took differs from run to run, how often it was asked does not; facts grow
    # older by themselves.
    timed = (
        "copdns_upstream_seconds_bucket",
        "copdns_upstream_seconds_sum",
        "copdns_facts_age_seconds",
    )
    numbers = {key: n for key, n in home.metrics().items() if not key.startswith(timed)}
    return {"metrics": numbers, "readyz": home.program.get("/readyz")}


def seen_by_commands(home: House) -> dict[str, object]:
    commands = (
        ("log", "counts", "--json"),
        ("lists", "status", "--json"),
        ("household", "history", "--json"),
    )
    return {" ".join(each): timeless(json.loads(home.command(*each))) for each in commands}


def timeless(value: Any) -> Any:
    """Return what a command says without its moments; counts are added up over the hours."""
    moments = {"at", "created", "end", "hour", "start"}
    match value:
        case dict():
            return {key: timeless(each) for key, each in value.items() if key not in moments}
        case [{"count": _}, *_]:
            hours: Counter[tuple[str, ...]] = Counter()
            for each in value:
                key = each["profile"], each["action"], each["reason"], each["category"]
                hours[key] += each["count"]
            return hours
        case list():
            return [timeless(each) for each in value]
    return value


def seen_in_databases(home: House) -> dict[str, object]:
    """Return all that stands in the tables, but for moments."""
    rows = [logged._replace(row=logged.row._replace(at=0)) for logged in home.log.rows("home")]
    with closing(open_database(home.data / "household.db", HOUSEHOLD)) as connection:
        lines = [line for line in connection.iterdump() if "_sqlite_migrations" not in line]
    household = [re.sub(r"\b1\d{9}\b", "(a moment)", line) for line in lines]
    household = [re.sub(r"127\.0\.0\.1:\d+", "(an upstream)", line) for line in household]
    # The code of the set-up is another one at every start.
    household = [re.sub(r"'[0-9a-f]{64}'", "(a digest)", line) for line in household]
    return {"rows": rows, "household.db": household}


def events(said: str) -> list[dict[str, object]]:
    own = {"timestamp", "port", "web", "page", "at", "until", "code"}
    lines = map(json.loads, said.splitlines())
    return [{key: line[key] for key in line if key not in own} for line in lines]


def test_help_was_found_whatever_upstreams_did(with_help: Seen) -> None:
    """Or the tests below would prove nothing."""
    # Other types than those that copdns fetches on its own, and other hosts, are fetched each time.
    assert ODD_WAYS.keys() | TEXTS <= with_help.asked
    assert len(with_help.helped) > 100 * len(WHO)
    replies = with_help.helped[: len(HELP) * len(WHO)]
    assert {reply.rcode for reply in replies} == {"NOERROR"}
    assert {tuple(reply.data) for reply in replies} == {("127.0.0.80",), ()}


def test_a_home_in_which_nobody_looked_for_help_was_not_asked(without: Seen) -> None:
    # But for what copdns fetches on its own, in any home.
    assert not without.asked & ODD_WAYS.keys()
    assert not without.helped


@pytest.mark.parametrize(
    "part",
    [
        *("pages", "events", "files", "help answers", "rows", "household.db"),
        *("log counts --json", "lists status --json", "household history --json"),
    ],
)
def test_everything_is_as_if_nobody_had_looked_for_help(
    without: Seen, with_help: Seen, part: str
) -> None:
    assert with_help.parts[part] == without.parts[part]


def test_all_that_can_be_seen_was_compared(with_help: Seen) -> None:
    assert len(with_help.parts) == 9


def test_no_file_and_no_event_holds_the_name_of_a_help_group(with_help: Seen) -> None:
    assert not {place: names for place, names in with_help.traces.items() if names}
