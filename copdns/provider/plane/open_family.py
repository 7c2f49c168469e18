"""What a node is given while the layer of families is open for all: law and security alone.

Categories, apps, bedtimes, safe search and the rules of households block nothing then, and copdns
is asked about no name.  What was there comes back as a whole at the end.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from copdns.provider.plane.snapshot import (
    Group,
    PlaneChange,
    PlaneSnapshot,
    PolicyClass,
    TokenOwner,
)


def with_family_open(whole: PlaneSnapshot) -> PlaneSnapshot:
    """Return a snapshot in which no class, and no household, blocks anything of its own."""
    return replace(
        whole,
        groups=_open_groups(whole.groups),
        classes=_open_classes(whole.classes),
        exceptions=(),
        tokens=None if whole.tokens is None else _without_households(whole.tokens),
    )


def change_with_family_open(change: PlaneChange) -> PlaneChange:
    """Return a change as that of a snapshot `with_family_open`: nothing of a family is blocked."""
    return replace(
        change,
        groups=_open_groups(change.groups),
        classes=None if change.classes is None else _open_classes(change.classes),
        new_exceptions=(),
        tokens=_without_households(change.tokens),
    )


def _without_households(tokens: Iterable[TokenOwner]) -> list[TokenOwner]:
    return [each._replace(household="") for each in tokens]


def _open_groups(groups: Mapping[int, Group]) -> dict[int, Group]:
    return {number: Group(each.policy_class) for number, each in groups.items()}


def _open_classes(classes: Mapping[int, PolicyClass]) -> dict[int, PolicyClass]:
    return {number: PolicyClass(has_security=each.has_security) for number, each in classes.items()}
