"""`copdns facts`: protected sites, helplines, services and what else ships, and newer ones."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from copdns.as_json.facts import facts_json
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.list_downloads import duration_text
from copdns.cli.output import print_json, print_table, printable
from copdns.list_files.facts import Facts, load_facts, shipped_facts
from copdns.list_files.facts_bundle import MAX_BUNDLE
from copdns.list_files.facts_store import FactsStore, describe_held_facts
from copdns.list_files.facts_updates import (
    FactsUpdater,
    facts_troubles,
    newest_made_at,
    require_address,
)
from copdns.lists.facts import FactsChoice, FactsState, facts_choice_line
from copdns.model.errors import EXIT_FAILED, FactsError


@click.group()
def facts() -> None:
    """Update protected sites and helplines."""


@facts.command()
@json_option
@pass_home
def status(home: Home, as_json: bool) -> None:
    """Show which facts are in use, and what is wrong with them.

    Facts are the protected sites, helplines, services, safe search, ways around the filter, and
    what no list may block. They come with copdns; with the setting facts.url, newer ones are
    downloaded between two versions of it. The checksum is the same in every household.

    \b
    Example:  copdns facts status
    """
    state, in_force = FactsStore(home.folder).state, load_facts(home.folder)
    troubles = tuple(facts_troubles(state, in_force, home.settings.facts, home.now))
    if as_json:
        _print_json(state, troubles)
        return
    click.echo(f"number {_number(state)}, made {_day(newest_made_at(state))}")
    click.echo(f"in use: {_in_use(state, in_force)}")
    if state.digest:
        click.echo(f"checksum: {state.digest}")
    if state.checked_at is not None:
        ago = duration_text(max(0.0, home.now - state.checked_at))
        click.echo(f"confirmed by the server {ago} ago")
    for each in troubles:
        click.echo(f"! {printable(each)}")
    if state.error:
        click.echo(f"! the last attempt failed: {printable(state.error)}")
    if state.waiting:
        click.echo(f"! {_waiting(state)}")
    if state.earlier:
        click.echo("\nearlier ones (copdns facts rollback):")
        rows = [
            (each.digest[:12] or "shipped", str(each.number), _day(each.made_at))
            for each in state.earlier
        ]
        print_table(("version", "number", "made"), rows)


def _print_json(state: FactsState, troubles: tuple[str, ...]) -> None:
    print_json(facts_json(state, _number(state), newest_made_at(state), troubles))


def _waiting(state: FactsState) -> str:
    count = len(state.waiting)
    what = "a change waits" if count == 1 else f"{count} changes wait"
    return f"{what} for you; see copdns facts diff"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _number(state: FactsState) -> int:
    return max(state.number, shipped_facts().number)


def _in_use(state: FactsState, in_force: Facts) -> str:
    if not in_force.digest:
        return "those that come with copdns"
    return state.in_force[:12] if state.held else f"{state.in_force[:12]}, the newest"


@facts.command("diff")
@json_option
@pass_home
def diff_command(home: Home, as_json: bool) -> None:
    """Show which changes of newer facts wait for you.

    What newer facts add is used at once. What they would take away of protected sites and
    helplines stays until you accept that, and so does a file of which much changes at once.

    \b
    Example:  copdns facts diff
    """
    state = FactsStore(home.folder).state
    if as_json:
        _print_json(state, ())
        return
    if not state.held:
        click.echo("nothing waits")
        return
    if state.waiting:
        click.echo("waiting (copdns facts accept, or copdns facts keep):")
    for line in describe_held_facts(state.waiting):
        click.echo(printable(line))
    kept = [each for each in state.held if each.id in state.kept]
    if kept:
        click.echo("kept by you (copdns facts accept makes these changes, too):")
    for line in describe_held_facts(kept):
        click.echo(printable(line))


_VERSION = click.option("--version", default="", help="Only if this is what waits; see --json.")


@facts.command()
@_VERSION
@pass_home
def accept(home: Home, version: str) -> None:
    """Make the changes that wait, and those that were kept.

    A running copdns uses them within seconds. Look at them first, with `copdns facts diff`.

    \b
    Example:  copdns facts accept
    """
    _note(home, FactsChoice.ACCEPT, FactsStore(home.folder).accept(version))
    click.echo("the changes are made")


@facts.command()
@_VERSION
@pass_home
def keep(home: Home, version: str) -> None:
    """Leave what waits as it is; only other changes are told from then on.

    \b
    Example:  copdns facts keep
    """
    _note(home, FactsChoice.KEEP, FactsStore(home.folder).keep(version))
    click.echo("nothing changes")


@facts.command()
@click.option("--to", "digest", default="", help="This version; `facts status` shows them.")
@pass_home
def rollback(home: Home, digest: str) -> None:
    """Go back to earlier facts.

    Without --to, to those before the ones in use; with --to shipped, to those that come with
    copdns. The last three are kept. Newer ones wait afterwards until you accept them.

    \b
    Example:  copdns facts rollback
    """
    state = FactsStore(home.folder).roll_back(time.time(), digest or None)
    _note(home, FactsChoice.ROLL_BACK, state)
    click.echo(f"in use: {state.in_force[:12] or 'those that come with copdns'}")


def _note(home: Home, choice: FactsChoice, state: FactsState) -> None:
    home.note(facts_choice_line(choice, state))


@facts.command()
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take this file instead of downloading one; it needs a good signature all the same.",
)
@json_option
@pass_home
def update(home: Home, file: Path | None, as_json: bool) -> None:
    """Get newer facts now.

    They are used only with the signature of a key that copdns knows, and never if their number is
    lower than one that was used before. A running copdns uses them within seconds. The exit code is
    1 if none could be had.

    \b
    Example:  copdns facts update
    """
    updater = FactsUpdater(home.folder, lambda: home.settings.facts, time.time)
    if file is None:
        require_address(home.settings.facts)
        asyncio.run(updater.fetch())
    else:
        if file.stat().st_size > MAX_BUNDLE:
            raise FactsError(f"{file} is larger than {MAX_BUNDLE >> 20} MiB")
        asyncio.run(updater.take(file.read_bytes()))
    state = updater.state
    if as_json:
        _print_json(state, updater.warnings)
    else:
        click.echo(printable(state.error) if state.error else f"number {_number(state)} is here")
        if state.waiting:
            click.echo(_waiting(state))
    click.get_current_context().exit(EXIT_FAILED if state.error else 0)
