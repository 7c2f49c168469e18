"""Why copdns stopped a rollout or took it back: a code of a closed list, and its figures.

What is stored and sent is code and values; pages and messages put them into their reader's
language, commands and the log into English.  Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from copdns.model.sentences import Phrase

_SHARES: Final = frozenset({"share", "usual"})


class ReasonCode(StrEnum):
    """A reason.  Stored, so a name is kept for good."""

    SERVFAIL_HIGH = "servfail_high"  # and nothing to compare with
    SERVFAIL_DIFFERS = "servfail_differs"
    BLOCKS_DIFFER = "blocks_differ"
    SLOW_DIFFERS = "slow_differs"
    SILENT = "silent"
    DNSDIST_SILENT = "dnsdist_silent"


REASON_TEXTS: Final[Mapping[ReasonCode, Phrase]] = {
    ReasonCode.SERVFAIL_HIGH: Phrase("why a rollout stopped", "%(share)s SERVFAIL"),
    ReasonCode.SERVFAIL_DIFFERS: Phrase(
        "why a rollout stopped", "%(share)s SERVFAIL in place of %(usual)s"
    ),
    ReasonCode.BLOCKS_DIFFER: Phrase(
        "why a rollout stopped", "%(share)s blocked in place of %(usual)s"
    ),
    ReasonCode.SLOW_DIFFERS: Phrase(
        "why a rollout stopped", "%(share)s over 100 ms in place of %(usual)s"
    ),
    ReasonCode.SILENT: Phrase(
        "why a rollout stopped", "nothing is heard of %(nodes)s since it took it"
    ),
    ReasonCode.DNSDIST_SILENT: Phrase(
        "why a rollout stopped", "dnsdist of %(nodes)s has not answered for %(minutes)s minutes"
    ),
}


@dataclass(frozen=True, slots=True)
class RolloutReason:
    """values: share and usual from 0 to 1, nodes by their names, minutes."""

    code: ReasonCode
    values: Mapping[str, str | float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it in English."""
        shown = {
            name: f"{value:.1%}" if is_share(name) else value for name, value in self.values.items()
        }
        return REASON_TEXTS[self.code].text % shown


def is_share(name: str) -> bool:
    """Tell whether a value is a share, which each language writes in its own way."""
    return name in _SHARES


def reason_json(reason: RolloutReason | None) -> dict[str, object] | None:
    """Return it for programs."""
    return None if reason is None else {"code": str(reason.code), **reason.values}


def store_reason(reason: RolloutReason | None) -> str:
    """Return it as it is stored; "" for none."""
    return "" if reason is None else json.dumps(reason_json(reason))


def load_reason(text: str) -> RolloutReason | None:
    """Return what was stored; None for nothing, and for a reason of a newer program's, also where
    that has other values for a code of this one: the English text stands beside it."""
    try:
        values = json.loads(text) if text else {}
        reason = RolloutReason(ReasonCode(values.pop("code")), values)
        str(reason)  # all values of its text are there, as they are shown
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return reason
