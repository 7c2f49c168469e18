"""`make bench`: copdns beside unbound, dnsmasq, dnsdist and a bare echo, in one interleaved run."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from tests.bench import (
    decide,
    encrypted,
    households,
    machine,
    provider,
    quiet,
    result,
    ruled,
    small,
    switch,
    through_store,
)
from tests.bench.aims import CHAIN, LANE, MANY, OVER_TLS, TIMED
from tests.bench.build import BenchError, Programs, compiled
from tests.bench.decide import DECIDE
from tests.bench.machine import Machine
from tests.bench.ours import Build, Copdns, find_build
from tests.bench.peers import PEERS, Echo, Server
from tests.bench.result import Result
from tests.bench.run import Run, say
from tests.bench.stage import Stage
from tests.bench.table import markdown, plain
from tests.bench.workloads import WORKLOADS

BUILD = Path(__file__).parents[2] / "build" / "bench"
SMALL, SWITCH, ENCRYPTED, PROVIDER = "small", "switch", "encrypted", "provider"
HOUSEHOLDS, RULED = "households", "ruled"
SOURCES_OF_MANY = 2_000
USUAL = {"names": 1_000_000, "rounds": 5, "seconds": 2.0}
QUICK = {"names": 100_000, "rounds": 2, "seconds": 0.5}
VARIANTS: Mapping[str, Copdns] = {
    "lane": Copdns(LANE, lane=True),
    "chain": Copdns(CHAIN, lane=False),
    "many": Copdns(MANY, lane=False, many=True),
    "timed": Copdns(TIMED, lane=True, timed=True),
    "tls": Copdns(OVER_TLS, lane=False, over_tls=True),
}


def _words(_context: click.Context, _option: click.Parameter, text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _chosen(choice: Sequence[str], known: Sequence[str], option: str) -> list[str]:
    """Return what was chosen, in the order in which it is known."""
    if unknown := [each for each in choice if each not in known]:
        raise click.BadParameter(
            f"{', '.join(unknown)}: known are {', '.join(known)}", None, None, option
        )
    return [each for each in known if each in choice]


def _builds(_context: click.Context, option: click.Parameter, given: Sequence[str]) -> list[Build]:
    """Return the builds that NAME=PATH names."""
    found = []
    for each in given:
        name, _, path = each.partition("=")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) or not path:
            raise click.BadParameter(f"{each}: must be NAME=PATH", param=option)
        found.append(_build(option, Path(path), name))
    return found


def _of(_context: click.Context, option: click.Parameter, path: Path | None) -> Build:
    return _build(option, path) if path else Build()


def _build(option: click.Parameter, path: Path, name: str = "") -> Build:
    try:
        return find_build(path, name)
    except ValueError as error:
        raise click.BadParameter(str(error), param=option) from error


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be measured; see the options of `main`."""

    names: int
    rounds: int
    seconds: float
    workloads: Sequence[str]
    peers: Sequence[str]
    variants: Sequence[str]
    builds: Sequence[Build]  # the one that it is about comes first

    @property
    def amounts(self) -> tuple[int, int, float]:
        """Names, rounds and seconds."""
        return self.names, self.rounds, self.seconds


@click.command()
@click.option("--quick", is_flag=True, help="A first look: 100,000 names, 2 rounds of 0.5 seconds.")
@click.option("--names", "count", type=click.IntRange(1_000, 50_000_000), help="1,000,000.")
@click.option("--rounds", type=click.IntRange(1), help="Rounds of each workload: 5.")
@click.option("--seconds", type=click.FloatRange(0.05), help="Of load in each round: 2.")
@click.option(
    "--only",
    callback=_words,
    default=",".join([DECIDE, *WORKLOADS]),
    help="Workloads; or small, switch, encrypted, households, provider or ruled.",
)
@click.option("--peers", callback=_words, default=",".join(PEERS), help="Other servers.")
@click.option(
    "--variants", callback=_words, default="lane,chain", help=f"Of {', '.join(VARIANTS)}."
)
@click.option("--many", is_flag=True, help="copdns for 1,000 profiles and 10,000 devices too.")
@click.option("--timed", is_flag=True, help="copdns with many schedules and budgets too.")
@click.option(
    "--of",
    "about",
    type=click.Path(path_type=Path),
    callback=_of,
    help="The copdns that is measured, in place of this checkout.",
)
@click.option(
    "--beside",
    multiple=True,
    callback=_builds,
    metavar="NAME=PATH",
    help="Another copdns in the same rounds: a checkout, a virtual environment or a Python.",
)
@click.option("--real-time/--ordinary", default=True, help="SCHED_FIFO, where root runs this.")
@click.option("--cgroup", type=click.Path(path_type=Path), help="To make small boxes in (v2).")
@click.option("--folder", type=click.Path(path_type=Path), default=BUILD, help="To work in.")
@click.option("--quiet-check", is_flag=True, help="Only say whether the machine is quiet enough.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Tables for docs/performance.md.")
@click.option(
    "--show",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Only tell again what an earlier run gave: a file of its numbers.",
)
def main(
    quick: bool,
    count: int | None,
    rounds: int | None,
    seconds: float | None,
    only: list[str],
    peers: list[str],
    variants: list[str],
    many: bool,
    timed: bool,
    about: Build,
    beside: list[Build],
    real_time: bool,
    cgroup: Path | None,
    folder: Path,
    quiet_check: bool,
    as_markdown: bool,
    show: Path | None,
) -> None:
    """Measure copdns beside other servers; exit with 1 when any of them answered wrongly.

    --only small is a measurement of its own: copdns alone, with little memory.
    """
    style = markdown if as_markdown else plain
    if show:
        click.echo(_read(show).report(style))
        return
    here = machine.this_machine(real_time)
    if quiet_check:
        sys.exit(_check_quiet(here))
    usual = QUICK if quick else USUAL
    variants += ["many"] * many + ["timed"] * timed
    choice = Choice(
        int(count or usual["names"]),
        int(rounds or usual["rounds"]),
        seconds or usual["seconds"],
        _chosen(
            only,
            [DECIDE, *WORKLOADS, SMALL, SWITCH, ENCRYPTED, HOUSEHOLDS, PROVIDER, RULED],
            "--only",
        ),
        _chosen(peers, list(PEERS), "--peers"),
        _chosen(variants, list(VARIANTS), "--variants"),
        [about, *beside],
    )
    say(here.told())
    try:
        code = _measure_apart(choice, here, folder, count, cgroup, quick=quick)
        done = _measure(choice, here, compiled(folder), folder) if code is None else None
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    if done is None:
        sys.exit(code)
    click.echo(done.report(style))
    say(f"numbers of each round: {done.write(folder / 'results')}")
    sys.exit(1 if done.wrong else 0)


