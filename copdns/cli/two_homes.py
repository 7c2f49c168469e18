"""`copdns homes`: a child who lives in another home with copdns, too."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from copdns.accounts.codes import make_child_file
from copdns.accounts.other_home import MAX_TEXT, HomeMessage, open_child
from copdns.as_json.plain import utc
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, printable
from copdns.model.errors import HouseholdError
from copdns.model.household import Profile
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.notes import CONSOLE
from copdns.store.household_db.other_homes import OtherHome, OtherHomes
from copdns.store.household_db.thread import StoreThread


@click.group()
def homes() -> None:
    """Show or end that a child has two homes."""


@homes.command(name="list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """Show which children have another home, and the code for that.

    \b
    Example:  copdns homes list
    """
    found = () if home.load_household() is None else _read(home)
    if as_json:
        print_json([_as_json(each) for each in found])
        return
    for each in found:
        if each.brought:
            state = f"agreed here; code for the other home: {each.agreed_code}"
        else:
            state = "file made; not agreed yet" if each.agreed is None else "both homes agreed"
        click.echo(f"{each.profile}: {state}")
    if not found:
        click.echo("no child has two homes here")


@homes.command()
@click.argument("person")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_home
def make(home: Home, person: str, file: Path) -> None:
    """Write the FILE of a child (PERSON) for the other home, and print the code that opens it.

    Name and age group are in it, and nothing else. Tell the code in another way than the file.

    \b
    Example:  copdns homes make mia mia.copdns
    """
    child = _find_child(home, person)
    made = make_child_file(child.name, child.band_at(home.now))
    _begin(home, child.id, made.secret, brought=False)
    try:
        file.write_text(f"{made.text}\n", encoding="ascii")
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    click.echo(made.code)


@homes.command()
@click.argument("person")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--yes", is_flag=True, help="Agree without being asked.")
@pass_home
def agree(home: Home, person: str, file: Path, yes: bool) -> None:
    """Agree to the other home's FILE, about a child who is PERSON here.

    It asks for the code, shows what is in the file, and stores nothing before you say yes. Rules,
    name and age group here stay as they are.

    \b
    Example:  copdns homes agree mia mia.copdns
    """
    child = _find_child(home, person)
    code = click.prompt("code") if sys.stdin.isatty() else sys.stdin.readline()
    shared = open_child(file.read_bytes()[: 2 * MAX_TEXT].decode(errors="replace"), code)
    click.echo(f"in the file: {printable(shared.name)}, age group {shared.band}; nothing else")
    if not yes:
        click.confirm(f"Agree that {child.id} has another home?", abort=True)
    _begin(home, child.id, shared.secret, brought=True)
    click.echo(f"agreed; code for the other home: {_find(home, child.id).agreed_code}")


@homes.command(name="code")
@click.argument("code")
@pass_home
def take_code(home: Home, code: str) -> None:
    """Use a CODE of the other home: that it agreed, or that it has ended there.

    \b
    Example:  copdns homes code K7QF-2M9D
    """

    async def work(store: HouseholdStore) -> tuple[HomeMessage, str]:
        household = await home.find_household(store)
        if household is None:
            raise HouseholdError("there is no household yet")
        other = OtherHomes(StoreThread(store))
        return await other.take_code(household, code, CONSOLE, home.now)

    message, person = home.with_store(work)
    said = "ended" if message is HomeMessage.ENDED else "both homes agreed"
    click.echo(f"{person}: {said}")


@homes.command()
@click.argument("person")
@pass_home
def end(home: Home, person: str) -> None:
    """End that a child (PERSON) has another home, and print the code for that home.

    \b
    Example:  copdns homes end mia
    """
    _find(home, person)

    async def work(store: HouseholdStore) -> str:
        household = await home.find_household(store)
        assert household is not None
        return await OtherHomes(StoreThread(store)).end(household, person, CONSOLE, home.now)

    click.echo(f"ended; code for the other home: {home.with_store(work)}")


def _find_child(home: Home, person: str) -> Profile:
    household = home.load_household()
    found = None if household is None else household.profile(person)
    if found is None or not found.band.is_child:
        raise HouseholdError("there is no child %(person)s", person=person)
    return found


def _find(home: Home, person: str) -> OtherHome:
    found = () if home.load_household() is None else _read(home)
    for each in found:
        if each.profile == person:
            return each
    raise HouseholdError("%(person)s has no other home here", person=person)


def _begin(home: Home, person: str, secret: bytes, *, brought: bool) -> None:
    async def work(store: HouseholdStore) -> None:
        household = await home.find_household(store)
        assert household is not None
        agreed = home.now if brought else None
        new = OtherHome(household, person, secret, home.now, CONSOLE, brought, agreed)
        await OtherHomes(StoreThread(store)).begin(new)

    home.with_store(work)


def _read(home: Home) -> tuple[OtherHome, ...]:
    async def work(store: HouseholdStore) -> tuple[OtherHome, ...]:
        household = await home.find_household(store)
        return () if household is None else await OtherHomes(StoreThread(store)).of(household)

    return home.read_store(work)


def _as_json(each: OtherHome) -> dict[str, object]:
    """Return what programs get; never the secret."""
    return {
        "person": each.profile,
        "since": utc(each.made),
        "by": each.author,
        "brought": each.brought,
        "agreed": None if each.agreed is None else utc(each.agreed),
        "code": each.agreed_code,
    }
