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
from copdns.provider.rollout.reasons import RolloutReason

COPDNS: Final = "copdns"  # who took a step that no person took
LONGEST_FREEZE: Final = 31 * 86_400  # seconds
# Seconds from now until one begins: no page can show a year after 9999, nor, with it, the others.
FARTHEST_FREEZE: Final = 366 * 86_400
NODE_KEPT: Final = 7 * 86_400  # seconds after a node was heard of last
LIVE_FOR: Final = 60  # seconds after which a node that says nothing counts as away


class RolloutKind(StrEnum):
    """What changes.  The first two carry files, the others the name of a version.

    A package and a schema both say which version of copdns a node is to have.
    """

    LISTS = "lists"  # copies of lists, and the facts
    CONFIGURATION = "configuration"
    PACKAGE = "package"
    SCHEMA = "schema"


PROGRAMS: Final = frozenset({RolloutKind.PACKAGE, RolloutKind.SCHEMA})


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
    """What became of a rollout.  at: seconds since 1970.  by: a user of the machine, or COPDNS.

    why: what a person wrote, or `because` in English.  because: of COPDNS; None in steps that the
    version before wrote, too.
    """

    at: int
    by: str
    stage: RolloutStage
    state: RolloutState
    why: str = ""
    because: RolloutReason | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """A change.

    label: what people and their tools call it.  steps: at least its beginning.  schema: of a
    schema, the steps that its version has to know, each as "set/name".  is_final: the version
    before does not run any more, so there is no way back.
    """

    number: int
    kind: RolloutKind
    label: str
    steps: tuple[RolloutStep, ...]
    schema: frozenset[str] = frozenset()
    is_final: bool = False

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


def choose_program(
    rollouts: Sequence[Rollout], node: FleetNode, sites: Collection[str], *, is_frozen: bool
) -> Rollout | None:
    """Return the rollout whose label is the version of copdns that a node is to have."""
    found = [
        choose_rollout(rollouts, kind, node, sites, is_frozen=is_frozen)
        for kind in sorted(PROGRAMS)
    ]
    return max(filter(None, found), key=lambda each: each.number, default=None)


def running_schema(rollouts: Sequence[Rollout], known: Collection[str]) -> int:
    """Return the number of the newest schema that a program knows whole; 0 for none.

    known: its steps, each as "set/name".  One that was undone counts, until the program is another.
    """
    return max(
        (
            each.number
            for each in rollouts
            if each.kind is RolloutKind.SCHEMA and each.schema <= set(known)
        ),
        default=0,
    )


# --- what people decide ---------------------------------------------------------------------------


def begin_step(rollouts: Sequence[Rollout], kind: RolloutKind, by: str, now: int) -> RolloutStep:
    """Return the first step of a new rollout; raise RolloutError while another is under way.

    One without a way back that was stopped holds up none: a version that mends it has to come.
    """
    for each in rollouts:
        if each.kind not in _same_things(kind) or not each.is_under_way:
            continue
        if not each.is_final:
            raise RolloutError(
                "rollout %(number)s (%(kind)s) is under way; wait for its end, or undo it",
                number=each.number,
                kind=str(each.kind),
            )
        if each.state is not RolloutState.STOPPED:
            raise RolloutError(
                "rollout %(number)s is under way and has no way back; wait for its end, or stop it "
                "and begin the version that follows",
                number=each.number,
            )
    return RolloutStep(now, _person(by), RolloutStage.CANARY, RolloutState.GOING)


def undo_step(rollouts: Sequence[Rollout], number: int, by: str, why: str, now: int) -> RolloutStep:
    """Return the step that takes a rollout back everywhere, also one that is done.

    Raises RolloutError where nodes would have nothing to go back to.
    """
    rollout = find_rollout(rollouts, number)
    if rollout.state is RolloutState.UNDONE:
        raise RolloutError("rollout %(number)s is undone already", number=number)
    if rollout.is_final:
        raise RolloutError(
            "rollout %(number)s cannot be undone: the version before does not run with this "
            "schema any more; a new version goes forward, or a backup back",
            number=number,
        )
    if has_nothing_before(rollouts, rollout):
        raise RolloutError(
            "nothing is known of what nodes had before rollout %(number)s, so it cannot be "
            "undone; copdns provider family open opens what lists of families block",
            number=number,
        )
    return RolloutStep(now, _person(by), rollout.stage, RolloutState.UNDONE, _reason(why))


def has_nothing_before(rollouts: Sequence[Rollout], rollout: Rollout) -> bool:
    """Tell whether nodes have nothing to go back to: no earlier one is done and stands.

    Nor is there a way back from a schema with which the version before does not run.
    """
    return rollout.is_final or not any(
        each.kind in _same_things(rollout.kind)
        and each.number < rollout.number
        and each.stage is RolloutStage.DONE
        and each.state is not RolloutState.UNDONE
        for each in rollouts
    )


