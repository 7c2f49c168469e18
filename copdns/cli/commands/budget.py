"""`copdns budget`: for how many minutes a day something may be used."""

from __future__ import annotations

from functools import partial

import click

from copdns.cli.base import ID, Read
from copdns.cli.home import Home, pass_home
from copdns.cli.params import (
    about_option,
    duration,
    grace_option,
    note_option,
    profile_option,
    scope_of,
    tag_option,
    warn_of_nobody,
)
from copdns.cli.time_words import budget_text
from copdns.household.time_edits import add_period, remove_period
from copdns.household.time_shape import day_word
from copdns.model.times import DAY_MINUTES, EVERY_DAY, Budget, Subject


def minutes_by_day(text: str) -> tuple[tuple[str, int], ...]:
    """Read `60`, or `school=60,weekend=2h`; raise ValueError."""
    if "=" not in text:
        return ((EVERY_DAY, _minutes(text)),)
    pairs = []
    for part in text.split(","):
        word, is_there, minutes = part.partition("=")
        if not is_there:
            raise ValueError(
                f"{part.strip()!r} does not name its days; write school=60,weekend=120"
            )
        pairs.append((day_word(word.strip()), _minutes(minutes)))
    return tuple(pairs)


def _minutes(text: str) -> int:
    """Return 0 to 1440 minutes."""
    minutes = duration(text)
    if minutes > DAY_MINUTES:
        raise ValueError(f"{text.strip()!r} is more than a day; write at most {DAY_MINUTES}")
    return minutes


@click.group()
def budget() -> None:
    """Set daily time limits.

    `copdns usage` shows the minutes used; `copdns schedule show` shows the limits.
    """


@budget.command()
@click.argument("budget", metavar="ID", type=ID)
@click.argument("minutes", metavar="MINUTES", type=Read("minutes", minutes_by_day))
@profile_option(
    "For one person. Without --profile and --tag: for everyone, each person separately."
)
@tag_option
@about_option
@click.option("--carry-over", is_flag=True, help="Add unused minutes to the next day.")
@grace_option
@note_option
@pass_home
def add(
    home: Home,
    budget: str,
    minutes: tuple[tuple[str, int], ...],
    profile: str,
    tag: str,
    about: tuple[Subject, ...],
    carry_over: bool,
    grace: int,
    note: str,
) -> None:
    """Limit something to MINUTES a day.

    The limit covers all devices of a person together. MINUTES is 60, or minutes for kinds of days:
    school=60,weekend=120. Days that match none have no limit. Minutes are estimated from queries;
    docs/usage.md says how accurate that is.

    \b
    Example:  copdns budget add mia-games 60 --profile mia --about category:games
              copdns budget add films school=0,weekend=2h --tag children --about service:netflix
    """
    made = Budget(
        budget,
        scope_of(profile, tag),
        minutes,
        tuple(dict.fromkeys(about)),
        carry_over,
        grace,
        note,
    )
    edit = partial(add_period, made=made, known=home.known)
    home.change(f"budget {budget} added: {budget_text(made)}", edit)
    warn_of_nobody(home.household, made.scope)


@budget.command()
@click.argument("budget", metavar="ID")
@pass_home
def remove(home: Home, budget: str) -> None:
    """Remove a daily limit, and the bonus minutes given for it.

    \b
    Example:  copdns budget remove mia-games
    """
    home.change(f"budget {budget} removed", partial(remove_period, kind=Budget, key=budget))
