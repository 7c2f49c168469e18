"""What a form was made with, so that it changes nothing that its person has not seen.

A form carries a mark of what it is about.  Ids come back after something was removed, and another
guardian may have changed it meanwhile: then the form is refused, and nothing is lost without a
word.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from hashlib import blake2b

from copdns.model.errors import HouseholdError
from copdns.model.household import Household

SEEN = "seen"  # the hidden field
_Edit = Callable[[Household], Household]


def mark_of(value: object) -> str:
    """Return a text that changes with what a value says, the same in every process."""
    return blake2b(_spell(value).encode(), digest_size=8).hexdigest()


def _spell(value: object) -> str:
    if is_dataclass(value):
        inner = [_spell(getattr(value, each.name)) for each in fields(value)]
    elif isinstance(value, (set, frozenset)):
        inner = sorted(map(_spell, value))
    elif isinstance(value, (tuple, list)):
        inner = [_spell(each) for each in value]
    else:
        return repr(str(value))
    return f"{type(value).__name__}({','.join(inner)})"


def require_same_lines(seen: str, lines: object) -> None:
    """Raise HouseholdError where a list of what would change is not as a page showed it.

    seen: the mark that the form carried; "" checks nothing.
    """
    if seen and seen != mark_of(lines):
        raise HouseholdError(
            "something was changed since you opened the page, so the list there is not right any "
            "more; nothing was changed now. Open the page again and read what it would do"
        )


def unless_changed(edit: _Edit, seen: str, find: Callable[[Household], object]) -> _Edit:
    """Return an edit that raises HouseholdError where what it is about is not as it was shown.

    seen: the mark that the form carried; "" checks nothing.  find: what the form is about, None
    where it is gone.  A form that is sent twice changes nothing the second time, and is no error.
    """

    def edit_as_shown(household: Household) -> Household:
        found, after = find(household), edit(household)
        if seen and found is not None and mark_of(found) != seen and after != household:
            raise HouseholdError(
                "this was changed since you opened the page, so nothing was saved; open the page "
                "again to see how it is now"
            )
        return after

    return edit_as_shown
