"""`copdns lists own`, `add`, `lines` and `remove`: lists of the household's own; `log-only`: let a
list only count for some days, or block now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import click

from copdns.as_json.own_lists import lines_json, own_json
from copdns.cli.base import ID, json_option, not_text_message
from copdns.cli.commands.lists_update import lock_copies
from copdns.cli.home import Home, pass_home
from copdns.cli.output import count_text, local_text, print_json, print_listing, print_table
from copdns.list_files.log_only import require_countable, trial_line
from copdns.lists.log_only import MAX_DAYS, OFFERED_DAYS
from copdns.lists.own_lists import LineOutcome, LineReport, OwnList, count_outcomes
from copdns.model.errors import HouseholdError
from copdns.model.violations import no_such

_AUTO, _DOMAINS, _HOSTS, _ADBLOCK = "auto", "domains", "hosts", "adblock"


@click.command("own")
@json_option
@pass_home
def own(home: Home, as_json: bool) -> None:
    """List the lists that were pasted here.

    \b
    Example:  copdns lists own
    """
    zone = home.household.timezone
    print_listing(
        home.own_lists.all(),
        as_json,
        own_json,
        ("list", "title", "about", "format", "changed"),
        lambda each: (
            *(each.slug, each.title, each.category, each.format),
            local_text(each.changed_at, zone),
        ),
    )


@click.command("add")
@click.argument("title", metavar="TITLE")
@click.option(
    "--from",
    "file",
    type=click.File("r", encoding="utf-8"),
    required=True,
    help="The list; - reads what is pasted or piped in.",
)
@click.option("--category", type=ID, help="What it is about; else a category of its own.")
@click.option(
    "--format",
    "form",
    type=click.Choice([_AUTO, _DOMAINS, _HOSTS, _ADBLOCK]),
    default=_AUTO,
    show_default=True,
    help="How it is written.",
)
@click.option("--exact", is_flag=True, help="Leave subdomains alone.")
@click.option("--replace", "slug", type=ID, help="Put it in place of this list of your own.")
@json_option
@pass_home
def add(
    home: Home,
    title: str,
    file: IO[str],
    category: str | None,
    form: str,
    exact: bool,
    slug: str | None,
    as_json: bool,
) -> None:
    """Add a list of your own, called TITLE.

    Shows what happened to each line. The list has at most 200,000 characters, and passes the same
    gate as every list. It blocks for everyone who has its category blocked; a running copdns uses
    it within seconds.

    \b
    Example:  copdns lists add 'Board games' --from boards.txt --category games
    """
    from copdns.list_files.own_lists import Wanted, history_line, keep_list

    before = _find(home, slug) if slug else None
    try:
        text = file.read()
    except UnicodeDecodeError:
        raise HouseholdError(not_text_message(file.name)) from None
    if category is None:
        category = before.category if before else ""
    kept = keep_list(
        home.own_lists,
        Wanted(title, category, text, form, exact),
        home.catalogue,
        home.household,
        home.now,
        before,
    )
    home.note(history_line(kept.own, "changed" if before else "added"))
    _print_lines(kept.own, kept.lines, as_json, every=False)


@click.command("lines")
@click.argument("slug", metavar="LIST", type=ID)
@click.option("--all", "every", is_flag=True, help="Include the lines that are used.")
@json_option
@pass_home
def lines(home: Home, slug: str, every: bool, as_json: bool) -> None:
    """Show what happened to each line of LIST.

    LIST is a list of your own.

    \b
    Example:  copdns lists lines board-games
    """
    from copdns.list_files.own_lists import report_lines

    found = _find(home, slug)
    _print_lines(found, report_lines(found, home.own_lists.text(slug)), as_json, every=every)


@click.command("remove")
@click.argument("slug", metavar="LIST", type=ID)
@pass_home
def remove(home: Home, slug: str) -> None:
    """Remove LIST, a list of your own.

    \b
    Example:  copdns lists remove board-games
    """
    from copdns.list_files.own_lists import history_line, remove_list

    found = _find(home, slug)
    remove_list(home.own_lists, home.household, found)
    home.note(history_line(found, "removed"))
    click.echo(f"{slug}: removed")


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
    with lock_copies(home.copies):
        home.log_only.set_days(slug, days, home.now)
    home.note(trial_line(slug, days))
    until = home.log_only.until(slug, home.now)
    if until is None:
        click.echo(f"{slug}: blocks now")
    else:
        click.echo(f"{slug}: only counts until {local_text(until, home.household.timezone)}")


def _find(home: Home, slug: str) -> OwnList:
    there = {each.slug: each for each in home.own_lists.all()}
    if slug not in there:
        raise HouseholdError(no_such("list of your own", slug, there))
    return there[slug]


def _print_lines(
    found: OwnList, reports: Sequence[LineReport], as_json: bool, *, every: bool
) -> None:
    if as_json:
        print_json({**own_json(found), **lines_json(reports)})
        return
    counts = count_outcomes(reports)
    shown = [each for each in reports if every or each.outcome is not LineOutcome.TAKEN]
    if shown:
        print_table(
            ("line", "what it says", "what happened"),
            [
                (str(each.line), each.text, ": ".join(filter(None, (each.outcome, each.reason))))
                for each in shown
            ],
        )
    click.echo(
        f"{found.slug}: {count_text(counts[LineOutcome.TAKEN], 'line')} used, "
        f"{counts[LineOutcome.IGNORED]} ignored, {counts[LineOutcome.REFUSED]} refused"
    )
