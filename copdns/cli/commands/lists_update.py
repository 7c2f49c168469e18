"""`copdns lists update`: download lists now."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from copdns.as_json.plain import utc
from copdns.cli.base import ID, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_table, printable
from copdns.list_files.copies import Copies
from copdns.list_files.fetch import FetchOutcome, FetchResult, Progress, open_fetcher
from copdns.list_files.load import bundled_presets
from copdns.list_files.versions import vouched_names
from copdns.lists.download import MIB
from copdns.lists.source import Source
from copdns.model.errors import EXIT_FAILED, HouseholdError
from copdns.model.matchers import Matcher
from copdns.model.sentences import literal
from copdns.model.violations import no_such

OnOutcome = Callable[[FetchOutcome], None]


@click.command()
@click.argument("slugs", metavar="[LIST]...", type=ID, nargs=-1)
@click.option(
    "--smaller",
    is_flag=True,
    help="Accept lists that lost many of their domains; look at them first.",
)
@json_option
@pass_home
def update(home: Home, slugs: tuple[str, ...], smaller: bool, as_json: bool) -> None:
    """Download lists now: all that are used, or only some.

    A list that has not changed is not sent again. A list that cannot be downloaded, or that arrives
    damaged, stays as it was, and so does one whose new version differs so much that it is held: see
    `copdns lists diff`. A running copdns uses new lists within seconds. The exit code is 1 if
    a list could not be downloaded. The count is of domains in a list; `lists status` counts those
    in use, which never include protected domains.

    \b
    Example:  copdns lists update
    """
    sources = _choose_sources(home, slugs)
    vouched = vouched_names([home.household], bundled_presets().values())
    outcomes = _fetch_lists(home.lists.copies, sources, vouched, smaller=smaller, quiet=as_json)
    if as_json:
        print_json({"lists": [_outcome_json(each) for each in outcomes]})
    elif not outcomes:
        click.echo("no downloaded lists are in use; see sources.use")
    else:
        print_table(
            ("list", "result", "domains", "size", "why"), [_outcome_row(each) for each in outcomes]
        )
    failed = any(each.state.error for each in outcomes)
    click.get_current_context().exit(EXIT_FAILED if failed else 0)


def _choose_sources(home: Home, slugs: Sequence[str]) -> list[Source]:
    used = {each.slug: each for each in home.chosen_lists.sources}
    for slug in slugs:
        if slug not in used:
            unknown = no_such("list", slug, used)
            raise HouseholdError(
                literal(f"{unknown}; only lists that are used are downloaded, see sources.use")
            )
    return [used[slug] for slug in dict.fromkeys(slugs)] if slugs else list(used.values())


def _fetch_lists(
    copies: Copies,
    sources: Sequence[Source],
    vouched: Sequence[Matcher],
    *,
    smaller: bool,
    quiet: bool,
) -> list[FetchOutcome]:
    """Download lists, and return the outcomes in the order of the sources."""
    from copdns.list_files.updates import (
        fetch_all,  # imported here: it would slow down `copdns --help`
    )

    found: dict[str, FetchOutcome] = {}
    with lock_copies(copies), _show_progress(len(sources), quiet=quiet) as (progress, on_outcome):

        def note(outcome: FetchOutcome) -> None:
            found[outcome.slug] = outcome
            on_outcome(outcome)

        fetcher = open_fetcher(copies, time.time, progress=progress, vouched=vouched)
        asyncio.run(fetch_all(sources, fetcher, note, may_shrink=smaller))
    return [found[each.slug] for each in sources]


@contextmanager
def lock_copies(copies: Copies) -> Iterator[None]:
    """Hold the lock on copies; wait, and say so, while a running copdns downloads."""
    with copies.hold_lock(wait=False) as ours:
        if ours:
            yield
            return
    click.echo("copdns is downloading lists; waiting until it is done ...", err=True)
    with copies.hold_lock(wait=True):
        yield


@contextmanager
def _show_progress(count: int, *, quiet: bool) -> Iterator[tuple[Progress, OnOutcome]]:
    """Show progress on a terminal; yield callbacks for octets and for outcomes."""
    if quiet or not sys.stderr.isatty():
        yield (lambda _slug, _octets, _total: None), (lambda _outcome: None)
        return
    with click.progressbar(
        length=count, label="lists", file=sys.stderr, item_show_func=lambda text: text
    ) as bar:
        yield (
            lambda slug, octets, total: bar.update(0, _progress_text(slug, octets, total)),
            lambda outcome: bar.update(1, outcome.slug),
        )


def _progress_text(slug: str, octets: int, total: int | None) -> str:
    of = f" of {total / MIB:.1f}" if total else ""
    return f"{slug} {octets / MIB:.1f}{of} MiB"


def _outcome_row(outcome: FetchOutcome) -> tuple[str, ...]:
    state = outcome.state
    here = outcome.result is not FetchResult.MISSING
    size = f"{state.octets / MIB:.1f} MiB" if state.octets >= MIB // 10 else f"{state.octets} B"
    names = f"{state.names:,}" if here else ""
    return outcome.slug, outcome.result, names, size if here else "", printable(state.error)


def _outcome_json(outcome: FetchOutcome) -> dict[str, object]:
    state = outcome.state
    return {
        "list": outcome.slug,
        "result": outcome.result,
        "names": state.names,
        "octets": state.octets,
        "fetched_at": utc(state.fetched_at),
        "checked_at": utc(state.checked_at),
        "error": state.error,
    }
