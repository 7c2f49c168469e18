"""The whole bench on a small scale: that its numbers are there, not what they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.bench.__main__ import SOURCES_OF_MANY, main
from tests.bench.aims import CHAIN, DECISION, LANE, OVER_TLS
from tests.bench.build import NO_COMPILER, NO_OPENSSL, BenchError, Programs, compiled, has_openssl
from tests.bench.decide import DECIDE
from tests.bench.ours import ROOT, SIX, Build, Copdns, find_build, household, town
from tests.bench.peers import UNBOUND, Place
from tests.bench.run import Run
from tests.bench.stage import Stage
from tests.bench.workloads import WORKLOADS
from tests.conftest import missing


def bench(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    small = ["--names", "1000", "--rounds", "1", "--seconds", "0.1", "--peers", ""]
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *small, "--ordinary", "--folder", folder, *options],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.whole
def test_a_small_bench_gives_every_number_and_nothing_goes_wrong(
    tmp_path: Path, programs: Programs
) -> None:
    done = bench(tmp_path, "--variants", "lane")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ordinary priority" in done.stdout
    assert "others took" in done.stdout
    assert "WRONG" not in done.stdout
    (file,) = (tmp_path / "results").glob("*.json")
    kept = json.loads(file.read_text())
    assert kept["names"] == 1000
    assert kept["wrong"] == []
    counted = {(each["workload"], each["server"]) for each in kept["samples"]}
    echoed = {workload for workload, server in counted if server == "echo"}
    assert echoed == {"hot", "ipv6", "latency"}
    assert set(WORKLOADS) == {workload for workload, server in counted if server == LANE}
    assert all(_sound(each["values"]) for each in kept["samples"])
    assert {DECISION} == {server for workload, server in counted if workload == DECIDE}
    assert "a decision in us" in done.stdout
    assert kept["log_rows_dropped"][LANE] == 0
    assert shown_again(file) == done.stdout


@pytest.mark.whole
def test_an_upstream_is_asked_over_tls_where_a_variant_says_so(
    tmp_path: Path, programs: Programs
) -> None:
    if not has_openssl():
        missing(NO_OPENSSL)
    done = bench(tmp_path, "--variants", "chain,tls", "--only", "cold")
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (tmp_path / "results").glob("*.json")
    samples = json.loads(file.read_text())["samples"]
    assert {each["server"] for each in samples} == {CHAIN, OVER_TLS}
    assert all(_sound(each["values"]) for each in samples)
    assert "tls://" in (tmp_path / "run" / OVER_TLS / "copdns.yaml").read_text()


def shown_again(file: Path) -> str:
    """Return what `--show` says of an earlier run, once it was seen to be Markdown on demand."""
    shown = CliRunner().invoke(main, ["--show", str(file), "--markdown"], catch_exceptions=False)
    tables = [line for line in shown.output.splitlines() if line.startswith("|")]
    assert "| hot | " in shown.output
    assert {line.count("|") >= 3 for line in tables} == {True}
    return CliRunner().invoke(main, ["--show", str(file)], catch_exceptions=False).output


def test_what_is_no_result_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"names": 5}')
    done = CliRunner().invoke(main, ["--show", str(file)])
    assert done.exit_code == 1
    assert "has no numbers of this bench" in done.output


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


@pytest.mark.whole
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
        place
        for profile in household()["profiles"].values()
        for device in profile["devices"].values()
        for place in device
    ]
    networks = [place for place in places if "/" in place]
    assert networks == [f"127.{number}.0.0/16" for number in range(1, 11)]
    asking = {f"127.{n % 10 + 1}.{n // 10 + 100}.1" for n in range(200)}  # as load.c has it
    assert {*places} - {*networks} == {SIX, *asking}


def test_a_build_is_a_checkout_a_virtual_environment_or_a_python(tmp_path: Path) -> None:
    assert find_build(ROOT) == Build()
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    python = Build("new", venv / "bin" / "python", checkout=None)
    assert find_build(venv, "new") == find_build(venv / "bin" / "python", "new") == python
    with pytest.raises(ValueError, match="is no Python"):
        find_build(tmp_path)


def test_what_is_installed_is_not_hidden_by_our_own_path() -> None:
    ours = Copdns(LANE).built_by(Build("new", Path("/venv/bin/python"), checkout=None))
    assert ours.name == "copdns@new"
    command = ours.command(Place(Path("/x"), 1, 2, 3))
    assert command[:6] == ["env", "-u", "PYTHONPATH", Path("/venv/bin/python"), "-m", "copdns"]
    assert f"PYTHONPATH={ROOT}" in Copdns(LANE).command(Place(Path("/x"), 1, 2, 3))


@pytest.mark.parametrize("given", ["before", "before=", "Be fore=.", "before=/nowhere"])
def test_another_build_needs_a_name_and_a_place(given: str) -> None:
    done = CliRunner().invoke(main, ["--beside", given])
    assert done.exit_code == 2


def test_a_build_that_does_not_run_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    broken = tmp_path / "copdns"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise SystemExit('no such part')")
    with pytest.raises(BenchError, match="no such part"):
        find_build(tmp_path, "before").told()
    assert find_build(ROOT).told().startswith("copdns")


def test_a_checkout_is_started_from_bytecode_as_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    package = tmp_path / "copdns"
    package.mkdir()
    (package / "__init__.py").touch()
    find_build(tmp_path, "before").prepare()
    assert [each.suffix for each in (package / "__pycache__").iterdir()] == [".pyc"]


def test_a_town_has_its_devices_where_more_questions_come_from() -> None:
    profiles = town()["profiles"]
    places = [place for each in profiles.values() for (place,) in each["devices"].values()]
    assert len(profiles) == 1_000
    assert len(set(places)) == len(places) == 10_000
    asking = {f"127.{n % 10 + 1}.{n // 10}.1" for n in range(SOURCES_OF_MANY)}  # as load.c has it
    assert asking < set(places)
    assert {len(each["allow"]) + len(each["block"]) for each in profiles.values()} == {20}
