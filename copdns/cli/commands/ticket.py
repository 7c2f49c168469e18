"""`copdns ticket`: codes worth minutes, which a guardian makes and a child redeems."""

from __future__ import annotations

from functools import partial

import click

from copdns.accounts.codes import ticket_code
from copdns.accounts.tickets import ticket_digest
from copdns.as_json.times import grant_json, ticket_json
from copdns.cli.base import json_option
from copdns.cli.home import AUTHOR, Home, pass_home, tell
from copdns.cli.output import counted, local, print_json, table
from copdns.cli.params import (
    DURATION,
    MINUTES,
    NOTE,
    SUBJECT,
    complete_profile,
    profile_option,
)
from copdns.cli.time_words import subjects_text
from copdns.household.time_edits import add_ticket, remove_ticket
from copdns.model.times import Subject, Ticket


@click.group()
def ticket() -> None:
    """Make codes worth minutes, and redeem them."""


@ticket.command()
@click.argument("minutes", metavar="MINUTES", type=MINUTES)
@profile_option("For one person; without it for whoever has the code.")
@click.option(
    "--about",
    metavar="SUBJECT",
    type=SUBJECT,
    help="What it opens: category:games, service:youtube, or a name; every name without it.",
)
@click.option(
    "--expires",
    metavar="TIME",
    type=DURATION,
    default="7d",
    help="For how long the code is good: 7d (default), 12h ...",
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
    """Make a ticket worth MINUTES, and print its code, once.

    Only a digest of the code is kept, so nobody can look it up later.  Redeemed it opens what time
    closes: schedules, budgets, and a pause that began before the ticket was made.

    \b
    Example:  copdns ticket make 45 --profile mia --label "For the dishes."
    """
    code = ticket_code()
    edit = partial(
        add_ticket,
        digest=ticket_digest(code),
        known=home.known,
        minutes=minutes,
        made=home.now,
        expires=home.now + expires * 60,
        profile_id=profile,
        about=about,
        label=label,
        author=AUTHOR,
    )
    what = f"ticket of {counted(minutes, 'minute')} made for {profile or 'whoever has the code'}"
    before, after = home.changed(what, edit)
    if as_json:
        print_json({**ticket_json(after.tickets[-1]), "code": code})
        return
    tell(before, after)
    click.echo(f"the code, which is shown this once: {code}")


@ticket.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List the tickets, without their codes.

    \b
    Example:  copdns ticket list
    """
    found = home.household.tickets
    if as_json:
        print_json([ticket_json(each) for each in found])
        return
    zone = home.household.timezone
    rows = [
        (
            each.id,
            str(each.minutes),
            each.profile or "whoever has the code",
            subjects_text([each.about] if each.about else []),
            _state(each, zone, home.now),
            each.label,
        )
        for each in found
    ]
    table(("ticket", "minutes", "for", "about", "state", "label"), rows)


def _state(ticket: Ticket, zone: str, now: float) -> str:
    if ticket.redeemed is not None:
        return f"redeemed by {ticket.redeemed_by} on {local(ticket.redeemed, zone)}"
    said = "was good until" if ticket.expires <= now else "good until"
    return f"{said} {local(ticket.expires, zone)}"


@ticket.command()
@click.argument("ticket", metavar="ID")
@pass_home
def remove(home: Home, ticket: str) -> None:
    """Take a ticket back.

    IDs are those of `copdns ticket list`.  What was redeemed before goes on; `copdns grant end`
    ends it.

    \b
    Example:  copdns ticket remove t2
    """
    home.change(f"ticket {ticket} removed", partial(remove_ticket, ticket_id=ticket))


@ticket.command("redeem")
@click.argument("code", metavar="CODE")
@click.option(
    "--profile",
    metavar="ID",
    required=True,
    shell_complete=complete_profile,
    help="Who redeems it.",
)
@json_option
@pass_home
def redeem_(home: Home, code: str, profile: str, as_json: bool) -> None:
    """Redeem a CODE: its minutes begin now.

    Upper and lower case, blanks and dashes do not matter.  Each code works once.  After five codes
    in 15 minutes that are not known there is a wait.

    \b
    Example:  copdns ticket redeem 7K3M-PQ9T --profile mia
    """
    before, after = home.redeemed(ticket_digest(code), profile)
    if as_json:
        print_json(grant_json(after.grants[-1]))
    else:
        tell(before, after)
