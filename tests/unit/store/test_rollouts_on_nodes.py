"""Nodes on one PostgreSQL and a clock of the test: files come in stages, and go back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from copdns.app.node.rollouts import METRICS_FILE, NodeRollouts
from copdns.app.node.take import take_version
from copdns.list_files.copies import Copies
from copdns.list_files.rollout_files import put_rollout_files, read_rollout_files
from copdns.model.errors import FetchError, RolloutError
from copdns.provider.rollout.figures import COUNTERS, END, STATISTICS_FILE
from copdns.provider.rollout.rollouts import (
    RolloutKind,
    RolloutStage,
    RolloutState,
    new_freeze,
    undo_step,
)
from copdns.settings.config import Settings
from copdns.settings.node import NodeSection
from copdns.settings.provider import ProviderSettings, RolloutSettings
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.rollout_rows import RolloutStore
from tests.fetched_list import put_list

pytestmark = pytest.mark.once

NOW = 1_800_000_000
LISTS = RolloutKind.LISTS
SITES = {"n1": "north", "n2": "north", "n3": "south"}
QUICK = RolloutSettings(canary_seconds=60, site_seconds=60, all_seconds=60, fewest_queries=500)


@dataclass
class Fleet:
    """Three nodes; the first is the canary.  blocks: how many of 1,000 queries each blocks."""

    folder: Path
    store: RolloutStore
    database: str
    clock: float = NOW
    blocks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SITES, 100))
    nodes: dict[str, NodeRollouts] = field(default_factory=dict)
    counted: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counted = {name: dict.fromkeys(COUNTERS, 0) for name in SITES}
        for name in SITES:
            self.start(name)

    def settings(self, name: str) -> Settings:
        return Settings(
            data=str(self.folder / name),
            node=NodeSection(
                name=name,
                site=SITES[name],
                canary=name == "n1",
                folder=str(self.folder / name / "tables"),
                listen=("192.0.2.53:53", "[2001:db8::53]:53"),
            ),
            provider=ProviderSettings(database=self.database, rollouts=QUICK),
        )

    def start(self, name: str) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        self.nodes[name] = NodeRollouts(
            self.store, self.settings(name), lambda: self.clock, lambda: self.clock
        )

    def run(self, seconds: int, *names: str) -> None:
        """Let time go on, with 100 queries a second at each node."""
        for _ in range(0, seconds, 10):
            self.clock += 10
            for name in names or SITES:
                self.count(name)
                self.nodes[name].follow()

    def count(self, name: str) -> None:
        counted = self.counted[name]
        counted["queries"] += 1_000
        counted["self-answered"] += self.blocks[name]
        counted["latency0-1"] += 1_000
        text = "".join(f"{key} {value}\n" for key, value in counted.items()) + END
        (self.folder / name / "tables" / STATISTICS_FILE).write_text(text)

    def begin(self, text: str) -> int:
        maker = self.folder / "maker"
        put_list(maker, text)
        found = self.store.begin(LISTS, "", read_rollout_files(maker), "ada", int(self.clock))
        assert found is not None
        return found.number

    def texts(self) -> list[str]:
        """Return what each node has as its list."""
        paths = [self.folder / name / "lists" / "casinos.txt" for name in SITES]
        return [each.read_text() if each.exists() else "" for each in paths]

    def last(self) -> tuple[RolloutStage, RolloutState]:
        found = self.store.load()[-1]
        return found.stage, found.state


@pytest.fixture
def fleet(postgres: str, tmp_path: Path) -> Iterator[Fleet]:
    with ProviderStore.connect(PostgresPool(postgres, most=2)) as households:
        yield Fleet(tmp_path, RolloutStore(households.pool), postgres)


def first(fleet: Fleet) -> None:
    """Bring a first list to all, as a rollout that is done."""
    fleet.begin("one.example\n")
    fleet.run(300)
    assert fleet.texts() == ["one.example\n"] * 3
    assert fleet.last() == (RolloutStage.DONE, RolloutState.GOING)


def test_lists_come_to_the_canary_its_site_and_all(fleet: Fleet) -> None:
    first(fleet)
    fleet.begin("one.example\ntwo.example\n")
    old, new = "one.example\n", "one.example\ntwo.example\n"
    fleet.run(60)
    assert fleet.texts() == [new, old, old]
    fleet.run(60)
    assert fleet.texts() == [new, new, old]
    fleet.run(80)
    assert fleet.texts() == [new, new, new]
    fleet.run(80)
    assert fleet.last() == (RolloutStage.DONE, RolloutState.GOING)
    metrics = (fleet.folder / "n3" / "tables" / METRICS_FILE).read_text()
    number = fleet.store.load()[-1].number
    assert f'copdns_rollout_taken{{kind="lists"}} {number}\n' in metrics


def test_a_list_that_blocks_too_much_goes_back_from_the_canary_alone(fleet: Fleet) -> None:
    first(fleet)
    fleet.begin("example\n")
    fleet.run(10)
    fleet.blocks["n1"] = 200
    with capture_logs() as logs:
        fleet.run(20)
    assert fleet.last() == (RolloutStage.CANARY, RolloutState.UNDONE)
    assert fleet.texts() == ["one.example\n"] * 3
    assert "blocked in place of" in fleet.store.load()[-1].steps[-1].why
    assert [each["log_level"] for each in logs if each["event"].endswith("stage")] == ["error"]


def test_a_freeze_holds_it_and_an_undo_reaches_each_node_at_its_next_look(fleet: Fleet) -> None:
    first(fleet)
    number = fleet.begin("two.example\n")
    fleet.run(100)
    assert fleet.texts() == ["two.example\n", "two.example\n", "one.example\n"]
    until = int(fleet.clock) + 600
    now = int(fleet.clock)
    fleet.store.freeze(new_freeze(now, until, "ada", "Exams.", now), now)
    fleet.run(300)
    assert fleet.last() == (RolloutStage.SITE, RolloutState.GOING)
    now = int(fleet.clock)
    fleet.store.add_step(number, lambda all_: undo_step(all_, number, "ada", "A school.", now))
    fleet.clock += 1
    for each in fleet.nodes.values():
        each.follow()
    assert fleet.texts() == ["one.example\n"] * 3
    fleet.start("n1")  # begins anew, with what it had
    fleet.run(10)
    assert fleet.texts() == ["one.example\n"] * 3


def test_a_new_node_gets_what_all_have_and_keeps_its_compiled_lists(fleet: Fleet) -> None:
    first(fleet)
    taken, compiled = (
        fleet.folder / "n3" / each for each in ("rollouts.json", "lists/index/compiled.idx")
    )
    taken.unlink()
    compiled.parent.mkdir(exist_ok=True)
    compiled.write_text("its own")
    (fleet.folder / "n3" / "lists" / "gone.txt").write_text("of a list that nobody has")
    fleet.start("n3")
    fleet.run(10)
    assert fleet.texts() == ["one.example\n"] * 3
    assert compiled.read_text() == "its own"
    assert not (fleet.folder / "n3" / "lists" / "gone.txt").exists()


def test_a_configuration_comes_as_files_and_a_package_as_the_name_of_its_version(
    fleet: Fleet,
) -> None:
    fleet.run(10)

    def version(name: str) -> str:
        return take_version(fleet.settings(name), "package", int(fleet.clock))

    with pytest.raises(RolloutError, match="no rollout of a package"):
        version("n1")
    for label in ("1.0", "1.1"):
        begun = fleet.store.begin(RolloutKind.PACKAGE, label, {}, "ada", int(fleet.clock))
        assert begun
        for _ in range(30):
            if fleet.last()[0] is RolloutStage.DONE or (label == "1.1"):
                break
            versions = [version(each) for each in SITES if fleet_has(fleet, each)]
            assert set(versions) <= {label}
            fleet.run(20)
    assert [version(each) for each in SITES] == ["1.1", "1.0", "1.0"]
    number = fleet.store.load()[-1].number
    now = int(fleet.clock)
    fleet.store.add_step(number, lambda all_: undo_step(all_, number, "ada", "It fails.", now))
    assert version("n1") == "1.0"
    files = {"node.yaml": b"dns: {}\n"}
    assert fleet.store.begin(RolloutKind.CONFIGURATION, "", files, "ada", now)
    fleet.run(10)
    folders = [fleet.folder / each / "configuration" for each in SITES]
    assert [(each / "node.yaml").exists() for each in folders] == [True, False, False]
    assert (folders[0] / "node.yaml").stat().st_mode & 0o777 == 0o600, "it may have passwords"


def fleet_has(fleet: Fleet, name: str) -> bool:
    """Tell whether a package may have reached a node."""
    stage = fleet.last()[0]
    return stage in {RolloutStage.ALL, RolloutStage.DONE} or (
        SITES[name] == "north" and (name == "n1" or stage is RolloutStage.SITE)
    )


def test_what_cannot_be_taken_is_told_once_and_tried_again(fleet: Fleet) -> None:
    first(fleet)
    fleet.begin("two.example\n")
    lists = fleet.folder / "n1" / "lists"
    lists.rename(fleet.folder / "n1" / "kept")
    lists.write_text("in its place")
    with capture_logs() as logs:
        fleet.run(30, "n1")
    assert [each["event"] for each in logs] == ["what rollouts brought stays as it is"]
    lists.unlink()
    (fleet.folder / "n1" / "kept").rename(lists)
    fleet.run(20, "n1")
    assert fleet.texts()[0] == "two.example\n"


@pytest.mark.parametrize("octets", [b"\xff\xfe 1\nend\n", b"queries " + b"9" * 9_000 + b"\nend\n"])
def test_damaged_figures_harm_nothing(fleet: Fleet, octets: bytes) -> None:
    fleet.run(20)
    statistics = fleet.folder / "n1" / "tables" / STATISTICS_FILE
    statistics.write_bytes(octets)
    fleet.clock += 20
    assert fleet.nodes["n1"]._count() is None
    fleet.run(20)
    assert {each.name for each in fleet.store.fleet()} == set(SITES)


def test_when_a_list_was_asked_for_last_makes_no_other_files(tmp_path: Path) -> None:
    put_list(tmp_path, "one.example\n", tried=5.0)
    before = read_rollout_files(tmp_path)
    put_list(tmp_path, "one.example\n", tried=9.0)
    assert read_rollout_files(tmp_path) == before
    assert sorted(before) == ["lists/casinos.json", "lists/casinos.txt"]
    with Copies(tmp_path).hold_lock(wait=True), pytest.raises(RolloutError, match="fetched now"):
        read_rollout_files(tmp_path)
    with pytest.raises(FetchError):
        put_rollout_files(tmp_path / "lists" / "casinos.txt", {}, lambda _: b"")
