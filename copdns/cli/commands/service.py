"""`copdns service`: services that people know by a name, copdns's and the household's own."""

from __future__ import annotations

from functools import partial

import click

from copdns.cli.base import ID, MATCHER, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, table
from copdns.household.edits import add_service, remove_service, set_service
from copdns.model.errors import HouseholdError
from copdns.model.household import Contact, Household
from copdns.model.violations import no_such


@click.group()
def service() -> None:
    """See which services there are, and define your own."""


@service.command()
@click.argument("service", metavar="ID", type=ID)
@click.argument("names", metavar="NAME...", type=MATCHER, nargs=-1, required=True)
@click.option("--title", metavar="TEXT", default="", help="What people call it.")
@click.option(
    "--contact",
    type=click.Choice([str(each) for each in Contact]),
    default=str(Contact.NONE),
    help="With whom it puts a child in touch: nobody, people it knows, or strangers.",
)
@pass_home
def add(home: Home, service: str, names: tuple[str, ...], title: str, contact: str) -> None:
    """Define a service of your own by its names.

    NAMEs are written as in a rule.  The service blocks nothing by itself: `copdns profile set mia
    --service ID` does.

    \b
    Example:  copdns service add clubchat clubchat.example =voice.example --contact strangers
    """
    edit = partial(
        add_service,
        slug=service,
        title=title,
        names=names,
        known=home.known,
        contact=Contact(contact),
    )
    home.change(f"service {service} added", edit)


@service.command("set")
@click.argument("service", metavar="ID", type=ID)
@click.argument("names", metavar="[NAME...]", type=MATCHER, nargs=-1)
@click.option("--title", metavar="TEXT", help="What people call it.")
@click.option(
    "--contact",
    type=click.Choice([str(each) for each in Contact]),
    help="With whom it puts a child in touch: nobody, people it knows, or strangers.",
)
@pass_home
def set_(
    home: Home, service: str, names: tuple[str, ...], title: str | None, contact: str | None
) -> None:
    """Change a service of your own.

    NAMEs take the place of those it had; what is not given stays.  Whoever blocks it goes on with
    what it is then.

    \b
    Example:  copdns service set clubchat clubchat.example voice.example
    """

    def edit(household: Household) -> Household:
        old = next((each for each in household.services if each.slug == service), None)
        if old is None:
            there = [each.slug for each in household.services]
            raise HouseholdError(no_such("service of this household", service, there))
        return set_service(
            household,
            service,
            old.title if title is None else title,
            names or map(str, old.names),
            old.contact if contact is None else Contact(contact),
        )

    home.change(f"service {service} changed", edit)


@service.command()
@click.argument("service", metavar="ID")
@pass_home
def remove(home: Home, service: str) -> None:
    """Remove a service of your own.

    No profile may block it any more.

    \b
    Example:  copdns service remove clubchat
    """
    home.change(f"service {service} removed", partial(remove_service, slug=service))


@service.command("list")
@click.option("--own", is_flag=True, help="Only the household's own.")
@json_option
@pass_home
def list_(home: Home, own: bool, as_json: bool) -> None:
    """List the services that profiles can block.

    \b
    Example:  copdns service list
    """
    found = [
        (each.slug, each.title, each.contact, "here", [str(name) for name in each.names])
        for each in home.household.services
    ]
    if not own:
        found += [
            (each.slug, each.title, each.contact, "copdns", [str(name) for name in each.matchers])
            for each in home.library.services.values()
        ]
    keys = ("id", "title", "contact", "defined", "names")
    if as_json:
        print_json([dict(zip(keys, each, strict=True)) for each in found])
        return
    rows = [(*map(str, each[:4]), _short(each[4])) for each in found]
    table(("service", *keys[1:]), rows)


def _short(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 4 else ""
    return ", ".join(names[: 3 if more else 4]) + more
