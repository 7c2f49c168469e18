"""The steps and checks of the set-up of a house, and whether copdns protects it yet.

A person goes through the steps, in any order and on any day; the program makes the checks.  Until
all checks pass, the desk says so on every page.  Pure: `store/household_db/setup.py` stores the
results, `web/desk/household/wizard.py` and `web/desk/household/checks.py` show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple


class SetupStep(StrEnum):
    """A step that a person goes through, in the order of the wizard."""

    PLACE = "place"  # zone, language, country
    SCHOOL = "school"
    CHILDREN = "children"
    ROUTER = "router"  # before the devices, which ask copdns once the router says so
    DEVICES = "devices"
    HELPLINES = "helplines"
    DOOR = "door"  # how children get to their page


class Check(StrEnum):
    """A condition for the house to be protected."""

    REACHED = "reached"  # a second device asks copdns
    ALONE = "alone"  # no other resolver is handed out in the network
    LISTS = "lists"  # all lists that are needed are in force
    CHILD = "child"  # a device of a child is recognised


class SetupState(StrEnum):
    """What came of a step or a check; the values are stored."""

    DONE = "done"  # a step
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the check could not be made
    CONFIRMED = "confirmed"  # a guardian checked it by hand


_GOOD = frozenset({SetupState.DONE, SetupState.PASSED, SetupState.CONFIRMED})


class SetupItem(NamedTuple):
    """The result of a step or check.

    detail: why it is unknown or failed, or which lists are missing.  at: seconds since the epoch.
    """

    name: str
    state: SetupState
    detail: str = ""
    at: int = 0

    @property
    def is_good(self) -> bool:
        return self.state in _GOOD


class SetupProgress(NamedTuple):
    """The results so far.  items: by name of step or check, without those never done."""

    items: Mapping[str, SetupItem]

    def is_done(self, step: SetupStep | Check) -> bool:
        """Tell whether a step is done, or a check has passed or was confirmed."""
        found = self.items.get(step)
        return found is not None and found.is_good

    @property
    def next_step(self) -> SetupStep | None:
        """Return the first step that is not done; None where all are."""
        return self.next_of(SetupStep)

    def next_of(self, steps: Iterable[SetupStep]) -> SetupStep | None:
        """Return the first of some steps that is not done; None where all of them are."""
        return next((each for each in steps if not self.is_done(each)), None)

    @property
    def open_checks(self) -> tuple[Check, ...]:
        """The checks that are not good yet, in their order."""
        return tuple(each for each in Check if not self.is_done(each))

    @property
    def protects(self) -> bool:
        """Whether all checks are good, so that the household counts as protected."""
        return not self.open_checks


def setup_progress(items: Iterable[SetupItem]) -> SetupProgress:
    """Return how far a setup is; of two items of a name, the later counts."""
    return SetupProgress({each.name: each for each in items})
