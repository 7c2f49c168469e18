"""Tables as files, and the agent that keeps them: each way to a revision leads to the same rows."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import lmdb
import pytest

from copdns.model.errors import PlaneError, StoreError
from copdns.model.matchers import Matcher
from copdns.model.names import to_wire
from copdns.model.verdict import Reason
from copdns.provider.plane.agent import NodeAgent
from copdns.provider.plane.files import PlaneFiles, hold_writer_lock
from copdns.provider.plane.rows import PlaneTable, group_rows, snapshot_rows, table_file
from copdns.provider.plane.snapshot import (
    Group,
    Layer,
    ListedNames,
    NameList,
    PlaneChange,
    PlaneSnapshot,
    PolicyClass,
    Subscriber,
    address_key,
)
from tests.running import PATIENCE

ADA, BO = address_key("192.0.2.1"), address_key("2001:db8:0:100::/56")
OPEN, NIGHT = PolicyClass(frozenset({"games"})), PolicyClass(closed=Reason.SCHEDULE)


def lists(*names: str) -> ListedNames:
    return ListedNames((NameList("games", Layer.FAMILY, tuple(map(Matcher, names))),))


FIRST = PlaneSnapshot(
    1,
    (Subscriber(ADA, 1, "ada"), Subscriber(BO, 2)),
    {1: Group(0), 2: Group(0)},
    {0: OPEN, 1: NIGHT},
    lists("games.example"),
    ("blog.example",),
)
CHANGES = (
    PlaneChange(2, [Subscriber(ADA, 2)], gone_exceptions=["blog.example"]),
    PlaneChange(3, groups={2: Group(1, is_closing_soon=True)}, gone_groups=[1]),
    PlaneChange(4, listed=lists("chess.example"), new_exceptions=["news.example"]),
    PlaneChange(5, classes={0: OPEN, 1: OPEN}, gone_addresses=[BO]),
)
LAST = PlaneSnapshot(
    5,
    (Subscriber(ADA, 2),),
    {2: Group(1, is_closing_soon=True)},
    {0: OPEN, 1: OPEN},
    lists("chess.example"),
    ("news.example",),
)


class Source:
    """A source that tells changes, or that has forgotten them, or that is away."""

    def __init__(self, snapshot: PlaneSnapshot, changes: Iterable[PlaneChange] | None = ()) -> None:
        self.whole = snapshot
        self.changes = changes
        self.is_away = False

    def snapshot(self) -> PlaneSnapshot:
        if self.is_away:
            raise StoreError("away")
        return self.whole

    def changes_after(self, revision: int) -> Iterable[PlaneChange] | None:
        if self.is_away:
            raise StoreError("away")
        if self.changes is None:
            return None
        return [each for each in self.changes if each.revision > revision]

    async def wait(self) -> None:
        raise NotImplementedError


@pytest.fixture
def files(tmp_path: Path) -> Iterator[PlaneFiles]:
    found = PlaneFiles(tmp_path)
    yield found
    found.close()


def read(folder: Path) -> dict[str, dict[bytes, bytes]]:
    """Return all rows, as another process reads them: a copy of the files."""
    found = {}
    for table in PlaneTable:
        copy = folder / f"copy-{table}"
        copy.write_bytes((folder / table_file(table)).read_bytes())
        with lmdb.open(str(copy), subdir=False, lock=False) as env, env.begin() as transaction:
            found[str(table)] = {bytes(key): bytes(value) for key, value in transaction.cursor()}
    return found


def test_a_subscriber_leads_to_a_group_that_to_a_class_and_that_to_a_verdict(
    files: PlaneFiles, tmp_path: Path
) -> None:
    NodeAgent(files, Source(FIRST)).catch_up()
    assert read(tmp_path) == {
        "subscribers": {bytes([192, 0, 2, 1]): b"001p", BO: b"002-"},
        "personal": {bytes([192, 0, 2, 1]): b"ada"},
        "personal_ports": {},
        "hashed": {},
        "ports": {},
        "tokens": {},
        "groups": {b"001-": b"0", b"001p": b"p0", b"002-": b"0", b"002p": b"p0"},
        "names": {to_wire("games.example"): b"games"},
        "verdicts": {
            b"0|games": b"family:17:category: games",
            b"1|": b"family:17:schedule",
            b"1|games": b"family:17:schedule",
            b">1|games": b"open",
        },
        "exceptions": {to_wire("blog.example"): b"1"},
        "state": {b"revision": b"1"},
    }


def test_changes_lead_to_the_same_rows_as_the_whole(files: PlaneFiles, tmp_path: Path) -> None:
    agent = NodeAgent(files, Source(FIRST))
    agent.catch_up()
    agent._source = Source(LAST, CHANGES)
    assert agent.catch_up() == agent.revision == files.read_revision() == 5
    changed = read(tmp_path)
    other = tmp_path / "other"
    anew = PlaneFiles(other)
    NodeAgent(anew, Source(LAST)).catch_up()
    anew.close()
    assert changed == read(other)


@pytest.mark.parametrize("forgotten", [True, False])
def test_a_restart_and_forgotten_changes_are_made_good_by_the_whole(
    files: PlaneFiles, tmp_path: Path, forgotten: bool
) -> None:
    source = Source(FIRST)
    agent = NodeAgent(files, source)
    agent.catch_up()
    source.whole, source.changes = LAST, None
    assert (agent if forgotten else NodeAgent(files, source)).catch_up() == 5
    assert read(tmp_path)["subscribers"] == {ADA: b"002-"}
    rows, _ = snapshot_rows(LAST)
    assert files.write(rows) == 0  # nothing is otherwise


def test_while_the_source_is_away_the_tables_stay(files: PlaneFiles, tmp_path: Path) -> None:
    source = Source(FIRST)
    agent = NodeAgent(files, source)
    agent.catch_up()
    before = read(tmp_path)
    source.is_away = True
    with pytest.raises(StoreError):
        agent.catch_up()
    assert read(tmp_path) == before
    source.is_away = False
    assert agent.catch_up() == 1


def test_tables_that_cannot_be_written_are_tried_less_and_less_often_and_it_is_said(
    files: PlaneFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    agent = NodeAgent(files, Source(FIRST))

    async def note(pause: float) -> None:
        pauses.append(pause)
        assert "no room" in agent.trouble
        if len(pauses) == 8:
            raise asyncio.CancelledError

    def fail(_: object) -> None:
        raise PlaneError("no room")

    monkeypatch.setattr(files, "write", fail)
    monkeypatch.setattr(asyncio, "sleep", note)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(agent.run())
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_verdict_leaves_after_the_last_name_that_leads_to_it(
    files: PlaneFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both tables are written as wholes, and a query may come between any two commits."""
    agent = NodeAgent(files, Source(FIRST))
    agent.catch_up()
    steps: list[tuple[str, PlaneTable, int]] = []
    for name in ("_put", "_delete"):
        done = getattr(files, name)

        def note(table: PlaneTable, rows: list[Any], done: Any = done, name: str = name) -> int:
            if rows:
                steps.append((name, table, len(rows)))
            return int(done(table, rows))

        monkeypatch.setattr(files, name, note)
    other = replace(lists("chess.example").lists[0], slug="boards")
    change = PlaneChange(2, listed=ListedNames((other,)), classes={0: OPEN, 1: NIGHT})
    agent._source = Source(LAST, [change])
    agent.catch_up()
    verdicts, names = PlaneTable.VERDICTS, PlaneTable.NAMES
    order = [(name, table) for name, table, _ in steps if table in (verdicts, names)]
    assert order == [
        ("_put", verdicts),
        ("_put", names),
        ("_delete", names),
        ("_delete", verdicts),
    ]


