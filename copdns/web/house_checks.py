"""Look whether copdns protects this house, and keep what was found (`network/setup_steps.py`)."""

from __future__ import annotations

from collections.abc import Iterator

from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.network.probes import assess_sightings, is_childs_device
from copdns.network.setup_steps import Check, SetupProgress, SetupState
from copdns.web.context import AppContext


async def look_at(parts: AppContext, home: Household) -> None:
    """Look at everything now: it asks the network for its resolvers, as a device does that comes
    new."""
    now, before = int(parts.now()), await parts.setups.progress(home.id)
    around = await parts.look_around()
    for check, state, detail in (
        *_by_probes(parts, home),
        _lists(parts),
        (Check.ALONE, around.state, around.detail),
    ):
        if not _stays(check, before, state):
            await parts.setups.save(home.id, check, state, now, detail=detail)


async def confirm_alone(parts: AppContext, household: str, author: str) -> None:
    """Take a guardian's word that no other resolver is handed out; raise HouseholdError where the
    machine can see that itself."""
    found = (await parts.setups.progress(household)).items.get(Check.ALONE)
    if found is not None and found.state is SetupState.CONFIRMED:
        return
    if found is None or found.state is not SetupState.UNKNOWN:
        raise HouseholdError("look first: what the machine can see itself goes before")
    now = int(parts.now())
    await parts.setups.save(household, Check.ALONE, SetupState.CONFIRMED, now, author=author)


def _stays(check: Check, before: SetupProgress, state: SetupState) -> bool:
    """Tell whether what was found before counts on: what takes a device in somebody's hand was
    seen once, and a guardian's word stands where nothing can be seen."""
    if not before.is_done(check) or check is Check.LISTS:
        return False
    return state is SetupState.UNKNOWN or (state is SetupState.FAILED and check is not Check.ALONE)


def _by_probes(parts: AppContext, home: Household) -> Iterator[tuple[Check, SetupState, str]]:
    """Yield what devices showed that checked themselves just now."""
    now = parts.now()
    found = [assess_sightings(each) for each in parts.probes.sightings_by_code(home.id, now)]
    reached = any(each.is_other_machine for each in found)
    child = any(is_childs_device(each, home.profile(each.profile), now) for each in found)
    yield Check.REACHED, SetupState.PASSED if reached else SetupState.FAILED, ""
    yield Check.CHILD, SetupState.PASSED if child else SetupState.FAILED, ""


def _lists(parts: AppContext) -> tuple[Check, SetupState, str]:
    lists = parts.lists()
    good = lists.chosen > 0 and not lists.missing
    return Check.LISTS, SetupState.PASSED if good else SetupState.FAILED, lists.missing
