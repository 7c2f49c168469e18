"""What somebody who is logged in sees of the time of the people in a household.

Limits whose minutes are a person's own (`privacy/own_numbers.py`) are for anybody else as if nobody
had used them: on every page, in every operation, and where a site is checked for somebody.
"""

from __future__ import annotations

from typing import NamedTuple

from copdns.accounts.roles import Actor
from copdns.model.household import Household, Profile
from copdns.policy.build_snapshot import build_snapshot, profiles_of
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot
from copdns.policy.today import Today, build_today
from copdns.privacy.own_numbers import hidden_limits, inputs_for_others, today_for_others
from copdns.time.plan import PolicyInputs
from copdns.web.context import AppContext


class TimeView(NamedTuple):
    """The time of a household's people as one reader may know it.

    household: as stored.  snapshot, inputs: without what the reader may not know.  noted: the
    inputs with all of it.  reader: the id of the person who looks, "" for none of the people.
    now: seconds since the epoch.
    """

    household: Household
    snapshot: Snapshot
    inputs: PolicyInputs
    noted: PolicyInputs
    reader: str
    now: float

    def policy(self, profile_id: str) -> Policy:
        """Return a person's policy, without what the reader may not know."""
        return self.snapshot.policy(self.household.id, profile_id)

    def hidden(self, profile: Profile) -> frozenset[str]:
        """Return the ids of a person's limits whose minutes the reader does not see."""
        return hidden_limits(self.household, profile, self.noted, self.now, self.reader)

    def today(self, profile: Profile) -> Today:
        """Return the state of a person's day."""
        today = build_today(self.household, profile, self.policy(profile.id), self.inputs, self.now)
        return today_for_others(today, self.hidden(profile))


def time_view(context: AppContext, household: Household, actor: Actor) -> TimeView:
    """Return what an actor sees.  household: as stored, so pages show what was just changed."""
    snapshot, inputs, now = context.snapshot(), context.policy_inputs(), context.now()
    shown = inputs_for_others(household, profiles_of(household), inputs, now, actor.profile)
    there = snapshot.households.get(household.id)
    in_force = there if there is not None and there.revision == household.revision else None
    if in_force is None or shown is not inputs:
        snapshot = build_snapshot(
            snapshot, snapshot.library, snapshot.defaults, [in_force or household], now, shown
        )
    return TimeView(household, snapshot, shown, inputs, actor.profile, now)
