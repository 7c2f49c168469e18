"""What staff see and do of rollouts over HTTP: undo, stop and resume one, and open the layer of
families for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from copdns.model.errors import RegisterError, RolloutError
from copdns.provider.law import edits
from copdns.provider.law.register_json import opening_json
from copdns.provider.rollout.figures import NodeFigures
from copdns.provider.rollout.rollout_json import freeze_json, node_json, rollout_json
from copdns.provider.rollout.rollouts import (
    Rollout,
    RolloutStep,
    resume_step,
    stop_step,
    undo_step,
)
from copdns.provider.staff.duties import Duty
from copdns.store.provider_db.rollout_rows import RolloutStore
from copdns.web.staff.operations import StaffCall, StaffOperation

MOST_SHOWN: Final = 50  # rollouts, the newest
LATELY: Final = 600  # seconds of figures
HOUR: Final = 3600  # seconds

Step = Callable[[Sequence[Rollout], int, str, str, int], RolloutStep]


def _rollouts(call: StaffCall) -> object:
    store = RolloutStore(call.store.pool)
    counted: dict[str, NodeFigures] = {}
    for row in store.figures(call.now - LATELY):
        counted[row.node] = counted.get(row.node, NodeFigures()) + row.figures
    opening = call.register.open_family(call.now)
    return {
        "rollouts": [rollout_json(each) for each in store.load()[::-1][:MOST_SHOWN]],
        "freezes": [freeze_json(each) for each in store.freezes(call.now)],
        "nodes": [
            node_json(each, counted.get(each.name, NodeFigures()), call.now)
            for each in store.fleet()
        ],
        "open_family": opening_json(opening, call.now) if opening else None,
    }


def _take(make: Step) -> Callable[[StaffCall], object]:
    """Return what takes a step in the name of who acts."""

    def handle(call: StaffCall) -> object:
        why, store = call.word("why"), RolloutStore(call.store.pool)
        try:
            step = store.add_step(
                call.number, lambda found: make(found, call.number, call.who.id, why, call.now)
            )
        except RolloutError as error:
            raise RegisterError(*error.sentences) from error
        return {"state": str(step.state)}

    return handle


def _open_family(call: StaffCall) -> object:
    why, hours = call.word("why"), call.word("hours", "4")
    if not (hours.isascii() and hours.isdigit() and len(hours) < 3):
        raise RegisterError("write a whole number of hours")
    ends = call.now + int(hours) * HOUR
    return call.write(lambda found, who: edits.open_family(found, why, ends, who, call.now))


def _close_family(call: StaffCall) -> object:
    why = call.word("why")
    return call.write(lambda found, who: edits.close_family(found, why, who, call.now))


_ROLLOUT: Final = "/staff/rollouts/{number}"
_FAMILY: Final = "/staff/rollouts"

ROLLOUT_OPERATIONS: Final = (
    StaffOperation("GET", "/staff/rollouts", Duty.SEE_REGISTER, _rollouts),
    StaffOperation("POST", f"{_ROLLOUT}/undo", Duty.KEEP_REGISTER, _take(undo_step)),
    StaffOperation("POST", f"{_ROLLOUT}/stop", Duty.KEEP_REGISTER, _take(stop_step)),
    StaffOperation("POST", f"{_ROLLOUT}/resume", Duty.KEEP_REGISTER, _take(resume_step)),
    # For all subscribers at once, so a session that was left open does not do.
    StaffOperation(
        *("POST", f"{_FAMILY}/open-family", Duty.KEEP_REGISTER, _open_family), is_grave=True
    ),
    StaffOperation("POST", f"{_FAMILY}/close-family", Duty.KEEP_REGISTER, _close_family),
)
