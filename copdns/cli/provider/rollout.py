"""`copdns provider rollout`: what reaches many households, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copdns.as_json.plain import utc
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_table, printable
from copdns.cli.provider.open_register import moment, shell_user, why_option
from copdns.list_files.rollout_files import read_rollout_files
from copdns.model.errors import ConfigError, RolloutError
from copdns.provider.rollout.figures import NodeFigures
from copdns.provider.rollout.rollout_json import freeze_json, node_json, rollout_json
from copdns.provider.rollout.rollouts import (
    RolloutKind,
    find_rollout,
    new_freeze,
    resume_step,
    stop_step,
    undo_step,
)

if TYPE_CHECKING:
    from copdns.store.provider_db.rollout_rows import RolloutStore

LATELY = 600  # seconds of figures that are shown


@click.group()
def rollout() -> None:
    """Bring lists and other changes to all nodes in stages."""


def _number(command: click.decorators.FC) -> click.decorators.FC:
    return click.argument("number", metavar="NUMBER", type=click.IntRange(1))(command)


@rollout.command()
@click.argument("kind", type=click.Choice([str(each) for each in RolloutKind]))
@click.option("--label", metavar="TEXT", default="", help="What people and tools call it.")
@click.option(
    "--file",
    "paths",
    metavar="FILE",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file of a configuration, which nodes get under its name; repeatable.",
)
@click.option("--again", is_flag=True, help="Also where the same was undone last.")
@click.option(
    "--no-way-back",
    is_flag=True,
    help="Of a schema, also apply what the version before does not run with.",
)
@json_option
@pass_home
def begin(
    home: Home,
    kind: str,
    label: str,
    paths: tuple[Path, ...],
    again: bool,
    no_way_back: bool,
    as_json: bool,
) -> None:
    """Bring a change to the canary nodes; it goes on as their figures allow.

    Of lists, the files are those of lists and facts that this machine has. A configuration has the
    files that are named, and a package the name of its version alone. A schema is that of this
    program, whose version the label names: what only adds to it is applied at once. What all nodes
    have already is not begun again, and what was undone last only with --again.

    \b
    Example:  copdns provider rollout begin lists
    """
    chosen = RolloutKind(kind)
    if no_way_back and chosen is not RolloutKind.SCHEMA:
        raise click.UsageError("--no-way-back is for a schema")
    if paths and chosen is not RolloutKind.CONFIGURATION:
        raise click.UsageError("--file is for a configuration")
    if chosen is RolloutKind.LISTS:
        files = read_rollout_files(home.folder)
        if not files:
            raise RolloutError(
                "there are no lists and facts here; copdns lists update fetches them"
            )
    else:
        files = {each.name: _read(each) for each in paths}
    if not (label or files):
        raise click.UsageError("--label is missing: the name of the version")
    if len(files) < len(paths):
        raise click.UsageError("two files have the same name")
    applied: tuple[str, ...] = ()
    if chosen is RolloutKind.SCHEMA:
        from copdns.app.node.schema_rollouts import begin_schema  # no home has psycopg

        found, applied = begin_schema(
            *(_database(home), label, shell_user(), home.now), again=again, is_final=no_way_back
        )
    else:
        with _store(home) as store:
            found = store.begin(chosen, label, files, shell_user(), home.now, again=again)
            store.forget(home.now)
    if as_json:
        print_json({"number": found.number if found else None, "applied": list(applied)})
        return
    for each in applied:
        click.echo(f"applied: {each}")
    if found is None:
        click.echo("this is what the newest rollout has; nothing was begun")
    else:
        click.echo(f"{found.number}: {found.stage}")


@rollout.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List rollouts, the newest first, and freezes that are not over.

    \b
    Example:  copdns provider rollout list
    """
    with _store(home) as store:
        rollouts, freezes = store.load()[::-1], store.freezes(home.now)
    if as_json:
        print_json(
            {
                "rollouts": [rollout_json(each) for each in rollouts],
                "freezes": [freeze_json(each) for each in freezes],
            }
        )
        return
    print_table(
        ("number", "kind", "label", "stage", "state", "since", "why"),
        [
            (
                *(str(each.number), str(each.kind), each.label, str(each.stage)),
                *(str(each.state), utc(each.stage_since) or "", each.steps[-1].why),
            )
            for each in rollouts
        ],
    )
    for each in freezes:
        until = f"freeze {each.number}: {utc(each.begins)} to {utc(each.ends)}"
        click.echo(printable(f"{until}: {each.why} ({each.by})"))


