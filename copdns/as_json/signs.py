"""Signs of bypass as guardians may know them, as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from copdns.as_json.plain import utc
from copdns.model.household import Profile
from copdns.privacy.bypass_signs import BypassNotice


def bypass_signs_json(
    profile: Profile, notices: Iterable[BypassNotice], now: float
) -> dict[str, Any]:
    """Return whether signs of a person's devices are noticed, and the notices about them."""
    return {
        "profile": profile.id,
        "noticed": profile.notices_signs_at(now),
        "notices": [
            {
                "device": each.sign.device,
                "at": utc(each.sign.at),
                "kind": str(each.sign.kind),
                "proven": each.sign.proven,
            }
            for each in notices
            if each.profile.id == profile.id
        ],
    }
