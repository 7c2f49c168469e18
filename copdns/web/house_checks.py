"""Look whether copdns protects this house, and keep what was found (`network/setup_steps.py`)."""

from __future__ import annotations

from collections.abc import Iterator

from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.network.probes import findings, is_childs
from copdns.network.setup_steps import Check, Progress, State
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
            await parts.setups.keep(home.id, check, state, now, detail=detail)


async def confirm_alone(parts: AppContext, household: str, author: str) -> None:
    """Take a guardian's word that no other resolver is handed out; raise HouseholdError where the
    machine can see that itself."""
    found = (await parts.setups.progress(household)).items.get(Check.ALONE)
    if found is not None and found.state is State.CONFIRMED:
        return
    if found is None or found.state is not State.UNKNOWN:
        raise HouseholdError("look first: what the machine can see itself goes before")
    now = int(parts.now())
    await parts.setups.keep(household, Check.ALONE, State.CONFIRMED, now, author=author)


def _stays(check: Check, before: Progress, state: State) -> bool:
    """Tell whether what was found before counts on: what takes a device in somebody's hand was
    seen once, and a guardian's word stands where nothing can be seen."""
    if not before.done(check) or check is Check.LISTS:
        return False
    return state is State.UNKNOWN or (state is State.FAILED and check is not Check.ALONE)


def _by_probes(parts: AppContext, home: Household) -> Iterator[tuple[Check, State, str]]:
    """Yield what devices showed that checked themselves just now."""
    now = parts.now()
    found = [findings(each) for each in parts.probes.all(home.id, now)]
    reached = any(each.away for each in found)
    child = any(is_childs(each, home.profile(each.profile), now) for each in found)
    yield Check.REACHED, State.PASSED if reached else State.FAILED, ""
    yield Check.CHILD, State.PASSED if child else State.FAILED, ""


def _lists(parts: AppContext) -> tuple[Check, State, str]:
    lists = parts.lists()
    good = lists.chosen > 0 and not lists.missing
    return Check.LISTS, State.PASSED if good else State.FAILED, lists.missing
