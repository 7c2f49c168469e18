"""Check whether copdns protects the household, and store the results (`network/setup_steps.py`);
and whether DNS servers answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from copdns.model.encrypted_addresses import server_address
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.sentences import Sentence, sentence
from copdns.network.probes import assess_sightings, is_childs_device
from copdns.network.setup_steps import Check, SetupProgress, SetupState
from copdns.web.context import AppContext


async def run_checks(context: AppContext, home: Household) -> None:
    """Run all checks now.  The check for other resolvers sends DHCP and router solicitations, as a
    new device does."""
    now, before = int(context.now()), await context.setups.progress(home.id)
    around = await context.scan_resolvers()
    for check, state, detail in (
        *_probe_results(context, home),
        _list_result(context),
        (Check.ALONE, around.state, around.detail),
    ):
        if not _keeps_result(check, before, state):
            await context.setups.save(home.id, check, state, now, detail=detail)


async def confirm_alone(context: AppContext, household: str, author: str) -> None:
    """Store a guardian's statement that nothing else hands out resolvers; raise HouseholdError
    where the machine can find that out itself."""
    found = (await context.setups.progress(household)).items.get(Check.ALONE)
    if found is not None and found.state is SetupState.CONFIRMED:
        return
    if found is None or found.state is not SetupState.UNKNOWN:
        raise HouseholdError("run the check first: copdns can check this itself")
    now = int(context.now())
    await context.setups.save(household, Check.ALONE, SetupState.CONFIRMED, now, author=author)


def _keeps_result(check: Check, before: SetupProgress, state: SetupState) -> bool:
    """Tell whether an earlier result stays: a check that needs a device in somebody's hand has to
    pass once, and a guardian's statement holds where nothing can be seen."""
    if not before.is_done(check) or check is Check.LISTS:
        return False
    return state is SetupState.UNKNOWN or (state is SetupState.FAILED and check is not Check.ALONE)


def _probe_results(context: AppContext, home: Household) -> Iterator[tuple[Check, SetupState, str]]:
    """Yield the results of the checks that devices ran just now."""
    now = context.now()
    found = [assess_sightings(each) for each in context.probes.sightings_by_code(home.id, now)]
    reached = any(each.is_other_machine for each in found)
    child = any(is_childs_device(each, home.profile(each.profile), now) for each in found)
    yield Check.REACHED, SetupState.PASSED if reached else SetupState.FAILED, ""
    yield Check.CHILD, SetupState.PASSED if child else SetupState.FAILED, ""


async def note_childs_device(context: AppContext, household: str) -> None:
    """Store that a device of a child is recognised: somebody opened the child's page on it."""
    progress = await context.setups.progress(household)
    if not progress.is_done(Check.CHILD):
        now = int(context.now())
        await context.setups.save(household, Check.CHILD, SetupState.PASSED, now)


def _list_result(context: AppContext) -> tuple[Check, SetupState, str]:
    lists = context.lists()
    good = lists.chosen > 0 and not lists.missing
    return Check.LISTS, SetupState.PASSED if good else SetupState.FAILED, lists.missing


async def troubles_of(context: AppContext, servers: Iterable[str]) -> dict[str, str]:
    """Ask DNS servers, all at once, and return what is wrong with those that do not answer.

    servers: as they are written.  It takes seconds where one is silent.
    """
    asked = tuple(dict.fromkeys(servers))
    found = await asyncio.gather(
        *(asyncio.to_thread(context.trouble_of_upstream, server_address(each)) for each in asked)
    )
    return {each: why for each, why in zip(asked, found, strict=True) if why}


async def note_and_try(
    context: AppContext, household: str, author: str, servers: Iterable[str]
) -> dict[str, str]:
    """Ask DNS servers as `troubles_of` does, with a line in the history: what answers and what does
    not says which machines and ports there are in the network at home."""
    asked = tuple(servers)
    if asked:
        await note_try(context, household, author, asked)
    return await troubles_of(context, asked)


async def note_try(
    context: AppContext, household: str, author: str, servers: Iterable[str]
) -> None:
    """Write in the history that DNS servers were asked whether they answer."""
    line = f"DNS servers tried: {', '.join(servers)}"
    await context.store.note(household, author, line, int(context.now()))


def describe_troubles(troubles: Mapping[str, str]) -> Sentence:
    """Return what is wrong with each DNS server, in one sentence.  troubles: at least one."""
    said = [
        sentence("%(server)s does not answer: %(why)s", server=server, why=why)
        for server, why in troubles.items()
    ]
    names = [f"s{at}" for at in range(len(said))]
    return Sentence("; ".join(f"%({each})s" for each in names), dict(zip(names, said, strict=True)))
