"""What reaches more than one household, and how far it came: a canary, its site, all nodes.

A rollout that is undone is as if it had never been: nodes take the one before it.  A freeze holds
back what is new, and never the way back.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from copdns.model.errors import RolloutError

COPDNS: Final = "copdns"  # who took a step that no person took
LONGEST_FREEZE: Final = 31 * 86_400  # seconds
LIVE_FOR: Final = 60  # seconds after which a node that says nothing counts as away


class RolloutKind(StrEnum):
    """What changes.  The first two carry files, the others the name of a version alone."""

    LISTS = "lists"  # copies of lists, and the facts
    CONFIGURATION = "configuration"
    PACKAGE = "package"
    SCHEMA = "schema"


class RolloutStage(StrEnum):
    """Which nodes a rollout may have reached, in this order."""

    CANARY = "canary"
    SITE = "site"  # the sites that have a canary
    ALL = "all"
    DONE = "done"  # all, and nobody watches any more


class RolloutState(StrEnum):
    """Whether a rollout goes on."""

    GOING = "going"
    STOPPED = "stopped"  # nodes that have it keep it, until a person decides
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class RolloutStep:
    """What became of a rollout.  at: seconds since 1970.  by: a user of the machine, or COPDNS."""

    at: int
    by: str
    stage: RolloutStage
    state: RolloutState
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A change.  label: what people and their tools call it.  steps: at least its beginning."""

    number: int
    kind: RolloutKind
    label: str
    steps: tuple[RolloutStep, ...]

    @property
    def stage(self) -> RolloutStage:
        """How far it came."""
        return self.steps[-1].stage

    @property
    def state(self) -> RolloutState:
        """Whether it goes on."""
        return self.steps[-1].state

    @property
    def stage_since(self) -> int:
        """Since when it may have reached its stage, and was not stopped; seconds since 1970."""
        return self.steps[-1].at

    @property
    def is_under_way(self) -> bool:
        """Whether somebody, or the figures, still have to decide about it."""
        return self.stage is not RolloutStage.DONE and self.state is not RolloutState.UNDONE


@dataclass(frozen=True, slots=True)
class RolloutFreeze:
    """A window in which nothing new reaches a node.  begins, ends: seconds since 1970."""

    number: int
    begins: int
    ends: int
    by: str
    why: str

    def holds(self, now: int) -> bool:
        """Tell whether it is now."""
        return self.begins <= now < self.ends


@dataclass(frozen=True, slots=True)
class TakenRollout:
    """What a node has of a kind, and since when.  0: what it had before the first rollout."""

    number: int
    at: int


NOTHING_TAKEN: Final = TakenRollout(0, 0)


@dataclass(frozen=True, slots=True)
class FleetNode:
    """A node, as it told of itself last.

    seen: when.  families: 4 and 6, the kinds of addresses that it answers on.  answers: whether its
    dnsdist counts.  is_failing: what announces its addresses got no answer (`plane/announcements`).
    """

    name: str
    site: str
    is_canary: bool
    seen: int = 0
    families: frozenset[int] = frozenset()
    answers: bool = True
    is_failing: bool = False
    taken: Mapping[RolloutKind, TakenRollout] = field(default_factory=dict)

    def has_taken(self, kind: RolloutKind) -> TakenRollout:
        """Return what it has of a kind."""
        return self.taken.get(kind, NOTHING_TAKEN)

    def is_live(self, now: int) -> bool:
        """Tell whether it was heard of just now; not where its clock is far ahead."""
        return abs(now - self.seen) <= LIVE_FOR


def reaches(rollout: Rollout, node: FleetNode, canary_sites: Collection[str]) -> bool:
    """Tell whether a rollout may have reached a node."""
    match rollout.stage:
        case RolloutStage.CANARY:
            return node.is_canary
        case RolloutStage.SITE:
            return node.is_canary or node.site in canary_sites
        case _:
            return True


def canary_sites(nodes: Collection[FleetNode]) -> frozenset[str]:
    """Return the sites that have a canary."""
    return frozenset(each.site for each in nodes if each.is_canary)


