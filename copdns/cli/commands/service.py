"""`copdns service`: services of copdns and of the household."""

from __future__ import annotations

from functools import partial

import click

from copdns.as_json.services import service_state_json
from copdns.cli.base import ID, MATCHER, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local_text, print_json, print_table
from copdns.household.edit_checks import require_profile
from copdns.household.rule_edits import add_service, remove_service, set_service
from copdns.model.errors import HouseholdError
from copdns.model.household import Contact, Household
from copdns.model.reasons import text_of
from copdns.model.violations import no_such
from copdns.policy.service_state import ServiceState, service_state


@click.group()
def service() -> None:
    """List services, and define your own."""


@service.command()
@click.argument("service", metavar="ID", type=ID)
@click.argument("names", metavar="NAME...", type=MATCHER, nargs=-1, required=True)
@click.option("--title", metavar="TEXT", default="", help="The service's name.")
@click.option(
    "--contact",
    type=click.Choice([str(each) for each in Contact]),
    default=str(Contact.NONE),
    help="Who can contact a child there: nobody, people they know, or strangers.",
)
@pass_home
def add(home: Home, service: str, names: tuple[str, ...], title: str, contact: str) -> None:
    """Define a service of your own by its domains.

    NAMEs are written as in a rule. This blocks nothing yet; to block it for someone, use `copdns
    profile set mia --service ID`.

    \b
    Example:  copdns service add clubchat clubchat.example =voice.example --contact strangers
    """
    edit = partial(
        add_service,
        slug=service,
        title=title,
        names=names,
        known=home.known_ids,
        contact=Contact(contact),
    )
    home.change(f"service {service} added", edit)


@service.command("set")
@click.argument("service", metavar="ID", type=ID)
@click.argument("names", metavar="[NAME...]", type=MATCHER, nargs=-1)
@click.option("--title", metavar="TEXT", help="The service's name.")
@click.option(
    "--contact",
    type=click.Choice([str(each) for each in Contact]),
    help="Who can contact a child there: nobody, people they know, or strangers.",
)
@pass_home
def set_(
    home: Home, service: str, names: tuple[str, ...], title: str | None, contact: str | None
) -> None:
    """Change a service of your own.

    NAMEs replace the ones it had; what you do not give stays. The change applies to everyone for
    whom the service is blocked.

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

    It must not be blocked for anyone.

    \b
    Example:  copdns service remove clubchat
    """
    home.change(f"service {service} removed", partial(remove_service, slug=service))


@service.command("list")
@click.option("--own", is_flag=True, help="Only your own services.")
@click.option(
    "--profile", "who", metavar="P", help="Say what this person can do with each now, and why."
)
@json_option
@pass_home
def list_(home: Home, own: bool, who: str | None, as_json: bool) -> None:
    """List the services that can be blocked.

    \b
    Example:  copdns service list
              copdns service list --profile mia
    """
    if who is not None:
        _list_states(home, who, own=own, as_json=as_json)
        return
    found = [
        (each.slug, each.title, each.contact, "here", [str(name) for name in each.names])
        for each in home.household.services
    ]
    if not own:
        found += [
            (each.slug, each.title, each.contact, "copdns", [str(name) for name in each.matchers])
            for each in home.catalogue.services.values()
        ]
    keys = ("id", "title", "contact", "defined", "names")
    if as_json:
        print_json([dict(zip(keys, each, strict=True)) for each in found])
        return
    rows = [(*map(str, each[:4]), _shorten(each[4])) for each in found]
    print_table(("service", *keys[1:]), rows)


def _list_states(home: Home, who: str, *, own: bool, as_json: bool) -> None:
    """Print what a person can do with each service now."""
    household = home.household
    require_profile(household, who)
    policy = home.make_snapshot().policy(household.id, who)
    names = {each.slug: (each.title, each.names) for each in household.services}
    if not own:
        shipped = home.catalogue.services.items()
        names |= {slug: (e.title, e.matchers) for slug, e in shipped if slug not in names}
    found = [
        service_state_json(slug, title, service_state(policy, matchers, home.now))
        for slug, (title, matchers) in names.items()
    ]
    if as_json:
        print_json(found)
        return
    states = (service_state(policy, matchers, home.now) for _, matchers in names.values())
    rows = [
        (slug, title, state.extent, text_of(state.verdict), _next_text(state, household.timezone))
        for (slug, (title, _)), state in zip(names.items(), states, strict=True)
    ]
    print_table(("service", "title", "state", "why", "next"), rows)


def _next_text(state: ServiceState, zone: str) -> str:
    if state.until is None or state.then is None:
        return ""
    return f"{local_text(state.until, zone)}: {state.then.action} ({text_of(state.then)})"


def _shorten(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 4 else ""
    return ", ".join(names[: 3 if more else 4]) + more
