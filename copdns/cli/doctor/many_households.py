"""`copdns doctor` on a machine of a provider, where no single household is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from copdns.app.seed import HOME
from copdns.cli.doctor.finding import Finding, ok
from copdns.cli.home import Home
from copdns.list_files.choose import ChosenLists
from copdns.model.errors import StoreError
from copdns.model.household import Household


class ManyHouseholds(Home):
    """A machine that serves many households: what is looked at is the machine's own.

    Its household is an empty one, so that upstreams and lists are those of the settings.
    """

    def load_household(self) -> Household | None:
        """Return None: none of them is looked at."""
        return None

    @cached_property
    def household(self) -> Household:
        """One without people, devices and rules."""
        return Household(HOME, "")

    @cached_property
    def chosen_lists(self) -> ChosenLists:
        """The downloaded lists that the settings name; families choose none."""
        return self.lists.choose_for()


def whom_to_check(home: Home) -> Home:
    """Return the home to look at: `ManyHouseholds` where the database has many by design, and
    nothing chooses one of them."""
    provider = home.settings.provider
    if not home.is_providers or provider.household:
        return home
    if provider.kept:
        return ManyHouseholds(home.settings)
    try:
        return ManyHouseholds(home.settings) if home.count_households() > 1 else home
    except StoreError:  # the check of the databases says so
        return home


def check_one(_home: Home) -> Iterator[Finding]:
    """Say how a single household is looked at."""
    what = "none is looked at; COPDNS_PROVIDER__HOUSEHOLD=ID copdns doctor looks at one"
    yield ok("household", what)
