"""`copdns follower`: the boxes that follow this one."""

from __future__ import annotations

import click

from copdns.as_json.plain import utc
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, printable
from copdns.model.errors import HouseholdError
from copdns.store.household_db.followers import Follower, Followers
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.thread import StoreThread


@click.group()
def follower() -> None:
    """Show, pair or end second boxes, which follow this one."""


@follower.command(name="list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """Show which boxes follow this one, and when each fetched last.

    \b
    Example:  copdns follower list
    """
    found = () if home.load_household() is None else _read(home)
    if as_json:
        print_json([_as_json(each) for each in found])
        return
    for each in found:
        at = "nothing fetched yet" if each.fetched is None else f"last fetch {utc(each.fetched)}"
        click.echo(
            f"{each.id}  {printable(each.name)}: {at}; ends {utc(each.ends)} without another"
        )
    if not found:
        click.echo("no box follows this one")


@follower.command()
@click.argument("name")
@json_option
@pass_home
def pair(home: Home, name: str, as_json: bool) -> None:
    """Pair a second box called NAME, and print its key, which is shown once.

    All guardians are told.

    \b
    Example:  copdns follower pair "Upstairs"
    """

    async def work(store: HouseholdStore) -> str:
        household = await home.find_household(store)
        if household is None:
            raise HouseholdError("there is no household yet")
        pairing = await Followers(StoreThread(store)).pair(household, name, None, home.now)
        return pairing.text

    key = home.with_store(work)
    if as_json:
        print_json({"key": key})
    else:
        click.echo(key)


@follower.command()
@click.argument("follower")
@pass_home
def end(home: Home, follower: str) -> None:
    """End following: the box with this id answers with the guest rules within seconds.

    \b
    Example:  copdns follower end 0011223344556677
    """
    if follower not in {each.id for each in _read(home)}:
        raise HouseholdError("there is no second box %(follower)s", follower=follower)

    async def work(store: HouseholdStore) -> None:
        household = await home.find_household(store)
        assert household is not None
        await Followers(StoreThread(store)).end(household, follower, None, home.now)

    home.with_store(work)
    click.echo("ended")


def _read(home: Home) -> tuple[Follower, ...]:
    async def work(store: HouseholdStore) -> tuple[Follower, ...]:
        household = await home.find_household(store)
        return () if household is None else await Followers(StoreThread(store)).of(household)

    return home.read_store(work)


def _as_json(each: Follower) -> dict[str, object]:
    """Return what programs get of a box; never its secret."""
    return {
        "id": each.id,
        "name": each.name,
        "paired": utc(each.made),
        "by": each.author,
        "fetched": None if each.fetched is None else utc(each.fetched),
        "address": each.address,
        "ends": utc(each.ends),
    }
