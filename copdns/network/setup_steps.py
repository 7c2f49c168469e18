"""What the set-up of a house consists of, and whether it protects yet.

The steps are a person's to go through, in any order and on any day; the checks are the machine's.
Until all checks pass the desk says so on every page.  Pure: `store/household_db/setup.py` keeps
what was done, `web/desk/household/wizard.py` and `web/desk/household/checks.py` show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple


class Step(StrEnum):
    """What a person goes through, in the order in which the wizard asks."""

    PLACE = "place"  # zone, language, country
    SCHOOL = "school"
    CHILDREN = "children"
    ROUTER = "router"  # before the devices: none of them asks here until the router says so
    DEVICES = "devices"
    HELPLINES = "helplines"
    DOOR = "door"  # how children get to their page


class Check(StrEnum):
    """What has to be so for the house to be protected."""

    REACHED = "reached"  # a second device asks copdns
    ALONE = "alone"  # no other resolver is handed out in the network
    LISTS = "lists"  # all lists that are needed are in force
    CHILD = "child"  # a device of a child is recognised


class State(StrEnum):
    DONE = "done"  # a step
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it could not be looked at
    CONFIRMED = "confirmed"  # a guardian looked


_GOOD = frozenset({State.DONE, State.PASSED, State.CONFIRMED})


class Item(NamedTuple):
    """A step or a check, as it was found.  detail: in people's words.  at: seconds UTC."""

    name: str
    state: State
    detail: str = ""
    at: int = 0

    @property
    def is_good(self) -> bool:
        return self.state in _GOOD


class Progress(NamedTuple):
    """items: by name of step or check; what was never done is not there."""

    items: Mapping[str, Item]

    def done(self, step: Step | Check) -> bool:
        """Tell whether a step was gone through, or a check was passed."""
        found = self.items.get(step)
        return found is not None and found.is_good

    @property
    def next_step(self) -> Step | None:
        """Return where to go on; None where all was gone through."""
        return next((each for each in Step if not self.done(each)), None)

    @property
    def open_checks(self) -> tuple[Check, ...]:
        return tuple(each for each in Check if not self.done(each))

    @property
    def protects(self) -> bool:
        return not self.open_checks


def progress(items: Iterable[Item]) -> Progress:
    return Progress({each.name: each for each in items})