def contract_step(
    rollouts: Sequence[Rollout],
    number: int,
    nodes: Collection[FleetNode],
    asked_for: Collection[str],
    by: str,
    why: str,
    now: int,
    *,
    is_frozen: bool,
) -> RolloutStep:
    """Return the step after which the schema loses what only the version before used.

    asked_for: the steps that a program has to know to run then.  Raises RolloutError where somebody
    might not.
    """
    rollout = find_rollout(rollouts, number)
    newest = max(
        (
            each.number
            for each in rollouts
            if each.kind is RolloutKind.SCHEMA and each.state is not RolloutState.UNDONE
        ),
        default=0,
    )
    if rollout.kind is not RolloutKind.SCHEMA or number != newest:
        raise RolloutError("rollout %(number)s is not the newest schema that stands", number=number)
    if rollout.stage is not RolloutStage.DONE:
        raise RolloutError("rollout %(number)s is not on all nodes yet", number=number)
    if is_frozen:
        raise RolloutError("nothing is contracted in a freeze")
    for each in rollouts:
        if each.kind in PROGRAMS and each.is_under_way:
            raise RolloutError(
                "rollout %(number)s (%(kind)s) is under way, perhaps of a version that does not "
                "run then; wait for its end, or undo it",
                number=each.number,
                kind=str(each.kind),
            )
    if unknown := sorted(set(asked_for) - rollout.schema):
        raise RolloutError(
            "nodes that have rollout %(number)s need not know %(steps)s; first bring this version "
            "as a rollout of its own",
            number=number,
            steps=", ".join(unknown),
        )
    if late := sorted(
        each.name for each in nodes if each.has_taken(RolloutKind.SCHEMA).number != number
    ):
        raise RolloutError("not taken yet, or not heard of since: %(nodes)s", nodes=", ".join(late))
    return RolloutStep(now, _person(by), rollout.stage, rollout.state, _reason(why))


def resume_step(
    rollouts: Sequence[Rollout], number: int, by: str, why: str, now: int
) -> RolloutStep:
    """Return the step that lets a rollout that was stopped go on; the watch begins anew."""
    rollout = find_rollout(rollouts, number)
    if rollout.state is not RolloutState.STOPPED:
        raise RolloutError("rollout %(number)s is not stopped", number=number)
    return RolloutStep(now, _person(by), rollout.stage, RolloutState.GOING, _reason(why))


def stop_step(rollouts: Sequence[Rollout], number: int, by: str, why: str, now: int) -> RolloutStep:
    """Return the step that keeps a rollout where it is."""
    rollout = find_rollout(rollouts, number)
    if not rollout.is_under_way or rollout.state is RolloutState.STOPPED:
        raise RolloutError("rollout %(number)s does not go on anyway", number=number)
    return RolloutStep(now, _person(by), rollout.stage, RolloutState.STOPPED, _reason(why))


def new_freeze(begins: int, ends: int, by: str, why: str, now: int) -> RolloutFreeze:
    """Return a freeze without its number; raise RolloutError for one that cannot be."""
    if ends <= max(begins, now):
        raise RolloutError("a freeze ends after it begins, and not in the past")
    if ends - begins > LONGEST_FREEZE:
        raise RolloutError("a freeze is at most 31 days long")
    if begins > now + FARTHEST_FREEZE:
        raise RolloutError("a freeze begins within a year from now")
    return RolloutFreeze(0, begins, ends, _person(by), _reason(why))


def end_freeze(freezes: Sequence[RolloutFreeze], number: int, now: int) -> RolloutFreeze:
    """Return a freeze that ends now; raise RolloutError where there is none to end."""
    for each in freezes:
        if each.number == number and each.ends > now:
            return replace(each, ends=max(now, each.begins))
    raise RolloutError("there is no freeze %(number)s that could be ended", number=number)


def find_rollout(rollouts: Sequence[Rollout], number: int) -> Rollout:
    """Return a rollout; raise RolloutError where there is none of this number."""
    for each in rollouts:
        if each.number == number:
            return each
    raise RolloutError(
        "there is no rollout %(number)s; see copdns provider rollout list", number=number
    )


def _same_things(kind: RolloutKind) -> frozenset[RolloutKind]:
    return PROGRAMS if kind in PROGRAMS else frozenset({kind})


def with_step(rollout: Rollout, step: RolloutStep) -> Rollout:
    """Return it after a step."""
    return replace(rollout, steps=(*rollout.steps, step))


def _person(by: str) -> str:
    """Return who took a step: a user called as copdns is a person all the same, whose reasons stay
    in the house."""
    return f"user {by}" if by == COPDNS else by


def _reason(why: str) -> str:
    text = " ".join(why.split())
    if not text or len(text) > 500 or not text.isprintable():
        raise RolloutError("a reason has 1 to 500 characters")
    return text
