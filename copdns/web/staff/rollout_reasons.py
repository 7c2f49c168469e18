"""Why copdns stopped a rollout, in a reader's language.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from copdns.provider.rollout.reasons import REASON_TEXTS, ReasonCode, is_share
from copdns.words.phrases import Phrases


def tell_reason(code: str, values: Mapping[str, str | float], phrases: Phrases) -> str:
    """Return a reason; values: of its text, and what else stands beside them."""
    shown = {
        name: phrases.exact_percent(float(value)) if is_share(name) else value
        for name, value in values.items()
    }
    return phrases.pgettext(*REASON_TEXTS[ReasonCode(code)]) % shown