def _measure_apart(
    choice: Choice,
    here: Machine,
    folder: Path,
    count: int | None,
    cgroup: Path | None,
    *,
    quick: bool,
) -> int | None:
    """Do a measurement of its own, if one was chosen; return the code to exit with, None for none.

    count, cgroup: of `--only small`.  quick: with fewer households.
    """
    if ENCRYPTED in choice.workloads:
        at = _fresh(folder / ENCRYPTED)
        click.echo(encrypted.report(encrypted.measure(here, at, choice.rounds, choice.seconds)))
        return 0
    if HOUSEHOLDS in choice.workloads:
        amount = households.QUICK if quick else households.Amount()
        taken = households.measure(amount, _fresh(folder / HOUSEHOLDS))
        click.echo(households.report(amount, taken))
        return 1 if taken.full.rss > households.AT_MOST else 0
    if SMALL in choice.workloads:
        lengths = [count] if count else small.LENGTHS
        _small_boxes(here, compiled(folder), folder, lengths, cgroup)
        return 0
    if PROVIDER in choice.workloads:
        at = _fresh(folder / PROVIDER)
        stored = through_store.QUICK if quick else through_store.Amount()
        choice.builds[0].prepare()
        programs, build = compiled(folder), choice.builds[0]
        told = provider.measure(here, programs, at, choice.amounts, stored, build)
        click.echo(provider.report(told))
        return 0
    if RULED in choice.workloads:
        many, at = count or ruled.NAMES, _fresh(folder / RULED)
        choice.builds[0].prepare()
        found = ruled.measure(here, compiled(folder), at, many, choice.builds[0])
        click.echo(ruled.report(many, found))
        return 1 if ruled.is_short(found) else 0
    if SWITCH in choice.workloads:
        switched = switch.measure(here, compiled(folder), _fresh(folder / SWITCH))
        click.echo(switch.report(switched))
        return 1 if switched.lost or switched.still_open else 0
    return None


def _read(path: Path) -> Result:
    try:
        return result.read(path)
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(f"{path} has no numbers of this bench: {error!r}") from error


def _check_quiet(here: Machine) -> int:
    """Say whether the machine is quiet; return the code to exit with, 1 when it is not."""
    looks = quiet.look(here, quiet.LONG_LOOK)
    click.echo(f"{here.told()}\n{quiet.told(looks)}")
    return 0 if quiet.is_quiet(looks) else 1


def _measure(choice: Choice, here: Machine, programs: Programs, folder: Path) -> Result:
    for build in choice.builds:
        build.prepare()
    versions = {VARIANTS["lane"].built_by(each).name: each.told() for each in choice.builds}
    looks = quiet.look(here, quiet.LOOK)
    say(quiet.told(looks))
    with closing(Stage(here, programs, _fresh(folder / "run"), choice.names)) as stage:
        run = Run(stage, choice.rounds, choice.seconds)
        stage.sources = SOURCES_OF_MANY if "many" in choice.variants else stage.sources
        if DECIDE in choice.workloads:  # before there are servers beside it
            say(f"{DECIDE}: in this process")
            run.samples += decide.measure(run.rounds, _fresh(folder / DECIDE))
        if asked := [each for each in choice.workloads if each in WORKLOADS]:
            run.measure(_servers(choice, programs), asked)
    return Result(
        names=choice.names,
        told=here.told(),
        machine={**machine.facts(), **asdict(here)},
        samples=run.samples,
        versions={**versions, **{each: PEERS[each].version() for each in choice.peers}},
        peers=choice.peers,
        builds=[each.name for each in choice.builds[1:]],
        looks=[*looks, *quiet.look(here, quiet.LOOK)],
        missing=run.missing,
        wrong=run.wrong,
    )


def _servers(choice: Choice, programs: Programs) -> list[Server]:
    ours = [
        VARIANTS[variant].built_by(build) for build in choice.builds for variant in choice.variants
    ]
    return [*ours, *(PEERS[each] for each in choice.peers), Echo(programs.echo)]


def _small_boxes(
    here: Machine, programs: Programs, folder: Path, lengths: Sequence[int], cgroup: Path | None
) -> None:
    trials, update = small.measure(here, programs, _fresh(folder / SMALL), lengths, cgroup)
    click.echo(small.report(trials, update, small.box(small.LIMITS[0], cgroup).way))
    facts = {**machine.facts(), **asdict(here)}
    content = {"machine": facts, "trials": [asdict(each) for each in trials], "update": update}
    say(f"numbers: {result.keep(content, folder / 'results')}")
    sys.exit(1 if update.get("wrong") or update.get("lost") else 0)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


if __name__ == "__main__":
    main()
