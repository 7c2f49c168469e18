"""Requests that wait for an answer: on the overview and after the setup, in the inbox, and on the
pages of a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from copdns.accounts.roles import Actor, Permission, may
from copdns.appeals.appeal import WAITING, Appeal, AppealState
from copdns.appeals.life import require_answerable
from copdns.model.errors import AppealError
from copdns.web.answers import decider_of
from copdns.web.context import AppContext
from copdns.web.desk.house_request import HouseRequest

REQUESTS_SHOWN = 3
# TALK waits as well, until somebody gives the final answer.
TO_ANSWER = WAITING | {AppealState.TALK}


def is_for_others(appeal: Appeal, actor: Actor) -> bool:
    """Tell whether somebody else must answer: a child disagreed with this one's answer."""
    try:
        require_answerable(appeal, decider_of(actor))
    except AppealError:
        return appeal.state in TO_ANSWER
    return False


async def find_waiting(context: AppContext, actor: Actor, profile: str = "") -> list[Appeal]:
    """Return the requests that the actor may answer, also what is to be talked about.  profile: ""
    for everyone's."""
    if not may(actor, Permission.SEE_APPEALS):
        return []
    found = await context.appeals.appeals(actor.household, profile=profile, states=TO_ANSWER)
    return [each for each in found if not is_for_others(each, actor)]


def values_to_answer(waiting: Sequence[Appeal]) -> dict[str, Any]:
    """Return the values of the template that shows them: the oldest first, and how many there
    are; what is to be talked about is not among them."""
    found = [each for each in waiting if each.state is not AppealState.TALK]
    to_answer = sorted(found, key=lambda each: each.since)
    return {"waiting": len(to_answer), "to_answer": to_answer[:REQUESTS_SHOWN]}


async def asking_values(home: HouseRequest, waiting: Sequence[Appeal]) -> dict[str, Any]:
    """Return the values of the part that tells who waits for an answer: people, and devices."""
    sees_people = may(home.actor, Permission.SEE_PROFILES)
    found = values_to_answer(waiting)
    sees_devices = sees_people and may(home.actor, Permission.EDIT_DEVICES)
    return {
        "waiting": found["waiting"],
        "to_answer": found["to_answer"] if sees_people else [],
        "to_talk": len(waiting) - found["waiting"],
        "asking": await home.context.guests.requests(home.household.id, home.now)
        if sees_devices
        else (),
    }
