"""`copdns lists`: which lists are used, and which of them contain a domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from copdns.as_json.lists import NO_TRIAL_JSON, entry_json, status_json, trial_json
from copdns.cli.base import NAME, json_option
from copdns.cli.commands.lists_audit import audit_command, score
from copdns.cli.commands.lists_own import add, export, lines, own, remove
from copdns.cli.commands.lists_update import update
from copdns.cli.commands.lists_versions import (
    accept,
    diff_command,
    log_only,
    refuse,
    rollback,
)
from copdns.cli.home import Home, pass_home
from copdns.cli.list_downloads import ListDownloads
from copdns.cli.list_errors import check_list_errors, list_error_lines, list_errors_json
from copdns.cli.output import local_text, print_json, print_table, printable
from copdns.list_files.copies import NOT_HERE
from copdns.lists.index import FoundEntry, ListKind, find_shown
from copdns.lists.log_only_book import LogOnly
from copdns.lists.small_index import ListStatus
from copdns.model.names import display
from copdns.model.scripts import shown_name
from copdns.privacy.list_counts import trial_count, week_of

_KIND_TEXT = {
    ListKind.LOCAL: "local name",
    ListKind.CANARY: "canary domain",
    ListKind.LEGAL: "legal order",
    ListKind.PROTECTED: "protected",
    ListKind.SECURITY: "security",
    ListKind.BYPASS: "bypass",
    ListKind.SERVICE: "service",
    ListKind.CATEGORY: "category",
    ListKind.NO_SAFE_SEARCH: "search engine without a safe mode",
    ListKind.BEACON: "queried by devices automatically",
}

_LISTED_KINDS = frozenset({ListKind.SECURITY, ListKind.CATEGORY, ListKind.BYPASS})


@click.group()
def lists() -> None:
    """List, update and search blocklists."""


for command in (
    *(audit_command, export, update, diff_command, accept, refuse, rollback, log_only),
    *(score, own, add, lines, remove),
):
    lists.add_command(command)


@lists.command()
@click.option(
    "--all", "every", is_flag=True, help="Include services, protected groups and signals."
)
@json_option
@pass_home
def status(home: Home, every: bool, as_json: bool) -> None:
    """List the blocklists, and whether each is in use.

    Shows what each list is about, its size, licence and maintainer, and how long ago its server
    last confirmed that the copy here is current. If some lists could not be compiled, the sizes are
    of the lists in use, and a line says which lists and why. Lines that were not used are counted
    by reason; docs/lists.md explains the reasons. A list that contains a confirmed false positive
    is reported. --json shows all lists.

    \b
    Example:  copdns lists status
    """
    uncompiled = home.uncompiled_lists
    statuses = (uncompiled.catalogue if uncompiled else home.catalogue).statuses
    not_compiled = uncompiled.slugs if uncompiled else ()
    downloads = ListDownloads.of(home)
    if as_json:
        errors, trials = check_list_errors(home), _trials_json(home)
        print_json(
            [
                status_json(each)
                | downloads.as_json(each.info.slug)
                | {"compiled": each.info.slug not in not_compiled}
                | trials.get(each.info.slug, NO_TRIAL_JSON)
                | {"errors": list_errors_json(errors, each.info.slug)}
                for each in statuses
            ]
        )
        return
    found = [each for each in statuses if every or each.info.kind in _LISTED_KINDS]
    headers: tuple[str, ...] = (
        *("list", "kind", "about", "used", "unused", "age"),
        *("licence", "maintainer", "version"),
    )
    rows = [_status_row(each, downloads) for each in found]
    if every:
        headers = (*headers, "source")
        rows = [
            (*row, downloads.url(each.info.slug)) for row, each in zip(rows, found, strict=True)
        ]
    print_table(headers, rows)
    if len(found) < len(statuses):
        click.echo(
            f"{len(statuses) - len(found)} services, protected groups and signals are not shown; "
            "use --all"
        )
    problems = [line for each in statuses for line in _problem_lines(each)]
    false_positives = list_error_lines(check_list_errors(home))
    for line in (
        *problems,
        *((str(uncompiled),) if uncompiled else ()),
        *downloads.lines(),
        *_trial_lines(home),
        *false_positives,
    ):
        click.echo(printable(line))


def _trial_counts(home: Home) -> Iterator[tuple[str, LogOnly, int | None]]:
    """Yield each list that only counts, with its period, and how many queries it would have
    blocked; None: not enough people had a part in that."""
    book = {slug: each for slug, each in home.lists.log_only.book.items() if each.until > home.now}
    if not book:
        return
    first = week_of(min(each.since for each in book.values()))
    counts = home.log.list_counts(home.household.id, first)
    for slug, each in sorted(book.items()):
        yield slug, each, trial_count(counts, slug, each.since)


def _trials_json(home: Home) -> dict[str, dict[str, object]]:
    return {slug: trial_json(each.until, n) for slug, each, n in _trial_counts(home)}


def _trial_lines(home: Home) -> Iterator[str]:
    for slug, each, n in _trial_counts(home):
        until = local_text(each.until, home.household.timezone)
        so_far = "too few people yet" if n is None else f"{n:,}"
        yield f"{slug}: only counts until {until}; queries that it would have blocked: {so_far}"


def _status_row(status: ListStatus, downloads: ListDownloads) -> tuple[str, ...]:
    info = status.info
    unused = ", ".join(f"{count} {reason}" for reason, count in sorted(status.unused.items()))
    size = str(status.used_count)
    if status.error:
        size = "not here" if status.error == NOT_HERE else "broken"
    age = downloads.age(info.slug)
    about = (info.slug, info.kind, info.subject)
    return (*about, size, unused, age, info.licence, info.maintainer, info.version)


def _problem_lines(status: ListStatus) -> Iterable[str]:
    if status.error and status.error != NOT_HERE:
        yield f"{status.info.slug} is not loaded: {status.error}"
    for problem in status.problems:
        yield f"{status.info.slug}, line {problem.line}: {problem.reason}: {problem.text}"
    for held in status.held:
        yield f"{status.info.slug}, left out: {held.reason}: {shown_name(held.entry)}"


@lists.command()
@click.argument("name", type=NAME)
@json_option
@pass_home
def search(home: Home, name: str, as_json: bool) -> None:
    """Show which lists contain NAME, and the matching entry.

    Services, protected groups and signals are lists too. To see whether NAME is blocked for
    someone, use `copdns check NAME`.

    \b
    Example:  copdns lists search www.tiktok.com
    """
    index = home.make_snapshot().contexts[home.household.id].index
    found = find_shown(index, name)
    engines = [each.title for each in home.catalogue.engines.values() if name in each.hosts]
    if as_json:
        entries = [entry_json(each) for each in found]
        print_json({"name": name, "entries": entries, "search_engines": engines})
        return
    rows = [
        (each.info.slug, _KIND_TEXT[each.info.kind], each.info.subject, _entry_text(each))
        for each in found
    ]
    if rows:
        print_table(("list", "kind", "about", "entry"), rows)
    else:
        click.echo(f"no list contains {printable(display(name))}")
    for title in engines:
        click.echo(f"safe search: belongs to {title}")


def _entry_text(found: FoundEntry) -> str:
    text = printable(shown_name(found.text))
    return f"{text} (an exception: not blocked by this list)" if found.entry.allow else text
