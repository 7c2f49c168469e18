"""Which site a person means by what they typed: a name, a copied address, or the name of an app.

A word alone is no site: to say that it is allowed would be true of nothing that anybody can open.
Only where the home itself has such a name, or a rule for it, it means that.  Pure.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from copdns.dns.records import A
from copdns.lists.catalogue import Catalogue, Service
from copdns.lists.find_app import find_app
from copdns.model.household import Household, OwnService
from copdns.model.names import name_of
from copdns.model.verdict import Reason, Verdict
from copdns.policy.decide import Policy, explain

# What says of any name that it is open or closed, whether there is such a name or not.
_OF_ANY_NAME: Final = frozenset(
    {
        *(Reason.NOT_A_CLIENT, Reason.PAUSED, Reason.SCHEDULE, Reason.BUDGET, Reason.GRANTED),
        *(Reason.DEFAULT, Reason.NOT_ON_ALLOWLIST),
    }
)


class TypedSite(NamedTuple):
    """name: in its normal form; "" for none.  is_word: it is only a word, and not a site's name."""

    name: str
    is_word: bool = False


Apps = tuple[OwnService | Service, ...]


def apps_of(household: Household, library: Catalogue) -> Apps:
    """Return what a household can mean by the name of an app; its own come first."""
    return (*household.services, *library.services.values())


def read_site(typed: str, apps: Apps, policy: Policy, now: float) -> TypedSite:
    """Return the site that is meant; of an app, the site that people mean by it."""
    name = name_of(typed)
    if "." in name:
        return TypedSite(name)
    if (app := find_app(typed, apps)) is not None:
        return TypedSite(app.site)
    steps = explain(policy, name, A, now) if name else ()
    if any(each.verdict and _knows(each.verdict) for each in steps):
        return TypedSite(name)
    return TypedSite("", is_word=bool(name))


def _knows(verdict: Verdict) -> bool:
    """Tell whether a verdict is about this name: the home answers of any other word that there is
    nothing."""
    local = verdict.local
    is_empty = local is not None and not local.records and not local.is_own_address
    return not is_empty and verdict.reason not in _OF_ANY_NAME
