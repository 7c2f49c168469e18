"""`copdns bonus`: extra minutes of a budget for one day."""

from __future__ import annotations

from datetime import date
from functools import partial

import click

from copdns.as_json.times import bonus_json
from copdns.cli.base import ParsedParam, json_option
from copdns.cli.changes import print_changes
from copdns.cli.commands.usage import line_of
from copdns.cli.home import AUTHOR, Home, pass_home
from copdns.cli.output import count_text, print_json
from copdns.cli.params import MINUTES, profile_argument
from copdns.household.edit_checks import require_profile
from copdns.household.time_edits import add_bonus
from copdns.household.time_shape import day as read_day
from copdns.model.errors import StoreError
from copdns.model.household import Household
from copdns.model.times import Extra


@click.command()
@profile_argument
@click.argument("budget", metavar="BUDGET")
@click.argument("minutes", metavar="MINUTES", type=MINUTES)
@click.option(
    "--credit",
    is_flag=True,
    help="Credit minutes that were counted by mistake.",
)
@click.option(
    "--day",
    metavar="DATE",
    type=ParsedParam("date", read_day),
    help="The day, such as 2026-11-28. Default: today.",
)
@json_option
@pass_home
def bonus(
    home: Home,
    profile: str,
    budget: str,
    minutes: int,
    credit: bool,
    day: date | None,
    as_json: bool,
) -> None:
    """Give a person extra minutes of a daily limit for one day.

    Adds MINUTES to the daily limit BUDGET, even after it is used up. A day starts when daily limits
    reset: if that is at four in the morning, an hour after midnight still belongs to the day
    before.

    \b
    Example:  copdns bonus mia mia-games 30
              copdns bonus mia mia-games 20 --credit
    """
    kind = Extra.CREDIT if credit else Extra.BONUS
    of_day = day or home.day_of(profile).day
    edit = partial(
        add_bonus,
        profile_id=profile,
        budget_id=budget,
        day=of_day,
        minutes=minutes,
        kind=kind,
        author=AUTHOR,
        at=home.now,
    )
    what = f"{kind} of {count_text(minutes, 'minute')} of {budget} for {profile} on {of_day}"
    before, after = home.apply_change(what, edit)
    if as_json:
        print_json(bonus_json(after.bonuses[-1]))
    else:
        print_changes(before, after)
        if of_day == home.day_of(profile).day:
            click.echo(_remaining_text(home, after, profile, budget))


def _remaining_text(home: Home, household: Household, profile: str, budget: str) -> str:
    """Return what is left, the bonus included; that may still be nothing."""
    found = next(each for each in household.budgets if each.id == budget)
    try:
        line = line_of(home, household, require_profile(household, profile), found)
    except StoreError as error:
        return f"how much is left is unknown: {error}"
    if line is None:
        return f"only {profile} sees how much of it is left"
    if line.total is None:
        return "there is no limit today, with or without it"
    if not line.left:
        return f"still nothing left: {line.used.likely} minutes counted, of {line.total}"
    total = count_text(line.total, "minute")
    return f"left today, as last counted: {line.left} of {total}"