def test_a_group_whose_class_is_missing_has_that_of_groups_that_are_not_known() -> None:
    rows = dict(group_rows({1: Group(9), 2: Group(9, is_closing_soon=True)}, {0: NIGHT}))
    assert rows == {b"001-": b"x0", b"001p": b"px0", b"002-": b"xt0", b"002p": b"pxt0"}


def test_a_change_that_was_cut_off_is_written_again(files: PlaneFiles, tmp_path: Path) -> None:
    agent = NodeAgent(files, Source(FIRST))
    agent.catch_up()
    agent._source = Source(LAST, [*CHANGES, *CHANGES[1:3], CHANGES[3]])
    assert agent.catch_up() == 5
    assert read(tmp_path)["subscribers"] == {ADA: b"002-"}


class SlowSource(Source):
    """A source that is asked, and tells what it has when it may."""

    def __init__(self) -> None:
        super().__init__(FIRST)
        self.is_asked, self.may_tell = Event(), Event()

    def snapshot(self) -> PlaneSnapshot:
        self.is_asked.set()
        assert self.may_tell.wait(PATIENCE)
        return self.whole


def test_an_agent_that_is_stopped_writes_no_more_when_it_has_ended(files: PlaneFiles) -> None:
    source = SlowSource()

    async def stop() -> None:
        running = asyncio.create_task(NodeAgent(files, source).run())
        await asyncio.to_thread(source.is_asked.wait, PATIENCE)
        running.cancel()
        asyncio.get_running_loop().call_later(0.05, source.may_tell.set)
        await asyncio.gather(running, return_exceptions=True)
        assert source.may_tell.is_set()
        assert files.read_revision() == FIRST.revision

    asyncio.run(stop())


