"""`make bench`: copdns beside unbound, dnsmasq, dnsdist and a bare echo, in one interleaved run."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from tests.bench import decide, machine, small, switch
from tests.bench.aims import CHAIN, LANE, MANY, TIMED, verdicts
from tests.bench.build import BenchError, Programs, compiled
from tests.bench.decide import DECIDE
from tests.bench.machine import Machine
from tests.bench.ours import Copdns
from tests.bench.peers import PEERS, Echo, Server
from tests.bench.run import Run, say
from tests.bench.stage import Stage
from tests.bench.table import held_up, tables
from tests.bench.workloads import WORKLOADS

BUILD = Path(__file__).parents[2] / "build" / "bench"
SMALL, SWITCH = "small", "switch"
SOURCES_OF_MANY = 2_000
QUICK = {"names": 100_000, "rounds": 2, "seconds": 1.0}


def _chosen(choice: Sequence[str], known: Sequence[str], option: str) -> list[str]:
    """Return what was chosen, in the order in which it is known."""
    if unknown := [each for each in choice if each not in known]:
        raise click.BadParameter(
            f"{', '.join(unknown)}: known are {', '.join(known)}", None, None, option
        )
    return [each for each in known if each in choice]


def _words(_context: click.Context, _option: click.Parameter, text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


@click.command()
@click.option("--quick", is_flag=True, help="A first look: 100,000 names, 2 rounds of a second.")
@click.option("--names", "count", type=click.IntRange(1_000, 50_000_000), help="1,000,000.")
@click.option("--rounds", type=click.IntRange(1), help="Rounds of each workload: 5.")
@click.option("--seconds", type=click.FloatRange(0.05), help="Of load in each round: 2.")
@click.option(
    "--only",
    callback=_words,
    default=",".join([DECIDE, *WORKLOADS]),
    help="Workloads; or small, or switch.",
)
@click.option("--peers", callback=_words, default=",".join(PEERS), help="Other servers.")
@click.option("--many", is_flag=True, help="copdns for 1,000 profiles and 10,000 devices too.")
@click.option("--timed", is_flag=True, help="copdns with many schedules and budgets too.")
@click.option("--real-time/--ordinary", default=True, help="SCHED_FIFO, where root runs this.")
@click.option("--cgroup", type=click.Path(path_type=Path), help="To make small boxes in (v2).")
@click.option("--folder", type=click.Path(path_type=Path), default=BUILD, help="To work in.")
def main(
    quick: bool,
    count: int | None,
    rounds: int | None,
    seconds: float | None,
    only: list[str],
    peers: list[str],
    many: bool,
    timed: bool,
    real_time: bool,
    cgroup: Path | None,
    folder: Path,
) -> None:
    """Measure copdns beside other servers; exit with 1 when any of them answered wrongly.

    --only small is a measurement of its own: copdns alone, with little memory.
    """
    workloads = _chosen(only, [DECIDE, *WORKLOADS, SMALL, SWITCH], "--only")
    peers = _chosen(peers, list(PEERS), "--peers")
    usual = QUICK if quick else {"names": 1_000_000, "rounds": 5, "seconds": 2.0}
    here = machine.this_machine(real_time)
    say(here.told())
    try:
        programs = compiled(folder)
        if SMALL in workloads:
            _small_boxes(here, programs, folder, [count] if count else small.LENGTHS, cgroup)
            return
        if SWITCH in workloads:
            found = switch.measure(here, programs, _fresh(folder / SWITCH))
            click.echo(switch.report(found))
            sys.exit(1 if found.lost or found.still_open else 0)
        with closing(
            Stage(here, programs, _fresh(folder / "run"), int(count or usual["names"]))
        ) as stage:
            run = Run(stage, int(rounds or usual["rounds"]), seconds or usual["seconds"])
            stage.sources = SOURCES_OF_MANY if many else stage.sources
            if DECIDE in workloads:  # before there are servers beside it
                say(f"{DECIDE}: in this process")
                run.samples += decide.measure(run.rounds, _fresh(folder / DECIDE))
            asked = [each for each in workloads if each in WORKLOADS]
            if asked:
                run.measure(_servers(programs, peers, many=many, timed=timed), asked)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    click.echo(_report(run, here, peers))
    content = {
        "names": run.stage.count,
        "samples": [asdict(each) for each in run.samples],
        "log_rows_dropped": run.dropped,
        "missing": run.missing,
        "wrong": run.wrong,
    }
    say(f"numbers of each round: {_keep(content, here, folder / 'results')}")
    sys.exit(1 if run.wrong else 0)


def _small_boxes(
    here: Machine, programs: Programs, folder: Path, lengths: Sequence[int], cgroup: Path | None
) -> None:
    trials, update = small.measure(here, programs, _fresh(folder / SMALL), lengths, cgroup)
    click.echo(small.report(trials, update, small.box(small.LIMITS[0], cgroup).way))
    content = {"trials": [asdict(each) for each in trials], "update": update}
    say(f"numbers: {_keep(content, here, folder / 'results')}")
    sys.exit(1 if update.get("wrong") or update.get("lost") else 0)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _servers(programs: Programs, peers: Sequence[str], *, many: bool, timed: bool) -> list[Server]:
    ours = [Copdns(LANE, lane=True), Copdns(CHAIN, lane=False)]
    ours += [Copdns(MANY, lane=False, many=True)] if many else []
    ours += [Copdns(TIMED, lane=True, timed=True)] if timed else []
    return [*ours, *(PEERS[each] for each in peers), Echo(programs.echo)]


def _report(run: Run, here: Machine, peers: Sequence[str]) -> str:
    count = run.stage.count
    facts = ", ".join(f"{key} {value}" for key, value in machine.facts().items())
    parts = [
        f"{count:,} names in every list; {here.told()}\n{facts}",
        tables(run.samples, [*peers, "echo"]),
        verdicts(run.samples, count),
        held_up(run.samples),
        "\n".join(f"{name}: log rows dropped: {rows:.0f}" for name, rows in run.dropped.items()),
        "\n".join(f"{name}: missing: {why}" for name, why in run.missing.items()),
        "\n".join(f"WRONG: {line}" for line in run.wrong),
    ]
    return "\n\n".join(part for part in parts if part)


def _keep(content: Mapping[str, object], here: Machine, folder: Path) -> Path:
    """Write the numbers themselves, for whoever wants to look closer."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    about = {"at": now.isoformat(), "arguments": sys.argv[1:]}
    facts = {**machine.facts(), **asdict(here)}
    path.write_text(json.dumps({**about, "machine": facts, **content}, indent=1))
    return path


if __name__ == "__main__":
    main()
