"""`copdns household move-in`: show what a file of another program becomes here, and store it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from copdns.as_json.moving_in import plan_json
from copdns.cli.base import BAND, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import count_text, print_json, print_table, printable
from copdns.household.moving_in.draft import Result, Surroundings
from copdns.household.moving_in.plan import Plan, make_plan, store_plan
from copdns.household.moving_in.recognise import DATABASE, MAX_FILE, read_database, read_file
from copdns.household.moving_in.wishes import FoundSettings
from copdns.list_files.own_list_edits import (
    Wanted,
    history_line,
    judge_lines,
    keep_list,
    remove_list,
)
from copdns.list_files.own_lists import OwnLists
from copdns.lists.own_lists import OwnList
from copdns.model.errors import CopdnsError, MoveInError
from copdns.model.household import Band
from copdns.model.violations import no_such
from copdns.store.gravity import read_gravity, read_gravity_file


class _AgeParam(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    """NAME=AGE, as a pair."""

    name = "name=age"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Band]:
        """Return the name and the age band; end with what is wrong."""
        name, equals, age = str(value).rpartition("=")
        if not (name and equals):
            self.fail("write the name and the age group, such as Mia=7-9", param, ctx)
        return name, Band(BAND.convert(age, param, ctx))


@click.command("move-in")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--age",
    "ages",
    metavar="NAME=AGE",
    type=_AgeParam(),
    multiple=True,
    help="The age group of a new person, such as Mia=7-9; else adult, for whom nothing is blocked "
    "but what comes over. Can be repeated.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@pass_home
def move_in(
    home: Home, file: Path, ages: Sequence[tuple[str, Band]], yes: bool, as_json: bool
) -> None:
    """Bring over what FILE of another program says.

    FILE is AdGuardHome.yaml, an archive (Teleporter) or gravity.db of Pi-hole, a profile of NextDNS
    as JSON, or a hosts file. Shows for each line what it becomes here, or why it cannot come over,
    and changes nothing before you say yes. What is here already stays.

    \b
    Example:  copdns household move-in AdGuardHome.yaml --age Mia=7-9
    """
    plan = _make_plan(home, _read(file), ages)
    if as_json:
        print_json(plan_json(plan))
    else:
        _print_plan(plan)
    if plan.is_empty:
        return
    if not yes:
        if as_json or not sys.stdin.isatty():
            click.echo("nothing was changed; add --yes to store it", err=True)
            return
        click.confirm("Store it?", abort=True)
    _store(home, plan)
    click.echo("stored; `copdns household history` has it", err=as_json)


def _read(path: Path) -> FoundSettings:
    try:
        with path.open("rb") as file:
            if file.peek(len(DATABASE)).startswith(DATABASE):
                return read_database(read_gravity_file(path), path.name)
            return read_file(file.read(MAX_FILE + 1), path.name, read_gravity)
    except OSError as error:
        raise MoveInError(
            "%(file)s: %(why)s; choose another file", file=str(path), why=error.strerror or ""
        ) from error


def _make_plan(home: Home, found: FoundSettings, ages: Sequence[tuple[str, Band]]) -> Plan:
    lists = home.lists.own
    around = Surroundings(
        home.household,
        home.known_ids,
        home.lists.available.sources,
        tuple(lists.text(each.slug) for each in lists.all()),
        partial(judge_lines, lists),
        home.now,
    )
    plan = make_plan(found, around)
    if not ages:
        return plan
    return make_plan(found, around.with_ages(_ages_by_id(plan, ages)))


def _ages_by_id(plan: Plan, ages: Sequence[tuple[str, Band]]) -> Mapping[str, Band]:
    """Return the age bands by the ids of new people; raise MoveInError for nobody's name."""
    new = [each for each in plan.people if each.is_new]
    by_name = {each.name.casefold(): each.id for each in new} | {each.id: each.id for each in new}
    found = {}
    for name, band in ages:
        if name.casefold() not in by_name:
            raise MoveInError(no_such("profile", name, [each.name for each in new]))
        found[by_name[name.casefold()]] = band
    return found


def _print_plan(plan: Plan) -> None:
    print_table(
        ("where", "what it says", "what happens", "how"),
        [(each.place, each.text, each.result, str(each.said)) for each in plan.outcomes],
    )
    counts = plan.count_results()
    click.echo(
        f"{plan.product}: {count_text(counts[Result.TAKEN], 'line')} would come over, "
        f"{counts[Result.PARTLY]} partly, {counts[Result.THERE]} are here already, "
        f"{counts[Result.LEFT]} stay behind"
    )
    for each in plan.people:
        if each.is_new:
            click.echo(printable(f"new: {each.name} ({each.band}), as {each.id}"))
    if plan.settings:
        click.echo("To be added to the settings by hand:")
        click.echo(plan.settings, nl=False)


def _store(home: Home, plan: Plan) -> None:
    """Store a plan as one change of the household; its lists go where that cannot be stored."""
    lists, kept = home.lists.own, list[OwnList]()
    try:
        for each in plan.lists:
            kept.append(_keep(home, lists, each.title, each.text, kept))
        slugs = [each.slug for each in kept]
        home.apply_change(plan.history_line, partial(store_plan, plan=plan, slugs=slugs))
    except CopdnsError:
        for own in kept:
            remove_list(lists, home.household, own)
        raise
    for own in kept:
        home.note(history_line(own, "added"))


def _keep(home: Home, lists: OwnLists, title: str, text: str, before: Sequence[OwnList]) -> OwnList:
    wanted = Wanted(title, "", text, "adblock", is_exact=True)
    taken = [each.slug for each in (*before, *lists.all())]
    return keep_list(lists, wanted, home.catalogue, home.household, home.now, taken=taken).own