READER = """
import sys, lmdb
with lmdb.open(sys.argv[1], subdir=False, readonly=True).begin() as transaction:
    print(transaction.stat(), flush=True)
    sys.stdin.read()
"""


def test_a_reader_that_was_killed_does_not_make_files_grow(
    files: PlaneFiles, tmp_path: Path
) -> None:
    agent = NodeAgent(files, source := Source(FIRST))
    agent.catch_up()
    path = tmp_path / table_file(PlaneTable.SUBSCRIBERS)
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline()
        reader.kill()
    before = files.octets()[PlaneTable.SUBSCRIBERS]
    for revision in range(2, 200):
        source.changes = [PlaneChange(revision, [Subscriber(ADA, revision % 2)])]
        agent.catch_up()
    assert files.octets()[PlaneTable.SUBSCRIBERS] <= before + 64 * 1024


def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / table_file(PlaneTable.NAMES)).write_bytes(b"no table" * 1024)
    with pytest.raises(PlaneError, match="delete them and restart"):
        PlaneFiles(tmp_path)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("192.0.2.1", "c0000201"),
        ("192.0.2.1/32", "c0000201"),
        ("2001:db8:0:1ff::7", "20010db8000001000000000000000000"),
        ("2001:db8:0:100::/56", "20010db8000001000000000000000000"),
    ],
)
def test_a_subscriber_has_an_address_or_a_prefix(text: str, key: str) -> None:
    assert address_key(text).hex() == key


@pytest.mark.parametrize("text", ["192.0.2.0/24", "2001:db8::/48", "2001:db8::/64", "ada", ""])
def test_no_other_prefix_is_a_subscriber(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        address_key(text)


def test_there_is_a_class_for_groups_that_are_not_known() -> None:
    with pytest.raises(ValueError, match="class 0"):
        PlaneSnapshot(1, classes={1: OPEN})


def test_one_process_at_a_time_writes_the_tables(tmp_path: Path) -> None:
    with (
        hold_writer_lock(tmp_path / "tables"),
        pytest.raises(PlaneError, match="another `copdns node run` writes these tables"),
        hold_writer_lock(tmp_path / "tables"),
    ):
        pass
    with hold_writer_lock(tmp_path / "tables"):
        pass  # released
