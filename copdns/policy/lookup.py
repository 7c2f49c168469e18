"""What the steps of the order of decision are asked about, and what each of them has.  Pure."""

from __future__ import annotations

from typing import Protocol

from copdns.lists.index import Entry
from copdns.model.build import mypyc_attr
from copdns.model.times import Grant
from copdns.model.verdict import StepNumber, Verdict


@mypyc_attr(acyclic=True)
class Lookup:
    """One name as the steps see it.

    entries: all list entries that cover it, the longest first.
    grants: those in force for it.
    is_always_open: no pause, schedule or budget closes it.
    is_homework: homework mode runs and opens it, so no pause or budget closes it.
    is_learning: no schedule for learning closes it.
    """

    __slots__ = (
        "entries",
        "grants",
        "is_always_open",
        "is_homework",
        "is_learning",
        "name",
        "qtype",
    )

    def __init__(
        self,
        name: str,
        qtype: int,
        entries: tuple[Entry, ...],
        grants: tuple[Grant, ...] = (),
        is_always_open: bool = False,
        is_homework: bool = False,
        is_learning: bool = False,
    ) -> None:
        self.name = name
        self.qtype = qtype
        self.entries = entries
        self.grants = grants
        self.is_always_open = is_always_open
        self.is_homework = is_homework
        self.is_learning = is_learning

    @property
    def has_content_grant(self) -> bool:
        """Whether a grant opens the name for what is in it, and not for time alone."""
        for grant in self.grants:  # noqa: SIM110 - asked of every name, nearly always for no grant
            if grant.content:
                return True
        return False


class Step(Protocol):
    """One step of the order.

    is_idle: it says nothing for this profile, so it is left out.
    only_if_listed: it says nothing about a name that no list entry covers, as most names are.
    """

    @property
    def number(self) -> StepNumber: ...

    @property
    def title(self) -> str: ...

    @property
    def is_idle(self) -> bool: ...

    @property
    def only_if_listed(self) -> bool: ...

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None: ...
