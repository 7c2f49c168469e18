"""Changes to rules about sites, and to services of the household's own.  Pure.

As those of `edits.py`, each takes a household and gives the changed one, or says why it cannot be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from copdns.household.check import KnownIds
from copdns.household.edit_checks import free_id, remove_one, validate
from copdns.model.broad_networks import LEAST_PREFIX, is_broad_network
from copdns.model.errors import HouseholdError
from copdns.model.household import Contact, Household, OwnService, Rule, RuleAction
from copdns.model.matchers import Matcher, parse_matcher, parse_target
from copdns.model.times import Subject, Topic, TopicKind
from copdns.model.violations import no_such


def add_rule(
    household: Household,
    action: RuleAction,
    text: str,
    known: KnownIds,
    *,
    scope: str = "",
    over_security: bool = False,
    unsafe_search: bool = False,
    note: str = "",
    created: int = 0,
) -> Household:
    """Add a rule for a name (`games.example`, `*.…`, `=…`) or a network; it is the last of rules.

    text: what the person wrote.  scope: a profile's id, "#tag", or "" for everyone.

    HouseholdError for a block of what is protected, and for a network that is too broad
    (`broad_networks.py`).
    """
    about = parse_target(text)
    refuse_network(about)
    if action is RuleAction.BLOCK:
        _refuse_protected(about, known)
        if over_security or unsafe_search:
            raise HouseholdError("only an allow rule can override security lists or safe search")
    rule = Rule(
        free_id("r", household.rules),
        action,
        about,
        scope,
        over_security=over_security,
        unsafe_search=unsafe_search,
        note=note,
        created=created,
    )
    return validate(replace(household, rules=(*household.rules, rule)))


def remove_rule(household: Household, rule_id: str) -> Household:
    """Remove a rule by its id; HouseholdError where there is none."""
    return replace(household, rules=remove_one(household.rules, "id", rule_id, "rule"))


def set_rules(
    household: Household,
    action: RuleAction,
    names: Iterable[Matcher],
    known: KnownIds,
    *,
    scope: str = "",
    note: str = "",
    created: int = 0,
) -> Household:
    """Let each of these names be allowed, or blocked, by a rule of its own; a name has one rule in
    a scope, so the rule takes the place of one that says otherwise."""
    for each in names:
        there = next((e for e in household.rules if (e.target, e.scope) == (each, scope)), None)
        if there is not None and there.action is action:
            continue
        if there is not None:
            household = remove_rule(household, there.id)
        household = add_rule(
            household, action, str(each), known, scope=scope, note=note, created=created
        )
    return household


def note_rule(household: Household, rule_id: str, note: str) -> Household:
    """Give a rule another reason, which the child reads."""
    if all(each.id != rule_id for each in household.rules):
        raise HouseholdError(no_such("rule", rule_id, [each.id for each in household.rules]))
    rules = (replace(each, note=note) if each.id == rule_id else each for each in household.rules)
    return replace(household, rules=tuple(rules))


def rules_about(household: Household, text: str) -> tuple[Rule, ...]:
    """Return the rules whose target is what the person wrote, for every scope."""
    about = parse_target(text)
    return tuple(each for each in household.rules if each.target == about)


def add_service(
    household: Household,
    slug: str,
    title: str,
    names: Iterable[str],
    known: KnownIds,
    contact: Contact = Contact.NONE,
) -> Household:
    """Add a service of the household's own, which profiles can block by its slug."""
    if slug in known.services or any(each.slug == slug for each in household.services):
        raise HouseholdError(
            "the service '%(slug)s' already exists; choose another name", slug=slug
        )
    matchers = tuple(dict.fromkeys(map(parse_matcher, names)))
    service = OwnService(slug, title or slug, matchers, contact)
    return validate(replace(household, services=(*household.services, service)))


def set_service(
    household: Household, slug: str, title: str, names: Iterable[str], contact: Contact
) -> Household:
    """Give a service of the household's own another title, names and contact; its id stays, so
    whoever blocks it goes on with what it is now."""
    if all(each.slug != slug for each in household.services):
        there = [each.slug for each in household.services]
        raise HouseholdError(no_such("service of this household", slug, there))
    new = OwnService(slug, title or slug, tuple(dict.fromkeys(map(parse_matcher, names))), contact)
    old = next(each for each in household.services if each.slug == slug)
    services = tuple(new if each.slug == slug else each for each in household.services)
    changed = replace(household, services=services)
    return validate(changed if old.contact is contact else _without_exceptions(changed, slug))


def _without_exceptions(household: Household, slug: str) -> Household:
    """Return the household in which nobody has an exception for a service: it was made for another
    contact kind, or for a service that is gone."""
    profiles = (
        replace(each, contact_exceptions=each.contact_exceptions - {slug})
        if slug in each.contact_exceptions
        else each
        for each in household.profiles
    )
    return replace(household, profiles=tuple(profiles))


def remove_service(household: Household, slug: str) -> Household:
    """Remove an own service; profiles that block it must be changed before."""
    services = remove_one(household.services, "slug", slug, "service of this household")
    users = blocking(household, slug)
    if users:
        raise HouseholdError(
            "%(slug)s is still blocked for %(users)s; unblock it there first",
            users=", ".join(users),
            slug=slug,
        )
    if speaking := speaking_of(household, Topic(TopicKind.SERVICE, slug)):
        raise HouseholdError(
            "%(speaking)s would still use %(slug)s; change that first",
            speaking=", ".join(speaking),
            slug=slug,
        )
    return _without_exceptions(replace(household, services=services), slug)


def blocking(household: Household, slug: str) -> list[str]:
    """Return the ids of the profiles that block a service."""
    return [each.id for each in household.profiles if slug in each.services]


def speaking_of(household: Household, about: Subject) -> list[str]:
    """Return the ids of the schedules, budgets and profiles that name a subject."""
    found = [each.id for each in household.schedules if about in each.about]
    found += [each.id for each in household.budgets if about in each.about]
    both = ((each.id, (*each.always, *each.homework)) for each in household.profiles)
    return [*found, *(profile_id for profile_id, open_names in both if about in open_names)]


def refuse_network(about: Matcher | str) -> None:
    """Raise HouseholdError for a network that no rule can be about (`broad_networks.py`)."""
    if is_broad_network(about):
        raise HouseholdError(
            "%(network)s covers too much of the internet, so a rule about it would have no effect; "
            "write a smaller network, of /%(four)s or longer in IPv4 and /%(six)s in IPv6",
            name="target",
            network=str(about),
            four=LEAST_PREFIX[4],
            six=LEAST_PREFIX[6],
        )


def _refuse_protected(about: Matcher | str, known: KnownIds) -> None:
    if isinstance(about, Matcher) and known.protected(about.name):
        raise HouseholdError(
            "%(about)s is protected and cannot be blocked: help, learning and device security "
            "must work for everyone, so this rule would have no effect (docs/household.md)",
            name="target",
            about=about.name,
        )
