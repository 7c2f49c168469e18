"""What commands say about confirmed false positives of lists; never whose request it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from copdns.appeals.list_errors import CheckedEntry, check_entries
from copdns.cli.home import Home
from copdns.model.scripts import shown_name
from copdns.store.household_db.appeals import AppealStore

HEADERS = ("domain", "list", "category", "still listed", "blocked here")
_MAX_LINES = 5  # lines of `lists status`


def check_list_errors(home: Home) -> tuple[CheckedEntry, ...]:
    """Return the confirmed false positives, checked against the current lists and rules."""
    if not home.has_database:
        return ()
    household = home.household.id
    errors = home.with_store(
        lambda store: AppealStore(store).list_errors(household), is_reading=True
    )
    if not errors:
        return ()
    snapshot = home.make_snapshot()
    policies = (snapshot.policy(household, each.id) for each in home.household.profiles)
    return check_entries(errors, home.catalogue.index, policies, home.now)


def list_error_row(each: CheckedEntry) -> tuple[str, ...]:
    """Return name, list, category, whether the list still has it, and whether it blocks anybody."""
    error = each.error
    return (
        shown_name(error.name),
        error.list,
        error.category,
        _yes_or_no(each.still),
        _yes_or_no(each.closed),
    )


def list_errors_json(errors: Iterable[CheckedEntry], slug: str = "") -> list[dict[str, object]]:
    """Return the false positives of one list; "": of all."""
    return [
        {**each.error._asdict(), "still": each.still, "closed": each.closed}
        for each in errors
        if slug in ("", each.error.list)
    ]


def list_error_lines(errors: Sequence[CheckedEntry]) -> Iterator[str]:
    """Yield a line for each that its list still contains."""
    still = [each for each in errors if each.still]
    for each in still[:_MAX_LINES]:
        name, slug = each.error.name, each.error.list
        state = (
            f"it is blocked for someone: `copdns rule add allow {name}` allows it"
            if each.closed
            else "it stays allowed here"
        )
        yield f"{slug} contains {shown_name(name)}, a confirmed false positive; {state}"
    if len(still) > _MAX_LINES:
        yield f"and {len(still) - _MAX_LINES} more; see `copdns appeal errors`"


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
