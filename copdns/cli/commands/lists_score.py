"""`copdns lists score`: what each list blocked week by week, and what it took wrongly."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from copdns.as_json.lists import score_json
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_table
from copdns.privacy.list_counts import week_start
from copdns.privacy.list_scores import score_lists


@click.command()
@click.argument("slugs", metavar="[LIST]...", nargs=-1)
@json_option
@pass_home
def score(home: Home, slugs: tuple[str, ...], as_json: bool) -> None:
    """Show how each list did, week by week, for eight weeks.

    BLOCKED are queries, and only where three people or more had a part in them; WRONG are domains
    that you confirmed as a list's mistake; LEFT OUT are entries that the gate refused. PER 1000 is
    what is wrong or left out of 1,000 entries. A running copdns notes each week on its own.

    \b
    Example:  copdns lists score ut1-games
    """
    counts = home.log.list_counts(home.household.id, 0)
    found = [
        each
        for each in score_lists(home.catalogue.statuses, counts)
        if (each.weeks and not slugs) or each.list in slugs
    ]
    if as_json:
        print_json([score_json(each) for each in found])
        return
    rows = [
        (
            each.list,
            each.label,
            f"{datetime.fromtimestamp(week_start(week.week), UTC):%Y-%m-%d}",
            *map(_text, (week.caught, week.wrong, week.left_out, week.entries)),
            "" if week.wrong_share is None else f"{week.wrong_share:.1f}",
        )
        for each in found
        for week in each.weeks
    ]
    if rows:
        headers = ("list", "category", "week from", "blocked", "wrong", "left out", "entries")
        print_table((*headers, "per 1000"), rows)
    else:
        click.echo("nothing is noted yet; a running copdns notes each week on its own")


def _text(n: int | None) -> str:
    return "" if n is None else f"{n:,}"
