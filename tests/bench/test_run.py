"""The whole bench on a small scale: that its numbers are there, not what they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.bench.__main__ import SOURCES_OF_MANY
from tests.bench.aims import CHAIN, DECISION
from tests.bench.build import NO_COMPILER, BenchError, Programs, compiled
from tests.bench.decide import DECIDE
from tests.bench.ours import Copdns, household, town
from tests.bench.peers import UNBOUND, Place
from tests.bench.run import Run
from tests.bench.stage import Stage
from tests.bench.workloads import WORKLOADS


def bench(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    small = ["--names", "1000", "--rounds", "1", "--seconds", "0.1", "--peers", ""]
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *small, "--ordinary", "--folder", folder, *options],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_small_bench_gives_every_number_and_nothing_goes_wrong(
    tmp_path: Path, programs: Programs
) -> None:
    done = bench(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ordinary priority" in done.stdout
    assert "WRONG" not in done.stdout
    (file,) = (tmp_path / "results").glob("*.json")
    kept = json.loads(file.read_text())
    assert kept["names"] == 1000
    assert kept["wrong"] == []
    counted = {(each["workload"], each["server"]) for each in kept["samples"]}
    assert {"hot", "latency"} == {workload for workload, server in counted if server == "echo"}
    assert set(WORKLOADS) == {workload for workload, server in counted if server == CHAIN}
    assert all(_sound(each["values"]) for each in kept["samples"])
    assert {DECISION} == {server for workload, server in counted if workload == DECIDE}
    assert "a decision in us" in done.stdout
    assert kept["log_rows_dropped"][CHAIN] == 0


def _sound(values: dict[str, float]) -> bool:
    if "rate" in values:
        return values["sent"] > 0 and values["wrong"] == 0 and 0 < values["p50"] <= values["p99"]
    return all(0 < value < 100_000 for value in values.values())


def test_an_unknown_workload_or_peer_is_a_mistake_of_usage(tmp_path: Path) -> None:
    done = bench(tmp_path, "--only", "hot,warm")
    assert done.returncode == 2
    assert "warm: known are" in done.stderr


@dataclass(frozen=True)
class Forgetful(Copdns):
    """Blocks the name by which its start is noticed, and no other of the first list."""

    name: str = "forgetful"
    keeps: str = ""

    def write_list(self, place: Place, names: Iterable[str]) -> None:
        super().write_list(place, [self.keeps])


def test_a_server_that_blocks_too_little_is_not_measured(stage: Stage) -> None:
    run = Run(stage, rounds=1, seconds=0.1)
    run.measure([Forgetful(keeps=stage.hot_set.blocked)], ["hot"])
    assert run.samples == []
    (wrong,) = run.wrong
    assert wrong.startswith("forgetful, check: ")
    assert "must be blocked and is address" in wrong


class Hasty(Copdns):
    """Takes the last name of a changed list for all of it."""

    def write_list(self, place: Place, names: Iterable[str]) -> None:
        every = list(names)
        super().write_list(place, every if len(every) == 1000 else every[-1:])


def test_wrong_answers_in_a_reload_are_counted_and_told(stage: Stage) -> None:
    run = Run(stage, rounds=1, seconds=0.1)
    run.measure([Hasty("hasty")], ["reload"])
    (sample,) = run.samples
    assert sample.values["wrong"] > 0
    assert run.wrong == [f"hasty, reload: {sample.values['wrong']:.0f} answers were wrong"]


def test_a_server_that_is_not_installed_is_named(stage: Stage) -> None:
    run = Run(stage, rounds=1, seconds=0.1)
    run.measure([replace(UNBOUND, name="unheard-of")], ["hot"])
    assert run.missing == {"unheard-of": "not installed (Debian: apt install unbound)"}
    assert run.samples == []


def test_a_server_that_does_not_start_is_told_with_its_own_words(stage: Stage) -> None:
    run = Run(stage, rounds=1, seconds=0.1)
    run.measure([Copdns("broken", extra={"dns": {"prt": 53}})], ["hot"])
    (wrong,) = run.wrong
    assert "broken did not start" in wrong
    assert "prt" in wrong


def test_without_a_compiler_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError) as error:
        compiled(tmp_path)
    assert str(error.value) == NO_COMPILER
    assert "\n" not in NO_COMPILER


def test_our_devices_are_where_the_questions_come_from() -> None:
    places = [
        ip_network(place)
        for profile in household()["profiles"].values()
        for device in profile["devices"].values()
        for place in device
    ]
    assert places == [ip_network(f"127.{number}.0.0/16") for number in range(1, 11)]


def test_a_town_has_its_devices_where_more_questions_come_from() -> None:
    profiles = town()["profiles"]
    places = [place for each in profiles.values() for (place,) in each["devices"].values()]
    assert len(profiles) == 1_000
    assert len(set(places)) == len(places) == 10_000
    asking = {f"127.{n % 10 + 1}.{n // 10}.1" for n in range(SOURCES_OF_MANY)}  # as load.c has it
    assert asking < set(places)
    assert {len(each["allow"]) + len(each["block"]) for each in profiles.values()} == {20}
