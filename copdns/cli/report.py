"""`copdns report`: what the filter did in a month, in counts, for the family to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple

import click

from copdns import audited
from copdns.accounts import View
from copdns.appeal import Appeal
from copdns.as_json.plain import utc
from copdns.cli.base import Read, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local, pairs, print_json, safe, table
from copdns.discreet import discreet
from copdns.keep import CountKey
from copdns.library import discreet_names
from copdns.lists.index import ListKind
from copdns.lists.shelf import ListStatus
from copdns.model import PrivacyMode
from copdns.store.appeals import AppealStore
from copdns.store.household import HouseholdStore
from copdns.store.querylog import QueryLog
from copdns.transparency import SMALL, Appeals, Month, Person, appeals_of, month_of, people_of
from copdns.vouched import ListError, still_listed

FORMAT = 1
_EVERY = 100_000
_SHOWN = frozenset({ListKind.SECURITY, ListKind.CATEGORY, ListKind.BYPASS})


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError:
        raise ValueError(f"{text!r} is no month; write one such as 2026-11") from None


@click.command()
@click.option(
    "--month",
    metavar="YYYY-MM",
    type=Read("month", _month),
    help="Which month; this one, as far as it is, without.",
)
@json_option
@pass_home
def report(home: Home, month: date | None, as_json: bool) -> None:
    """Show what the filter did in a month, in counts.

    What was closed for each child by category, the minutes that were used, how appeals were
    answered and how fast, and what lists close wrongly.  There is no name that was looked up in it,
    nothing about adults, and no number below 5: it can be shown to the whole family.  Each child
    sees that its counts were looked at.  Counts are kept for 30 days; look by then.

    \b
    Example:  copdns report --month 2026-11
    """
    home.look("", View.COUNTS, View.USAGE)
    of = month_of(month or home.day.day, home.household.timezone)
    people = people_of(home.household, _counts(home, of), home.usage(of.first), of, home.now)
    found, errors = _stored(home)
    answered = appeals_of(found, of)
    lists = tuple(_lists(home, errors))
    if as_json:
        print_json(_as_json(home, of, people, answered, lists))
    else:
        _print(home, of, people, answered, lists)


def _counts(home: Home, month: Month) -> tuple[tuple[CountKey, int], ...]:
    """Return counts as guardians see them."""
    hidden = discreet(discreet_names(), home.library)
    return hidden.counts(QueryLog(home.folder).counts(home.household.id, None, month.start))


def _stored(home: Home) -> tuple[tuple[Appeal, ...], tuple[ListError, ...]]:
    if not home.has_database:
        return (), ()
    household = home.household.id

    async def read(store: HouseholdStore) -> tuple[tuple[Appeal, ...], tuple[ListError, ...]]:
        appeals = AppealStore(store)
        return (
            await appeals.appeals(household, limit=_EVERY),
            await appeals.list_errors(household),
        )

    return home.with_store(read, HouseholdStore.open_or_copy)


class Listed(NamedTuple):
    """A list in use.  errors: names that it was decided to name wrongly; still: that it names yet.
    percent: of names that should be open, how many it closes; None where nobody looked."""

    status: ListStatus
    errors: int
    still: int
    percent: float | None


def _lists(home: Home, errors: Iterable[ListError]) -> Iterator[Listed]:
    """Yield the lists that people choose, and what is known to be wrong with them."""
    index, found = home.library.index, audited.kept(home.folder)
    wrong = Counter(each.list for each in errors)
    still = Counter(each.list for each in errors if still_listed(each, index))
    for each in home.library.statuses:
        slug = each.info.slug
        if each.info.kind in _SHOWN and not each.error:
            percent = found.percent(slug) if found else None
            yield Listed(each, wrong[slug], still[slug], percent)


def _as_json(
    home: Home,
    month: Month,
    people: Iterable[Person],
    appeals: Appeals,
    lists: Iterable[Listed],
) -> dict[str, object]:
    return {
        "format": FORMAT,
        "month": str(month),
        "from": utc(month.start),
        "until": utc(min(month.end, home.now)),
        "counted_from": utc(_counted_from(home, month)),
        "people": [
            {
                "profile": each.profile,
                "mode": each.mode,
                "asked": each.asked,
                "blocked": each.blocked,
                "closed": [{"about": about, "n": n} for about, n in each.closed],
                "minutes": dict(each.minutes),
            }
            for each in people
        ],
        "appeals": {
            "asked": appeals.asked,
            "states": {str(state): n for state, n in appeals.states.items()},
            "answered": appeals.answered,
            "granted_percent": appeals.granted_percent,
            "median_hours": appeals.hours,
            "overdue": appeals.overdue,
            "opened_meanwhile": appeals.opened,
            "disagreed": appeals.again,
        },
        "lists": [
            {
                "list": each.status.info.slug,
                "version": each.status.info.version,
                "licence": each.status.info.licence,
                "names": each.status.used,
                "errors": each.errors,
                "still": each.still,
                "overblocking_percent": each.percent,
            }
            for each in lists
        ],
    }


def _counted_from(home: Home, month: Month) -> float:
    """Return since when counts are here: those before were deleted."""
    return max(month.start, home.now - home.settings.log.counts_days * 86_400)


def _print(
    home: Home,
    month: Month,
    people: Iterable[Person],
    appeals: Appeals,
    lists: Iterable[Listed],
) -> None:
    zone = home.household.timezone
    end = min(month.end, home.now)
    click.echo(safe(f"{home.household.name}, {month} (until {local(end, zone)})"))
    since = _counted_from(home, month)
    if since >= end:
        click.echo("Look-ups of that month are not counted any more, so they are missing here.")
    elif since > month.start:
        click.echo(f"Look-ups are counted from {local(since, zone)} on; before, they are deleted.")
    _print_people(home, tuple(people))
    _print_appeals(appeals)
    click.echo("\nLists in use, and what they close wrongly")
    rows = [
        (
            each.status.info.slug,
            each.status.info.version,
            each.status.info.licence,
            str(each.errors),
            str(each.still),
            "" if each.percent is None else f"{each.percent:.1f} %",
        )
        for each in lists
    ]
    table(("list", "version", "licence", "errors found", "still there", "over-blocking"), rows)


def _print_people(home: Home, people: tuple[Person, ...]) -> None:
    click.echo(f"\nLook-ups of children (below {SMALL}: few)")
    table(
        ("profile", "kept", "asked", "closed"),
        [(e.profile, str(e.mode), _n(e, e.asked), _n(e, e.blocked)) for e in people],
    )
    closed = [(e.profile, about, _n(e, n)) for e in people for about, n in e.closed]
    if closed:
        click.echo("\nClosed, by what it is about")
        table(("profile", "about", "look-ups"), closed)
    used = [(e.profile, budget, str(n)) for e in people for budget, n in e.minutes]
    if used:
        click.echo("\nMinutes, as estimated")
        table(("profile", "budget", "minutes"), used)


def _n(person: Person, n: int | None) -> str:
    if n is not None:
        return str(n)
    return "nothing is kept" if person.mode is PrivacyMode.OFF else "few"


def _print_appeals(appeals: Appeals) -> None:
    click.echo("\nAppeals that were asked")
    hours = appeals.hours
    states = ", ".join(f"{n} {state}" for state, n in appeals.states.items())
    pairs(
        [
            ("asked", str(appeals.asked)),
            ("as they stand", states),
            ("answered", str(appeals.answered)),
            ("got all or a part", _percent(appeals.granted_percent)),
            ("half of the answers came within", "" if hours is None else f"{hours:g} h"),
            ("told as overdue", str(appeals.overdue)),
            ("open until they were answered", str(appeals.opened)),
            ("the child still disagreed", str(appeals.again)),
        ]
    )


def _percent(n: int | None) -> str:
    return "" if n is None else f"{n} %"
