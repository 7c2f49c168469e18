"""What a family changes on its own page at a provider, and a command there refuses.  Pure.

Whoever has a shell on a machine of the provider's could name one household, and have its queries
recorded or answered with another address.  A command takes away, and adds none of these.
"""

from __future__ import annotations

from collections.abc import Iterator

from copdns.household.safeguards import default_mode
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, PrivacyMode, Profile

_KEEPS = list(PrivacyMode)  # from nothing to everything


def check_operator_edit(before: Household, after: Household) -> Household:
    """Return the household after an edit; raise HouseholdError where more of somebody would be
    kept, or names would lead elsewhere."""
    found = sorted({*_redirects(before, after), *_records(before, after)})
    if found:
        raise HouseholdError(
            "at a provider the family alone decides this, on its page: %(keys)s",
            keys=", ".join(found),
        )
    return after


def _redirects(before: Household, after: Household) -> Iterator[str]:
    """Yield the keys of local names and servers that would be there now."""
    for key in ("local_names", "rewrites", "split_upstreams"):
        if set(getattr(after, key)) - set(getattr(before, key)):
            yield key


def _records(before: Household, after: Household) -> Iterator[str]:
    """Yield the keys of what would be kept of a person beyond now, or beyond what is usual."""
    for new in after.profiles:
        old = before.profile(new.id)
        if new.full_log is not None and (old is None or new.full_log != old.full_log):
            yield f"profiles.{new.id}.full_log"
        if _KEEPS.index(new.privacy) > _KEEPS.index(_usual_mode(old, new)):
            yield f"profiles.{new.id}.privacy"
        # Somebody new may have them, as presets of some ages do: households are imported with them.
        if new.bypass_signs and old is not None and not old.bypass_signs:
            yield f"profiles.{new.id}.bypass_signs"


def _usual_mode(old: Profile | None, new: Profile) -> PrivacyMode:
    return default_mode(new.band) if old is None else old.privacy
