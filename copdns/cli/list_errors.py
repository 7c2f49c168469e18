"""What commands say about confirmed false positives of lists, without who asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from copdns.appeals.list_errors import CheckedEntry, check_entries
from copdns.cli.home import Home
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore

HEADERS = ("domain", "list", "category", "still listed", "blocked here")
_TOLD = 5  # lines of `lists status`


def checked_errors(home: Home) -> tuple[CheckedEntry, ...]:
    """Return the names, and how they stand by the lists that are here and the rules of now."""
    if not home.has_database:
        return ()
    household = home.household.id
    errors = home.with_store(
        lambda store: AppealStore(store).list_errors(household), HouseholdStore.open_or_copy
    )
    if not errors:
        return ()
    live = home.live()
    policies = (live.policy(household, each.id) for each in home.household.profiles)
    return check_entries(errors, home.library.index, policies, home.now)


def mistaken_row(each: CheckedEntry) -> tuple[str, ...]:
    error = each.error
    return error.name, error.list, error.category, _yes(each.still), _yes(each.closed)


def mistaken_json(errors: Iterable[CheckedEntry], slug: str = "") -> list[dict[str, object]]:
    """Return those of a list, or of all with ""."""
    return [
        {**each.error._asdict(), "still": each.still, "closed": each.closed}
        for each in errors
        if slug in ("", each.error.list)
    ]


def mistaken_lines(errors: Sequence[CheckedEntry]) -> Iterator[str]:
    """Say what lists name that they should not, for people."""
    still = [each for each in errors if each.still]
    for each in still[:_TOLD]:
        name, slug = each.error.name, each.error.list
        then = (
            f"it is blocked for someone: `copdns rule add allow {name}` allows it"
            if each.closed
            else "it stays allowed here"
        )
        yield f"{slug} contains {name}, a confirmed false positive; {then}"
    if len(still) > _TOLD:
        yield f"and {len(still) - _TOLD} more; see `copdns appeal errors`"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
