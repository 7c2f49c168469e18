"""`copdns query`: the whole way of a query, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from copdns.dns.records import CD
from copdns.store.log_db.querylog import FILE
from tests.e2e.upstream import has, upstream
from tests.unit.calling import Home
from tests.upstream_server import UpstreamServer, silent

STEPS = ["rules", "decision", "upstream", "judgement", "answer"]


@pytest.fixture(scope="module")
def server() -> Iterator[UpstreamServer]:
    says = {
        "open.example": has("A 203.0.113.7"),
        "half.example": has("CNAME tracker.example.", "A 203.0.113.11"),
        "cloaked.example": has("CNAME games.example.", "A 203.0.113.8"),
        "forcesafesearch.google.com": has("A 203.0.113.9"),
        "childline.org.uk": has("A 203.0.113.10"),
        "time.apple.com": has("A 203.0.113.12"),
        "silent.example": silent,
    }
    with upstream(says) as running:
        yield running


@pytest.fixture
def asking(home: Home, server: UpstreamServer) -> Home:
    home.set(upstreams={"servers": [str(server.address)], "deadline": 0.5, "attempt": 0.3})
    return home


def told(home: Home, *words: str) -> dict[str, str]:
    """Return what each step says."""
    shown = home.json("query", *words)
    assert all(each["milliseconds"] >= 0 for each in shown["steps"])
    return {each["step"]: each["text"] for each in shown["steps"]}


@pytest.mark.parametrize(
    ("name", "who", "code", "steps", "last"),
    [
        ("open.example", "mia", 0, STEPS, "203.0.113.7"),
        ("games.example", "mia", 3, STEPS[:2], "blocked at step 10: rule: games.example"),
        ("cloaked.example", "mia", 3, STEPS[:4], "rule: games.example (games.example)"),
        ("cloaked.example", "tom", 0, STEPS, "games.example, 203.0.113.8"),
        ("silent.example", "mia", 1, STEPS[:3], "no upstream answered"),
        (
            "printer.local",
            "mia",
            0,
            STEPS[:2],
            "answered by this machine at step 2: local: a local",
        ),
        ("www.google.com", "tom", 4, STEPS, "203.0.113.9"),
    ],
)
def test_each_step_is_told_to_where_the_way_ends(
    asking: Home, name: str, who: str, code: int, steps: list[str], last: str
) -> None:
    assert asking.call("query", name, "--as", who).exit_code == code
    found = told(asking, name, "--as", who)
    assert list(found) == steps
    assert found[steps[-1]].startswith(last)


def test_what_is_inside_is_judged_by_the_type_that_was_asked_for(
    asking: Home, server: UpstreamServer
) -> None:
    (asking.folder / "types.txt").write_text("||tracker.example^$dnstype=A\n")
    types = {"slug": "types", "path": "types.txt", "category": "games", "match": "subtree"}
    asking.set(upstreams={"servers": [str(server.address)]}, lists=[types | {"format": "adblock"}])
    assert asking.call("query", "half.example", "--as", "mia").exit_code == 3


def test_the_text_has_a_line_for_each_step_and_its_time(asking: Home) -> None:
    head, *lines = asking.ok("query", "OPEN.example", "--as", "mia").splitlines()
    assert head == "open.example, type A, as mia"
    assert [line.split()[0] for line in lines] == STEPS
    assert all(line.split()[2] == "ms" for line in lines)


def test_nothing_is_recorded(asking: Home) -> None:
    asking.ok("query", "open.example", "--as", "mia")
    asking.ok("query", "childline.org.uk", "--as", "mia")
    assert not (Path(asking.data) / FILE).exists()


def test_who_is_not_there_cannot_ask(asking: Home) -> None:
    assert asking.call("query", "open.example", "--as", "bo").exit_code == 1
    assert asking.call("query", "open.example").exit_code == 2


def test_the_name_of_a_time_server_is_asked_in_clear_text_as_the_program_does(
    asking: Home, server: UpstreamServer
) -> None:
    """Encrypted, nothing answers here, as where a wrong clock makes each certificate invalid."""
    nobody = "tls://dns.example@127.0.0.1:1"
    upstreams = {"servers": [nobody], "bootstrap": [str(server.address)], "deadline": 0.5}
    asking.set(upstreams=upstreams | {"attempt": 0.3})
    assert asking.call("query", "open.example", "--as", "mia").exit_code == 1
    assert told(asking, "time.apple.com", "--as", "mia")["answer"] == "203.0.113.12"
    assert server.asked[-1].message.flags & CD, "nobody is to check signatures"
