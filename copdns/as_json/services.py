"""What can be done with a service now, as a JSON object."""

from __future__ import annotations

from copdns.as_json.plain import utc
from copdns.model.reasons import text_of
from copdns.model.verdict import Verdict
from copdns.policy.service_state import ServiceState


def service_state_json(slug: str, title: str, state: ServiceState) -> dict[str, object]:
    """Return how much of a service is blocked, why, and what comes next."""
    found = state.verdict
    return {
        "id": slug,
        "title": title,
        "state": state.extent,
        "reason": found.reason,
        "text": text_of(found),
        "contact": found.contact,
        "until": utc(state.until),
        "then": _then_json(state.then),
    }


def _then_json(verdict: Verdict | None) -> dict[str, object] | None:
    if verdict is None:
        return None
    return {"action": verdict.action, "reason": verdict.reason, "text": text_of(verdict)}
