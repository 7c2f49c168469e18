"""`copdns bedtime`: tonight's bedtime of one person, earlier or later this night only."""

from __future__ import annotations

from functools import partial

import click

from copdns.as_json.times import bedtime_json
from copdns.cli.base import json_option
from copdns.cli.changes import print_changes
from copdns.cli.home import AUTHOR, Home, pass_home
from copdns.cli.output import local_text, print_json
from copdns.cli.params import profile_argument
from copdns.household.edit_checks import parse_field, require_profile
from copdns.household.time_edits import move_bedtime
from copdns.household.time_shape import clock
from copdns.model.household import Household
from copdns.time.bedtime import Bedtime, moment_tonight, tonights_bedtime
from copdns.time.days import zone_of
from copdns.time.moments import moment_text


@click.command()
@profile_argument
@click.argument("at", metavar="[TIME]", default="")
@click.option("--usual", is_flag=True, help="Let it begin as usual.")
@json_option
@pass_home
def bedtime(home: Home, profile: str, at: str, usual: bool, as_json: bool) -> None:
    """Show tonight's bedtime of a person, or move it for this night.

    A bedtime is what turns everything off over the coming night. TIME is when it begins tonight, 4
    hours earlier or later than usual at most. Tomorrow it is as usual.

    \b
    Example:  copdns bedtime mia
              copdns bedtime mia 20:30
              copdns bedtime mia --usual
    """
    if at and usual:
        raise click.UsageError("give either TIME or --usual")
    person = require_profile(home.household, profile)
    tonight = tonights_bedtime(home.household, person, home.now)
    before = after = home.household
    if at or (usual and tonight is not None and tonight.is_moved):
        before, after = _move(home, profile, tonight, parse_field(clock, at) if at else None)
    if as_json:
        print_json(bedtime_json(_tonight(after, profile, home.now)))
        return
    if after != before:
        print_changes(before, after)
    else:
        click.echo(_bedtime_text(_tonight(after, profile, home.now), home.local(profile).timezone))


def _move(
    home: Home, profile: str, tonight: Bedtime | None, minute: int | None
) -> tuple[Household, Household]:
    """Move tonight's bedtime.  minute: of the day; None for the usual time."""
    zone, start = home.local(profile).timezone, home.now
    if tonight is not None:
        start = tonight.usual
        if minute is not None:
            start = moment_tonight(tonight, minute, zone_of(zone))
    is_usual = tonight is not None and start == tonight.usual
    when = "as usual" if is_usual else f"at {moment_text(start, zone, home.now)}"
    edit = partial(move_bedtime, profile_id=profile, at=start, now=home.now, author=AUTHOR)
    return home.apply_change(f"tonight's bedtime of {profile} {when}", edit)


def _tonight(household: Household, profile: str, now: float) -> Bedtime | None:
    return tonights_bedtime(household, require_profile(household, profile), now)


def _bedtime_text(tonight: Bedtime | None, zone: str) -> str:
    if tonight is None:
        return "nothing turns everything off over the coming night"
    usual = f" (usually {local_text(tonight.usual, zone)[-5:]})" if tonight.is_moved else ""
    start, end = local_text(tonight.start, zone), local_text(tonight.end, zone)
    return f"bedtime from {start}{usual} until {end}"
