"""What a file of another program becomes here, as a JSON object."""

from __future__ import annotations

from copdns.household.moving_in.plan import Plan


def plan_json(plan: Plan) -> dict[str, object]:
    """Return a plan: each line of the file, who is new, and what is left to do."""
    return {
        "product": plan.product,
        "counts": {str(key): number for key, number in plan.count_results().items()},
        "people": [each._asdict() for each in plan.people],
        "lists": [each._asdict() for each in plan.lists],
        "settings": plan.settings,
        "lines": [{**each._asdict(), "said": str(each.said)} for each in plan.outcomes],
    }
