"""What staff see and do of rollouts over HTTP: begin, undo, stop and resume one, freeze all, and
open the layer of families for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from copdns.model.errors import FetchError, RegisterError, RolloutError
from copdns.provider.law import edits
from copdns.provider.law.register_json import opening_json
from copdns.provider.rollout.figures import NodeFigures
from copdns.provider.rollout.rollout_json import freeze_json, node_json, rollout_json
from copdns.provider.rollout.rollouts import (
    Rollout,
    RolloutKind,
    RolloutStep,
    new_freeze,
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
MOST_LABEL: Final = 100  # characters

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
        with _refusals():
            step = store.add_step(
                call.number, lambda found: make(found, call.number, call.who.id, why, call.now)
            )
        return {"state": str(step.state)}

    return handle


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell who acts what cannot be as they want it."""
    try:
        yield
    except RolloutError as error:
        raise RegisterError(*error.sentences) from error


@dataclass(frozen=True, slots=True)
class _NewRollout:
    """label: what people and tools call it.  again: also where the same was undone last."""

    kind: RolloutKind
    label: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class _NewFreeze:
    """begins, ends: seconds since 1970; begins: 0 for now."""

    ends: int
    why: str
    begins: int = 0


def _begin(call: StaffCall) -> object:
    """Lists are those that this machine has; of all else only the name of a version is brought:
    files of a configuration, which have passwords, come by a command."""
    new = call.read(_NewRollout)
    label, files = new.label.strip(), _files_of(new.kind, call)
    if not (label or files):
        raise RegisterError("the name of the version is missing")
    if len(label) > MOST_LABEL or not label.isprintable():
        raise RegisterError(
            "the name of a version has at most %(most)s characters", most=MOST_LABEL
        )
    store = RolloutStore(call.store.pool)
    with _refusals():
        begun = store.begin(new.kind, label, files, call.who.id, call.now, again=new.again)
    if begun is None:
        raise RegisterError("this is what the newest rollout has; nothing was begun")
    return {"number": begun.number}


def _files_of(kind: RolloutKind, call: StaffCall) -> Mapping[str, bytes]:
    if kind is RolloutKind.SCHEMA:
        raise RegisterError("a schema is begun by a command: copdns provider rollout begin schema")
    if kind is not RolloutKind.LISTS:
        return {}
    try:
        with _refusals():
            files = call.list_files()
    except FetchError as error:
        raise RegisterError("lists cannot be read here: %(why)s", why=str(error)) from error
    if not files:
        raise RegisterError(
            "the machine with these pages has no lists; where they are fetched, "
            "copdns provider rollout begin lists does it"
        )
    return files


def _freeze(call: StaffCall) -> object:
    new = call.read(_NewFreeze)
    with _refusals():
        freeze = new_freeze(new.begins or call.now, new.ends, call.who.id, new.why, call.now)
        return {"number": RolloutStore(call.store.pool).freeze(freeze, call.now).number}


def _thaw(call: StaffCall) -> object:
    with _refusals():
        RolloutStore(call.store.pool).end_freeze(call.number, call.who.id, call.now)
    return {}


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
    # For all nodes, so a session that was left open does not do, nor to end a freeze or to resume
    # what was stopped, which lets all that waits go on; holding back and going back is quick.
    StaffOperation("POST", "/staff/rollouts", Duty.KEEP_REGISTER, _begin, is_grave=True),
    StaffOperation("POST", f"{_FAMILY}/freeze", Duty.KEEP_REGISTER, _freeze),
    StaffOperation(
        *("POST", f"{_FAMILY}/freezes/{{number}}/thaw", Duty.KEEP_REGISTER, _thaw), is_grave=True
    ),
    StaffOperation("POST", f"{_ROLLOUT}/undo", Duty.KEEP_REGISTER, _take(undo_step)),
    StaffOperation("POST", f"{_ROLLOUT}/stop", Duty.KEEP_REGISTER, _take(stop_step)),
    StaffOperation(
        "POST", f"{_ROLLOUT}/resume", Duty.KEEP_REGISTER, _take(resume_step), is_grave=True
    ),
    # For all subscribers at once, so a session that was left open does not do.
    StaffOperation(
        *("POST", f"{_FAMILY}/open-family", Duty.KEEP_REGISTER, _open_family), is_grave=True
    ),
    StaffOperation("POST", f"{_FAMILY}/close-family", Duty.KEEP_REGISTER, _close_family),
)
