"""Rollouts, freezes and nodes as programs read them: commands with --json, and pages.  Pure."""

from __future__ import annotations

from copdns.provider.law.statement import utc_text as utc
from copdns.provider.rollout.figures import NodeFigures
from copdns.provider.rollout.reasons import reason_json
from copdns.provider.rollout.rollouts import FleetNode, Rollout, RolloutFreeze


def rollout_json(found: Rollout) -> dict[str, object]:
    """Return a rollout with its steps."""
    return {
        "number": found.number,
        "kind": str(found.kind),
        "label": found.label,
        "stage": str(found.stage),
        "state": str(found.state),
        "under_way": found.is_under_way,
        "final": found.is_final,
        "steps": [
            {
                "at": utc(each.at),
                "by": each.by,
                "stage": str(each.stage),
                "state": str(each.state),
                "why": each.why,
                "because": reason_json(each.because),
            }
            for each in found.steps
        ],
    }


def freeze_json(found: RolloutFreeze) -> dict[str, object]:
    """Return a freeze."""
    return {
        "number": found.number,
        "begins": utc(found.begins),
        "ends": utc(found.ends),
        "by": found.by,
        "why": found.why,
    }


def node_json(node: FleetNode, figures: NodeFigures, now: int) -> dict[str, object]:
    """Return a node with what it counted."""
    return {
        "name": node.name,
        "site": node.site,
        "is_canary": node.is_canary,
        "seen": utc(node.seen),
        "is_live": node.is_live(now),
        "answers": node.answers,
        "rollouts": {str(kind): each.number for kind, each in node.taken.items()},
        "queries": figures.queries,
        "servfails": figures.servfails,
        "blocks": figures.blocks,
        "latencies": list(figures.latencies),
    }
