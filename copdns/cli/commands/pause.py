"""`copdns pause` and `timer`: pause internet access for one person, and timers of people's own."""

from __future__ import annotations

from functools import partial

import click

from copdns.as_json.times import pause_json, timer_json
from copdns.cli.base import json_option
from copdns.cli.changes import print_changes
from copdns.cli.home import AUTHOR, Home, pass_home
from copdns.cli.output import local_text, print_json, print_listing
from copdns.cli.params import complete_profile, ending_options, parse_end
from copdns.cli.time_words import pause_end
from copdns.household.time_edits import pause as pausing
from copdns.household.time_edits import unpause
from copdns.model.household import Household
from copdns.model.times import PauseSpan


@click.command()
@click.argument("profile", metavar="[ID]", default="", shell_complete=complete_profile)
@ending_options
@click.option("--homework", is_flag=True, help="Homework mode: keep learning sites available.")
@click.option("--end", is_flag=True, help="End the pause.")
@json_option
@pass_home
def pause(
    home: Home,
    profile: str,
    lasts: int | None,
    until: str | None,
    homework: bool,
    end: bool,
    as_json: bool,
) -> None:
    """Pause all internet access for a person. Without ID, list current pauses.

    A pause starts now and replaces an earlier one. Without --for or --until it lasts until someone
    ends it. Help sites and what is always allowed for the person keep working. So does what `copdns
    grant` with `--lifts time` allows after the pause began.

    \b
    Example:  copdns pause mia --for 30m
              copdns pause mia --until 18:00 --homework
              copdns pause mia --end
    """
    has_end = lasts is not None or until is not None
    if not profile:
        if has_end or homework or end:
            raise click.UsageError("say who: copdns pause ID")
        _print_pauses(home, as_json)
        return
    if end and (has_end or homework):
        raise click.UsageError("--end cannot be combined with other options")
    if end:
        before, after = home.apply_change(
            f"pause of {profile} ended", partial(unpause, profile_id=profile, now=home.now)
        )
    else:
        before, after = _begin_pause(home, profile, lasts, until, homework)
    if as_json:
        found = _pause_of(after, profile)
        print_json(pause_json(found) if found else None)
    else:
        print_changes(before, after)


def _begin_pause(
    home: Home, profile: str, lasts: int | None, until: str | None, homework: bool
) -> tuple[Household, Household]:
    zone = home.local(profile).timezone
    at = parse_end(lasts, until, zone, home.now, home.now)
    until_text = "until somebody ends it" if at is None else f"until {local_text(at, zone)}"
    mode = " for homework" if homework else ""
    edit = partial(
        pausing,
        profile_id=profile,
        start=home.now,
        end=None if at is None else int(at),
        homework=homework,
        author=AUTHOR,
    )
    return home.apply_change(f"{profile} paused{mode} {until_text}", edit)


def _pause_of(household: Household, profile: str) -> PauseSpan | None:
    return next((each for each in household.pauses if each.profile == profile), None)


def _print_pauses(home: Home, as_json: bool) -> None:
    """Print current pauses."""
    zone = home.household.timezone
    print_listing(
        [each for each in home.household.pauses if each.end is None or each.end > home.now],
        as_json,
        pause_json,
        ("profile", "since", "until", "homework"),
        lambda each: (
            each.profile,
            local_text(each.start, zone),
            pause_end(each, zone),
            "yes" if each.homework else "",
        ),
    )


@click.group()
def timer() -> None:
    """Show timers that people started for themselves."""


@timer.command("list")
@json_option
@pass_home
def timer_list(home: Home, as_json: bool) -> None:
    """List the timers that run.

    Only who started one can end it. Those of people whose privacy mode is `counts` or `off` are
    theirs alone, and not listed. A timer is in the memory of the running copdns: without it there
    is none.

    \b
    Example:  copdns timer list
    """
    print_listing(
        sorted(home.own_timers.items()),
        as_json,
        lambda each: timer_json(each[0][1], each[1]),
        ("profile", "kind", "about", "started", "minutes over", "forgotten"),
        lambda each: (
            *(each[0][1], each[1].kind, each[1].topic),
            *(
                local_text(moment, home.local(each[0][1]).timezone)
                for moment in (each[1].start, each[1].end, each[1].until)
            ),
        ),
    )
