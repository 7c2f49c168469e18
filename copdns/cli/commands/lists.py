"""`copdns lists`: which lists are in force, and which of them hold a name."""

from __future__ import annotations

from collections.abc import Iterable

import click

from copdns.as_json.lists import entry_json, status_json
from copdns.cli.base import NAME, json_option
from copdns.cli.commands.lists_audit import audit_command
from copdns.cli.commands.lists_update import update
from copdns.cli.fetched import Fetched
from copdns.cli.home import Home, pass_home
from copdns.cli.list_errors import checked_errors, mistaken_json, mistaken_lines
from copdns.cli.output import print_json, safe, table
from copdns.list_files.copies import NOT_HERE
from copdns.lists.index import Entry, ListKind
from copdns.lists.small_index import ListStatus
from copdns.model.matchers import Matcher
from copdns.model.names import display

_KINDS = {
    ListKind.LOCAL: "a name of this house",
    ListKind.CANARY: "a signal to devices",
    ListKind.LEGAL: "a legal order",
    ListKind.PROTECTED: "protected",
    ListKind.SECURITY: "security",
    ListKind.BYPASS: "a way round the filter",
    ListKind.SERVICE: "service",
    ListKind.CATEGORY: "category",
    ListKind.NO_SAFE_SEARCH: "search without a safe mode",
    ListKind.BEACON: "asked for by devices themselves",
}

_SHOWN = frozenset({ListKind.SECURITY, ListKind.CATEGORY, ListKind.BYPASS})


@click.group()
def lists() -> None:
    """See which lists there are, and what they hold."""


lists.add_command(audit_command)
lists.add_command(update)


@lists.command()
@click.option("--all", "every", is_flag=True, help="Services, protected groups and signals too.")
@json_option
@pass_home
def status(home: Home, every: bool, as_json: bool) -> None:
    """Show every list, and whether it is in force.

    Shown are what it is about, its size, licence and keeper, and how long ago its server last said
    that the copy here is the newest.  While lists are here that could not be compiled, the sizes
    are of those that count, and a line says which and why.  Lines that were not used are counted by
    reason; docs/lists.md explains the reasons.  A list that names what it was decided here to name
    wrongly is told.  With --json all lists are shown.

    \b
    Example:  copdns lists status
    """
    waiting = home.waiting
    statuses = (waiting.library if waiting else home.library).statuses
    behind = waiting.slugs if waiting else ()
    fetched = Fetched.of(home)
    if as_json:
        errors = checked_errors(home)
        print_json(
            [
                status_json(each)
                | fetched.as_json(each.info.slug)
                | {"compiled": each.info.slug not in behind}
                | {"errors": mistaken_json(errors, each.info.slug)}
                for each in statuses
            ]
        )
        return
    found = [each for each in statuses if every or each.info.kind in _SHOWN]
    headers: tuple[str, ...] = (
        *("list", "kind", "about", "used", "unused", "age"),
        *("licence", "maintainer", "version"),
    )
    rows = [_status_row(each, fetched) for each in found]
    if every:
        headers = (*headers, "source")
        rows = [(*row, fetched.url(each.info.slug)) for row, each in zip(rows, found, strict=True)]
    table(headers, rows)
    if len(found) < len(statuses):
        click.echo(
            f"and {len(statuses) - len(found)} of services, protected groups and signals: see --all"
        )
    troubles = [line for each in statuses for line in _troubles(each)]
    mistakes = mistaken_lines(checked_errors(home))
    for line in (*troubles, *((str(waiting),) if waiting else ()), *fetched.lines(), *mistakes):
        click.echo(safe(line))


def _status_row(status: ListStatus, fetched: Fetched) -> tuple[str, ...]:
    info = status.info
    unused = ", ".join(f"{count} {reason}" for reason, count in sorted(status.unused.items()))
    size = str(status.used)
    if status.error:
        size = "not here" if status.error == NOT_HERE else "broken"
    age = fetched.age(info.slug)
    about = (info.slug, info.kind, info.subject)
    return (*about, size, unused, age, info.licence, info.maintainer, info.version)


def _troubles(status: ListStatus) -> Iterable[str]:
    if status.error and status.error != NOT_HERE:
        yield f"{status.info.slug} is not in force: {status.error}"
    for problem in status.problems:
        yield f"{status.info.slug}, line {problem.line}: {problem.reason}: {problem.text}"


@lists.command()
@click.argument("name", type=NAME)
@json_option
@pass_home
def search(home: Home, name: str, as_json: bool) -> None:
    """Say which lists hold a NAME, by which entry.

    Services, protected groups and signals are lists too.  Whether that blocks anybody is another
    question: `copdns check NAME` answers it.

    \b
    Example:  copdns lists search www.tiktok.com
    """
    index = home.live().contexts[home.household.id].index
    found = [(entry, index.infos[entry.list]) for entry in index.find(name)]
    engines = [each.title for each in home.library.engines.values() if name in each.hosts]
    if as_json:
        entries = [entry_json(*each) for each in found]
        print_json({"name": name, "entries": entries, "search_engines": engines})
        return
    rows = [
        (info.slug, _KINDS[info.kind], info.subject, _entry_text(entry)) for entry, info in found
    ]
    if rows:
        table(("list", "kind", "about", "by the entry"), rows)
    else:
        click.echo(f"no list holds {safe(display(name))}")
    for title in engines:
        click.echo(f"safe search: a host of {title}")


def _entry_text(entry: Entry) -> str:
    matcher = str(Matcher(entry.name, entry.match))
    return f"{matcher} (an exception: not blocked by this list)" if entry.allow else matcher