@rollout.command()
@_number
@json_option
@pass_home
def show(home: Home, number: int, as_json: bool) -> None:
    """Show each step of a rollout, which nodes have it, and what it waits for.

    \b
    Example:  copdns provider rollout show 12
    """
    from copdns.app.node.rollouts import bounds_of  # no home has psycopg
    from copdns.provider.rollout.judge import MOST_COMPARED, judge

    with _store(home) as store:
        rollouts, nodes = store.load(), store.fleet()
        figures = store.figures(home.now - 4 * MOST_COMPARED)
        is_frozen = any(each.holds(home.now) for each in store.freezes(home.now))
    found = find_rollout(rollouts, number)
    verdict = judge(
        *(rollouts, found, nodes, figures, bounds_of(home.settings.provider.rollouts)),
        is_frozen=is_frozen,
        now=home.now,
    )
    having = [each.name for each in nodes if each.has_taken(found.kind).number == number]
    if as_json:
        shown = {**rollout_json(found), "nodes": having, "waits_for": verdict.waits_for}
        print_json(shown)
        return
    click.echo(printable(f"{found.number}: {found.kind} {found.label}"))
    print_table(
        ("at", "by", "stage", "state", "why"),
        [
            (utc(each.at) or "", each.by, str(each.stage), str(each.state), each.why)
            for each in found.steps
        ],
    )
    click.echo(printable(f"nodes that have it: {', '.join(having) or 'none'}"))
    if found.is_final:
        click.echo("there is no way back: the version before does not run with this schema")
    if verdict.waits_for:
        click.echo(printable(f"waits for {verdict.waits_for}"))


@rollout.command()
@json_option
@pass_home
def nodes(home: Home, as_json: bool) -> None:
    """Show all nodes: what they have, and what they counted in the last ten minutes.

    No figure is of a subscriber, a household or a name.

    \b
    Example:  copdns provider rollout nodes
    """
    with _store(home) as store:
        found = store.fleet()
        rows = store.figures(home.now - LATELY)
    counted: dict[str, NodeFigures] = {}
    for row in rows:
        counted[row.node] = counted.get(row.node, NodeFigures()) + row.figures
    if as_json:
        print_json(
            [node_json(each, counted.get(each.name, NodeFigures()), home.now) for each in found]
        )
        return
    print_table(
        ("node", "site", "canary", "seen", "has", "queries", "SERVFAIL", "blocked", ">100 ms"),
        [
            (
                *(each.name, each.site, "yes" if each.is_canary else ""),
                f"{utc(each.seen)}{'' if each.is_live(home.now) else ' (away)'}",
                " ".join(f"{kind} {taken.number}" for kind, taken in each.taken.items()),
                str(figures.queries),
                f"{figures.servfail_share:.1%}",
                f"{figures.block_share:.1%}",
                f"{figures.slow_share:.1%}",
            )
            for each in found
            for figures in (counted.get(each.name, NodeFigures()),)
        ],
    )


@rollout.command()
@_number
@why_option
@pass_home
def undo(home: Home, number: int, why: str) -> None:
    """Take a rollout back, also one that all nodes have: they take the one before it.

    Each does so within a minute, also in a freeze.

    \b
    Example:  copdns provider rollout undo 12 --why "A school is blocked."
    """
    with _store(home) as store:
        store.add_step(number, lambda found: undo_step(found, number, shell_user(), why, home.now))
    click.echo(f"{number}: undone")


