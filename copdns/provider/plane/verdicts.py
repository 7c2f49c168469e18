"""Decide what a class does with a set of lists, and say it in the text that dnsdist reads.

The order is that of `policy/order.py`, as far as it can hold for everybody in a class: law,
protected names (`name_sets.py`), security, times, lists, safe search.  What only one household
wants is not here; copdns decides that.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from copdns.model.reasons import BLOCKED, CENSORED, FILTERED, FORGED, truncate_text
from copdns.model.verdict import Reason
from copdns.provider.plane.name_sets import EMPTY, ENGINE, HELP, PROTECTED, NameSet, set_text
from copdns.provider.plane.snapshot import Layer, PolicyClass

SAFE_SEARCH: Final = "safe"  # what is done, beside a block by one of the layers
SAFE_SEARCH_TEXT: Final = f"{Reason.SAFE_SEARCH}: the engine's safe mode"
INSIDE: Final = ">"  # before a class, in keys about names inside a response
OPEN_INSIDE: Final = "open"
NOTHING_TOLD: Final[Mapping[str, str]] = {}


class ClassVerdict(NamedTuple):
    """What happens.  done: a layer, which blocks, or SAFE_SEARCH.  code, text: of the EDE."""

    done: str
    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.done}:{self.code}:{self.text}"


def judge_set(
    policy: PolicyClass,
    names: NameSet,
    layers: Mapping[str, Layer],
    told: Mapping[str, str] = NOTHING_TOLD,
) -> ClassVerdict | None:
    """Return what a class does with names that are on these lists; None: nothing.

    told: by slug, why a list blocks, where that is not what its layer says.
    """
    on = {layer: sorted(each for each in names if layers.get(each) is layer) for layer in Layer}
    if names & {HELP, PROTECTED}:
        return None
    if on[Layer.LAW]:
        return _block(Layer.LAW, CENSORED, str(Reason.LEGAL))
    if policy.has_security and on[Layer.SECURITY]:
        slug = on[Layer.SECURITY][0]
        return _block(Layer.SECURITY, BLOCKED, told.get(slug, f"{Reason.SECURITY}: {slug}"))
    if not names & policy.always_open:
        if policy.closed:
            return _block(Layer.FAMILY, FILTERED, str(policy.closed))
        if timed := sorted(each for each in policy.timed if each[0] in names):
            return _block(Layer.FAMILY, FILTERED, str(timed[0][1]))
    if blocks := [each for each in on[Layer.FAMILY] if each in policy.blocks]:
        text = told.get(blocks[0], f"{Reason.CATEGORY}: {blocks[0]}")
        return _block(Layer.FAMILY, FILTERED, text)
    if any(f"{ENGINE}{engine}" in names for engine in policy.safe_search):
        return ClassVerdict(SAFE_SEARCH, FORGED, SAFE_SEARCH_TEXT)
    return None


def verdict_rows(
    classes: Mapping[int, PolicyClass],
    sets: Iterable[NameSet],
    layers: Mapping[str, Layer],
    told: Mapping[str, str] = NOTHING_TOLD,
) -> Iterator[tuple[bytes, bytes]]:
    """Yield a row for each class and set that something happens to: `CLASS|SET`, and the verdict.

    The empty set stands for names that are on no list.  Times close the name that is asked for, and
    no response that leads to what they close; where that makes a difference, a row with INSIDE
    before the class has what happens to names inside a response.
    """
    every = {EMPTY, *sets}
    for number, policy in classes.items():
        timeless = replace(policy, closed=None, timed=frozenset())
        for names in every:
            verdict = judge_set(policy, names, layers, told)
            if verdict is not None:
                yield f"{number}|{set_text(names)}".encode(), str(verdict).encode()
            if names and timeless != policy:
                inside = judge_set(timeless, names, layers, told)
                if inside != verdict:
                    text = str(inside) if inside is not None else OPEN_INSIDE
                    yield f"{INSIDE}{number}|{set_text(names)}".encode(), text.encode()


def _block(layer: Layer, code: int, text: str) -> ClassVerdict:
    return ClassVerdict(layer, code, truncate_text(text))
