"""`copdns lists own`, `add`, `lines` and `remove`: lists of the household's own; `export`: what a
person may open, for another DNS server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import click

from copdns.as_json.own_lists import lines_json, own_json
from copdns.cli.base import ID, json_option, not_text_message
from copdns.cli.home import Home, pass_home
from copdns.cli.output import (
    count_text,
    local_text,
    print_json,
    print_listing,
    print_table,
    printable,
)
from copdns.cli.params import required_profile_option
from copdns.lists.own_lists import LineOutcome, LineReport, OwnList, count_outcomes
from copdns.model.errors import HouseholdError
from copdns.model.violations import no_such
from copdns.policy.zone_export import host_lines, zone_lines

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
        home.lists.own.all(),
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
    from copdns.list_files.own_list_edits import Wanted, history_line, keep_list

    before = _find(home, slug) if slug else None
    try:
        text = file.read()
    except UnicodeDecodeError:
        raise HouseholdError(not_text_message(file.name)) from None
    if category is None:
        category = before.category if before else ""
    kept = keep_list(
        home.lists.own,
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
    from copdns.list_files.own_list_edits import report_lines

    found = _find(home, slug)
    lists = home.lists.own
    _print_lines(found, report_lines(lists, found, lists.text(slug)), as_json, every=every)


@click.command("remove")
@click.argument("slug", metavar="LIST", type=ID)
@pass_home
def remove(home: Home, slug: str) -> None:
    """Remove LIST, a list of your own.

    \b
    Example:  copdns lists remove board-games
    """
    from copdns.list_files.own_list_edits import history_line, remove_list

    found = _find(home, slug)
    remove_list(home.lists.own, home.household, found)
    home.note(history_line(found, "removed"))
    click.echo(f"{slug}: removed")


@click.command("export")
@click.option("--rpz", "form", flag_value="rpz", help="Write a response policy zone.")
@click.option("--hosts", "form", flag_value="hosts", help="Write a hosts file.")
@required_profile_option("Whose rules and lists are written.")
@pass_home
def export(home: Home, form: str | None, profile: str) -> None:
    """Print what is open to someone, for another DNS server.

    The zone has the rules, lists, services and safe search of the profile, for unbound, BIND,
    Knot or PowerDNS. It has no times, no minutes and no temporary access, and says in a remark how
    many rules a zone cannot express. A hosts file has the blocked domains, without subdomains.

    \b
    Example:  copdns lists export --rpz --profile mia > mia.rpz
    """
    if form is None:
        raise click.UsageError("choose --rpz or --hosts")
    who = home.profile(profile)
    policy = home.make_snapshot().policy(home.household.id, who.id)
    title = f"copdns: the profile {printable(who.id)}, without times"
    serial = int(home.now) & 0xFFFFFFFF
    lines = host_lines(policy, title) if form == "hosts" else zone_lines(policy, serial, title)
    for line in lines:
        click.echo(line)


def _find(home: Home, slug: str) -> OwnList:
    there = {each.slug: each for each in home.lists.own.all()}
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
