"""How a guardian's change of settings is weighed against what the other guardians chose."""

from __future__ import annotations

from copdns.accounts.roles import Actor, Balance
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets
from copdns.model.household import Profile


def balance_of(actor: Actor) -> Balance:
    """Return what a change of an actor is weighed by; in a dispute the usual rules hold."""
    return Balance(actor.id, _with_usual_rules)


def _with_usual_rules(profile: Profile) -> Profile:
    """Return the profile with the preset of its age band."""
    return apply(bundled_presets()[profile.band], profile)
