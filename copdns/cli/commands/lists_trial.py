"""`copdns lists log-only`: let a list only count for some days, or block now."""

from __future__ import annotations

import click

from copdns.cli.base import ID
from copdns.cli.commands.lists_update import lock_copies
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local_text
from copdns.list_files.log_only import require_countable, trial_line
from copdns.lists.log_only import MAX_DAYS, OFFERED_DAYS


@click.command("log-only")
@click.argument("slug", metavar="LIST", type=ID)
@click.option(
    "--days",
    type=click.IntRange(0, MAX_DAYS),
    default=OFFERED_DAYS,
    show_default=True,
    help="For how many days from now; 0: it blocks now.",
)
@pass_home
def log_only(home: Home, slug: str, days: int) -> None:
    """Let LIST only count what it would block, for some days.

    Until then it blocks nothing. `copdns lists status` shows how many queries it would have
    blocked, once three people or more had a part in that. Afterwards it blocks without anybody
    doing anything; `--days 0` lets it block now. Lists of malware and phishing always block. A
    running copdns follows within seconds.

    \b
    Example:  copdns lists log-only ut1-games --days 3
    """
    infos = {each.info.slug: each.info for each in home.catalogue.statuses}
    require_countable(infos.get(slug), slug)
    with lock_copies(home.lists.copies):
        home.lists.log_only.set_days(slug, days, home.now)
    home.note(trial_line(slug, days))
    until = home.lists.log_only.until(slug, home.now)
    if until is None:
        click.echo(f"{slug}: blocks now")
    else:
        click.echo(f"{slug}: only counts until {local_text(until, home.household.timezone)}")
