"""`copdns ticket`: codes worth minutes, which a guardian creates and a child redeems."""

from __future__ import annotations

from functools import partial

import click

from copdns.accounts.codes import make_ticket_code, ticket_digest
from copdns.as_json.times import grant_json, ticket_json
from copdns.cli.base import json_option
from copdns.cli.changes import print_changes
from copdns.cli.home import AUTHOR, Home, pass_home
from copdns.cli.output import count_text, local_text, print_json, print_listing
from copdns.cli.params import (
    DURATION,
    MINUTES,
    NOTE,
    SUBJECT,
    profile_option,
    required_profile_option,
)
from copdns.cli.time_words import ANYONE, subject_text
from copdns.household.time_edits import add_ticket, remove_ticket
from copdns.model.household import Household
from copdns.model.times import Subject, Ticket
from copdns.store.household_db.household import HouseholdStore


@click.group()
def ticket() -> None:
    """Create and redeem time tickets: codes worth minutes."""


@ticket.command()
@click.argument("minutes", metavar="MINUTES", type=MINUTES)
@profile_option("For one person. Default: anyone with the code.")
@click.option(
    "--about",
    metavar="SUBJECT",
    type=SUBJECT,
    help="What it allows: category:games, service:youtube or a domain. Default: everything.",
)
@click.option(
    "--expires",
    metavar="TIME",
    type=DURATION,
    default="7d",
    help="How long the code is valid: 7d (default), 12h ...",
)
@click.option(
    "--label", metavar="TEXT", type=NOTE, default="", help="What it is for; the child can read it."
)
@json_option
@pass_home
def make(
    home: Home,
    minutes: int,
    profile: str,
    about: Subject | None,
    expires: int,
    label: str,
    as_json: bool,
) -> None:
    """Create a time ticket worth MINUTES, and print its code once.

    Only a digest of the code is stored, so nobody can look it up later. A redeemed ticket lifts
    time rules: schedules, daily limits, and a pause that began before the ticket was created.

    \b
    Example:  copdns ticket make 45 --profile mia --label "For the dishes."
    """
    code = make_ticket_code()
    edit = partial(
        add_ticket,
        digest=ticket_digest(code),
        known=home.known_ids,
        minutes=minutes,
        made=home.now,
        expires=home.now + expires * 60,
        profile_id=profile,
        about=about,
        label=label,
        author=AUTHOR,
    )
    what = f"ticket of {count_text(minutes, 'minute')} made for {profile or 'anyone with the code'}"
    before, after = home.apply_change(what, edit)
    if as_json:
        print_json({**ticket_json(after.tickets[-1]), "code": code})
        return
    print_changes(before, after)
    click.echo(f"code (shown only once): {code}")


@ticket.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List time tickets, without their codes.

    \b
    Example:  copdns ticket list
    """
    zone = home.household.timezone
    print_listing(
        home.household.tickets,
        as_json,
        ticket_json,
        ("ticket", "minutes", "for", "about", "state", "label"),
        lambda each: (
            each.id,
            str(each.minutes),
            each.profile or ANYONE,
            subject_text(each.about),
            _state_text(each, zone, home.now),
            each.label,
        ),
    )


def _state_text(ticket: Ticket, zone: str, now: float) -> str:
    if ticket.redeemed is not None:
        return f"redeemed by {ticket.redeemed_by} on {local_text(ticket.redeemed, zone)}"
    state = "expired" if ticket.expires <= now else "valid until"
    return f"{state} {local_text(ticket.expires, zone)}"


@ticket.command()
@click.argument("ticket", metavar="ID")
@pass_home
def remove(home: Home, ticket: str) -> None:
    """Cancel a time ticket.

    See `copdns ticket list` for IDs. Minutes that were already redeemed go on; `copdns grant end`
    ends them.

    \b
    Example:  copdns ticket remove t2
    """
    home.change(f"ticket {ticket} removed", partial(remove_ticket, ticket_id=ticket))


@ticket.command("redeem")
@click.argument("code", metavar="CODE")
@required_profile_option("Who redeems it.")
@json_option
@pass_home
def redeem_(home: Home, code: str, profile: str, as_json: bool) -> None:
    """Redeem CODE. Its minutes start now.

    Upper and lower case, spaces and dashes do not matter. Each code works once. After five unknown
    codes in 15 minutes you have to wait.

    \b
    Example:  copdns ticket redeem 7K3M-PQ9T --profile mia
    """
    before, after = _redeem(home, ticket_digest(code), profile)
    if as_json:
        print_json(grant_json(after.grants[-1]))
    else:
        print_changes(before, after)


def _redeem(home: Home, digest: str, profile: str) -> tuple[Household, Household]:
    """Redeem a ticket; return the household before and after.  Raises HouseholdError."""
    before, catalogue = home.household, home.catalogue

    async def work(store: HouseholdStore) -> Household:
        household = await home.ensure_household(store, catalogue)
        return await store.redeem(household, digest, profile, author=AUTHOR, now=home.now)

    return before, home.with_store(work)