@rollout.command()
@_number
@why_option
@pass_home
def stop(home: Home, number: int, why: str) -> None:
    """Keep a rollout where it is; nodes that have it keep it.

    \b
    Example:  copdns provider rollout stop 12 --why "We look at complaints."
    """
    with _store(home) as store:
        store.add_step(number, lambda found: stop_step(found, number, shell_user(), why, home.now))
    click.echo(f"{number}: stopped")


@rollout.command()
@_number
@why_option
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_home
def resume(home: Home, number: int, why: str, yes: bool) -> None:
    """Let a rollout that was stopped go on; its watch begins anew.

    Shows who stopped it and why, and asks.

    \b
    Example:  copdns provider rollout resume 12 --why "An upstream failed everywhere."
    """
    with _store(home) as store:
        if not yes:
            _ask_to_resume(home, store, number, why)
        store.add_step(
            number, lambda found: resume_step(found, number, shell_user(), why, home.now)
        )
    click.echo(f"{number}: going")


def _ask_to_resume(home: Home, store: RolloutStore, number: int, why: str) -> None:
    """Show what was stopped, by whom and why; end the command unless it is confirmed."""
    rollouts = store.load()
    resume_step(rollouts, number, shell_user(), why, home.now)  # raises where it cannot be
    found = find_rollout(rollouts, number)
    last = found.steps[-1]
    what = " ".join(filter(None, (str(found.kind), found.label, f"({found.stage})")))
    click.echo(printable(f"{number}: {what}, stopped by {last.by} at {utc(last.at)}: {last.why}"))
    click.confirm("It goes on to all nodes. Go on?", abort=True)


@rollout.command()
@_number
@why_option
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_home
def contract(home: Home, number: int, why: str, yes: bool) -> None:
    """Take away what only the version before used of the schema, when all nodes have this one.

    From then on the version before does not start any more, and the rollout cannot be undone.

    \b
    Example:  copdns provider rollout contract 12 --why "All nodes have had 1.5 for a week."
    """
    from copdns.app.node.schema_rollouts import contract_schema, contracting_steps

    database = _database(home)
    for each in contracting_steps(database):
        click.echo(f"to apply: {each}")
    if not yes:
        click.confirm("There is no way back but a backup. Go on?", abort=True)
    for each in contract_schema(database, number, shell_user(), why, home.now):
        click.echo(f"applied: {each}")


@rollout.command()
@click.option(
    "--from", "begins", metavar="TIME", default="", help="When it begins; by default now."
)
@click.option("--until", "ends", metavar="TIME", required=True, help="When it ends.")
@why_option
@pass_home
def freeze(home: Home, begins: str, ends: str, why: str) -> None:
    """Let nothing new reach a node for a while; what is undone still goes.

    \b
    Example:  copdns provider rollout freeze --until 2026-12-27T08:00 --why "Holidays."
    """
    since = moment(home, begins) if begins else home.now
    new = new_freeze(since, moment(home, ends), shell_user(), why, home.now)
    with _store(home) as store:
        found = store.freeze(new, home.now)
    click.echo(f"{found.number}: {utc(found.begins)} to {utc(found.ends)}")


@rollout.command()
@_number
@pass_home
def thaw(home: Home, number: int) -> None:
    """End a freeze before its time.

    \b
    Example:  copdns provider rollout thaw 3
    """
    with _store(home) as store:
        store.end_freeze(number, shell_user(), home.now)
    click.echo(f"{number}: ended")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RolloutError(
            "%(path)s cannot be used: %(why)s", path=str(path), why=str(error.strerror)
        ) from error


def _database(home: Home) -> str:
    if not home.is_providers:
        raise ConfigError(
            "provider.database is empty, and only a provider has rollouts; name its PostgreSQL "
            "database"
        )
    return home.settings.provider.database


@contextmanager
def _store(home: Home) -> Iterator[RolloutStore]:
    database = _database(home)
    from copdns.store.household_db.provider import ProviderStore  # no home has psycopg
    from copdns.store.postgres.connection import PostgresPool
    from copdns.store.provider_db.rollout_rows import RolloutStore

    pool = PostgresPool(database, most=1)
    with ProviderStore.connect(pool) as store:
        yield RolloutStore(store.pool)
