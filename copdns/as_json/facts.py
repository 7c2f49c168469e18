"""The facts as JSON objects: which are in force, what waits, and which were before."""

from __future__ import annotations

from collections.abc import Iterable

from copdns.as_json.plain import utc
from copdns.lists.facts import FactsState, HeldFact, held_fact_json


def facts_json(
    state: FactsState, number: int, made_at: float, troubles: Iterable[str]
) -> dict[str, object]:
    """Return the state.  number, made_at: of the newest facts here.  troubles: for people."""
    return {
        "number": number,
        "made_at": utc(made_at),
        "digest": state.digest,
        "in_force": state.in_force,
        "rolled_back": state.is_rolled_back,
        "tried_at": utc(state.tried_at),
        "checked_at": utc(state.checked_at),
        "error": state.error,
        "troubles": list(troubles),
        "version": state.version if state.held else "",
        "waiting": _held_facts_json(state.waiting),
        "kept": _held_facts_json(each for each in state.held if each.id in state.kept),
        "earlier": [
            {
                "digest": each.digest,
                "number": each.number,
                "made_at": utc(each.made_at),
                "until": utc(each.at),
            }
            for each in state.earlier
        ],
    }


def _held_facts_json(held: Iterable[HeldFact]) -> list[dict[str, object]]:
    shown = []
    for each in held:
        found = held_fact_json(each)
        del found["content"]  # `id` stands for it
        shown.append({**found, "added": list(each.added), "removed": list(each.removed)})
    return shown