def choose_rollout(
    rollouts: Sequence[Rollout],
    kind: RolloutKind,
    node: FleetNode,
    sites: Collection[str],
    *,
    is_frozen: bool,
) -> Rollout | None:
    """Return the rollout that a node is to have; None where there is none for it.

    While all is frozen a node keeps what it has, and one that has nothing that stands takes what
    all nodes have.
    """
    standing = [
        each
        for each in rollouts
        if each.kind is kind
        and each.state is not RolloutState.UNDONE
        and reaches(each, node, sites)
    ]
    if is_frozen:
        has = node.has_taken(kind).number
        if any(each.number == has for each in standing):
            standing = [each for each in standing if each.number <= has]
        else:
            standing = [
                each for each in standing if each.number < has or each.stage is RolloutStage.DONE
            ]
    return max(standing, key=lambda each: each.number, default=None)


# --- what people decide ---------------------------------------------------------------------------


def begin_step(rollouts: Sequence[Rollout], kind: RolloutKind, by: str, now: int) -> RolloutStep:
    """Return the first step of a new rollout; raise RolloutError while another is under way."""
    for each in rollouts:
        if each.kind is kind and each.is_under_way:
            raise RolloutError(
                f"rollout {each.number} ({kind}) is under way; wait for its end, or undo it"
            )
    return RolloutStep(now, by, RolloutStage.CANARY, RolloutState.GOING)


def undo_step(rollouts: Sequence[Rollout], number: int, by: str, why: str, now: int) -> RolloutStep:
    """Return the step that takes a rollout back everywhere, also one that is done.

    Raises RolloutError where nodes would have nothing to go back to.
    """
    rollout = find_rollout(rollouts, number)
    if rollout.state is RolloutState.UNDONE:
        raise RolloutError(f"rollout {number} is undone already")
    if has_nothing_before(rollouts, rollout):
        raise RolloutError(
            f"nothing is known of what nodes had before rollout {number}, so it cannot be undone; "
            "copdns provider family open opens what lists of families block"
        )
    return RolloutStep(now, by, rollout.stage, RolloutState.UNDONE, _reason(why))


def has_nothing_before(rollouts: Sequence[Rollout], rollout: Rollout) -> bool:
    """Tell whether nodes have nothing to go back to: no earlier one is done and stands."""
    return not any(
        each.kind is rollout.kind
        and each.number < rollout.number
        and each.stage is RolloutStage.DONE
        and each.state is not RolloutState.UNDONE
        for each in rollouts
    )


def resume_step(
    rollouts: Sequence[Rollout], number: int, by: str, why: str, now: int
) -> RolloutStep:
    """Return the step that lets a rollout that was stopped go on; the watch begins anew."""
    rollout = find_rollout(rollouts, number)
    if rollout.state is not RolloutState.STOPPED:
        raise RolloutError(f"rollout {number} is not stopped; it is {rollout.state}")
    return RolloutStep(now, by, rollout.stage, RolloutState.GOING, _reason(why))


def stop_step(rollouts: Sequence[Rollout], number: int, by: str, why: str, now: int) -> RolloutStep:
    """Return the step that keeps a rollout where it is."""
    rollout = find_rollout(rollouts, number)
    if not rollout.is_under_way or rollout.state is RolloutState.STOPPED:
        raise RolloutError(f"rollout {number} does not go on anyway")
    return RolloutStep(now, by, rollout.stage, RolloutState.STOPPED, _reason(why))


def new_freeze(begins: int, ends: int, by: str, why: str, now: int) -> RolloutFreeze:
    """Return a freeze without its number; raise RolloutError for one that cannot be."""
    if ends <= max(begins, now):
        raise RolloutError("a freeze ends after it begins, and not in the past")
    if ends - begins > LONGEST_FREEZE:
        raise RolloutError("a freeze is at most 31 days long")
    return RolloutFreeze(0, begins, ends, by, _reason(why))


def end_freeze(freezes: Sequence[RolloutFreeze], number: int, now: int) -> RolloutFreeze:
    """Return a freeze that ends now; raise RolloutError where there is none to end."""
    for each in freezes:
        if each.number == number and each.ends > now:
            return replace(each, ends=max(now, each.begins))
    raise RolloutError(f"there is no freeze {number} that could be ended")


def find_rollout(rollouts: Sequence[Rollout], number: int) -> Rollout:
    """Return a rollout; raise RolloutError where there is none of this number."""
    for each in rollouts:
        if each.number == number:
            return each
    raise RolloutError(f"there is no rollout {number}; see copdns provider rollout list")


def with_step(rollout: Rollout, step: RolloutStep) -> Rollout:
    """Return it after a step."""
    return replace(rollout, steps=(*rollout.steps, step))


def _reason(why: str) -> str:
    text = " ".join(why.split())
    if not text or len(text) > 500 or not text.isprintable():
        raise RolloutError("a reason has 1 to 500 characters")
    return text
