"""`copdns local`, `rewrite` and `split`: names that this household answers in its own way."""

from __future__ import annotations

from functools import partial

import click

from copdns.cli.base import ADDRESS, MATCHER, NAME, UPSTREAM, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, table
from copdns.household.edits import (
    remove_local_name,
    remove_rewrite,
    remove_split_upstream,
    set_local_name,
    set_rewrite,
    set_split_upstream,
)


@click.group()
def local() -> None:
    """Give names of this house their addresses."""


@local.command("add")
@click.argument("name", metavar="NAME", type=NAME)
@click.argument("addresses", metavar="ADDRESS...", type=ADDRESS, nargs=-1, required=True)
@pass_home
def local_add(home: Home, name: str, addresses: tuple[str, ...]) -> None:
    """Give a NAME its addresses.

    They take the place of those it had; names below it do not exist.

    \b
    Example:  copdns local add printer.home.arpa 192.168.1.20
    """
    edit = partial(set_local_name, name=name, addresses=addresses)
    home.change(f"local name {name}: {', '.join(addresses)}", edit)


@local.command("remove")
@click.argument("name", metavar="NAME", type=NAME)
@pass_home
def local_remove(home: Home, name: str) -> None:
    """Take a local name away.

    \b
    Example:  copdns local remove printer.home.arpa
    """
    home.change(f"local name {name} removed", partial(remove_local_name, name=name))


@local.command("list")
@json_option
@pass_home
def local_list(home: Home, as_json: bool) -> None:
    """List the names of this house.

    \b
    Example:  copdns local list
    """
    found = home.household.local_names
    if as_json:
        print_json(found)
        return
    table(("name", "addresses"), [(each.name, ", ".join(each.addresses)) for each in found])


@click.group()
def rewrite() -> None:
    """Answer a name with the data of another name."""


@rewrite.command("add")
@click.argument("name", metavar="NAME", type=MATCHER)
@click.argument("target", metavar="TARGET", type=NAME)
@pass_home
def rewrite_add(home: Home, name: str, target: str) -> None:
    """Answer a NAME, written as in a rule, with the data of TARGET.

    \b
    Example:  copdns rewrite add start.example homepage.example
    """
    edit = partial(set_rewrite, text=name, target_name=target)
    home.change(f"rewrite of {name}: {target}", edit)


@rewrite.command("remove")
@click.argument("name", metavar="NAME", type=MATCHER)
@pass_home
def rewrite_remove(home: Home, name: str) -> None:
    """Answer a NAME with its own data again.

    \b
    Example:  copdns rewrite remove start.example
    """
    home.change(f"rewrite of {name} removed", partial(remove_rewrite, text=name))


@rewrite.command("list")
@json_option
@pass_home
def rewrite_list(home: Home, as_json: bool) -> None:
    """List the names that are answered with another's data.

    \b
    Example:  copdns rewrite list
    """
    found = [(str(each.matcher), each.target) for each in home.household.rewrites]
    if as_json:
        print_json([{"name": name, "target": target} for name, target in found])
        return
    table(("name", "answered as"), found)


@click.group()
def split() -> None:
    """Ask other upstreams for some domains."""


@split.command("add")
@click.argument("domain", metavar="DOMAIN", type=NAME)
@click.argument("upstreams", metavar="UPSTREAM...", type=UPSTREAM, nargs=-1, required=True)
@pass_home
def split_add(home: Home, domain: str, upstreams: tuple[str, ...]) -> None:
    """Ask these UPSTREAMs for a DOMAIN.

    All names below it are meant too.  An UPSTREAM is an address, or address:port.

    \b
    Example:  copdns split add office.example 192.168.9.1
    """
    edit = partial(set_split_upstream, name=domain, upstreams=upstreams)
    home.change(f"split upstream for {domain}: {', '.join(upstreams)}", edit)


@split.command("remove")
@click.argument("domain", metavar="DOMAIN", type=NAME)
@pass_home
def split_remove(home: Home, domain: str) -> None:
    """Ask the usual upstreams for a DOMAIN again.

    \b
    Example:  copdns split remove office.example
    """
    home.change(f"split upstream for {domain} removed", partial(remove_split_upstream, name=domain))


@split.command("list")
@json_option
@pass_home
def split_list(home: Home, as_json: bool) -> None:
    """List the domains that other upstreams are asked for.

    \b
    Example:  copdns split list
    """
    found = home.household.split_upstreams
    if as_json:
        print_json(found)
        return
    table(("domain", "upstreams"), [(each.name, ", ".join(each.upstreams)) for each in found])
