"""What else stops when something is blocked, with the names to allow for it; and how much of a
service is blocked by all settings together.  Pure.

A service shares names that others need (`affects` in the data of services).  The lists of a
category may contain whole services.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from copdns.household.differences import ON, Difference
from copdns.lists.catalogue import BYPASS, Catalogue, Service
from copdns.lists.index import ListKind
from copdns.model.household import Contact, Household, OwnService, Profile, RuleAction
from copdns.model.matchers import Matcher
from copdns.time.plan import in_scope


class Loss(NamedTuple):
    """Something that stops besides what is meant.

    kind, blocked: what is blocked: "service" or "category", and its slug.  what: what stops, in
    words; "" for a service on a list, whose slug is `service`.  names: those to allow for it to
    work.
    """

    kind: str
    blocked: str
    what: str
    service: str
    names: tuple[str, ...]


class ServiceBlock(NamedTuple):
    """What blocks a service for a person, and how much of it.

    ticked: by itself.  contact: by who can send messages there.  categories: blocked ones whose
    lists have some of its names, and all of them unless `some`; "bypass" for network signals too.
    allowed: a rule allows some of its names or all.
    """

    ticked: bool
    contact: bool
    categories: tuple[str, ...]
    some: bool
    allowed: bool

    @property
    def is_whole(self) -> bool:
        """Tell whether all of it is blocked."""
        by_category = bool(self.categories) and not self.some
        return (self.ticked or self.contact or by_category) and not self.allowed


def service_blocks(
    household: Household, profile: Profile, library: Catalogue
) -> dict[str, ServiceBlock]:
    """Return what blocks each service for a person, by its slug."""
    rules = in_scope(household.rules, profile)
    allowed = tuple(
        each.target
        for each in rules
        if each.action is RuleAction.ALLOW and isinstance(each.target, Matcher)
    )
    chosen = profile.categories | ({BYPASS} if profile.bypass else frozenset())
    subjects = {
        info.number: BYPASS if info.kind is ListKind.CANARY else info.subject
        for info in library.index.infos
        if info.subject in (profile.canaries if info.kind is ListKind.CANARY else chosen)
    }
    services: tuple[Service | OwnService, ...] = (
        *library.services.values(),
        *household.services,
    )
    return {
        each.slug: _service_block(each, profile, library, subjects, allowed) for each in services
    }


def _service_block(
    service: Service | OwnService,
    profile: Profile,
    library: Catalogue,
    subjects: Mapping[int, str],
    allowed: tuple[Matcher, ...],
) -> ServiceBlock:
    matchers = names_of(service)
    listed = [_subjects_with(library, each.name, subjects) for each in matchers]
    return ServiceBlock(
        ticked=service.slug in profile.services,
        contact=service.contact in profile.contacts
        and service.slug not in profile.contact_exceptions,
        categories=tuple(sorted(frozenset().union(*listed))),
        some=not all(listed),
        allowed=any(
            rule.covers(each.name) or each.covers(rule.name)
            for rule in allowed
            for each in matchers
        ),
    )


def names_of(service: Service | OwnService) -> tuple[Matcher, ...]:
    """Return the names that a service owns."""
    return service.names if isinstance(service, OwnService) else service.matchers


def losses(changed: tuple[Difference, ...], library: Catalogue) -> tuple[Loss, ...]:
    """Return what else stops after changes of a person's settings, as far as that is known."""
    return tuple(
        loss for each in changed if each.after == ON for loss in _losses_by_change(each, library)
    )


def service_losses(service: Service) -> tuple[Loss, ...]:
    """Return what stops when a service is blocked."""
    return tuple(
        Loss("service", service.slug, what, "", (name,)) for name, what in service.affects.items()
    )


def services_by_contact(library: Catalogue, contact: Contact) -> tuple[Service, ...]:
    """Return the services where this kind of contact is possible, by title."""
    found = (each for each in library.services.values() if each.contact is contact)
    return tuple(sorted(found, key=lambda each: each.title.lower()))


def _losses_by_change(change: Difference, library: Catalogue) -> Iterator[Loss]:
    if change.setting == "services" and change.value in library.services:
        yield from service_losses(library.services[change.value])
    elif change.setting == "contacts":
        for service in services_by_contact(library, Contact(change.value)):
            yield from service_losses(service)
    elif change.setting == "categories":
        yield from _losses_by_category(change.value, library)


def _losses_by_category(category: str, library: Catalogue) -> Iterator[Loss]:
    """Yield the services with names on the lists of a category."""
    numbers = {info.number for info in library.index.infos if info.subject == category}
    for service in library.services.values():
        names = [each.name for each in service.matchers if _is_listed(library, each.name, numbers)]
        if names:
            yield Loss("category", category, "", service.slug, tuple(names))


def _subjects_with(library: Catalogue, name: str, subjects: Mapping[int, str]) -> frozenset[str]:
    """Return the subjects of the lists, given by number, that block a name."""
    entries = [each for each in library.index.find(name) if each.list in subjects]
    allowing = {each.list for each in entries if each.allow}
    return frozenset(subjects[each.list] for each in entries if each.list not in allowing)


def _is_listed(library: Catalogue, name: str, numbers: set[int]) -> bool:
    entries = [each for each in library.index.find(name) if each.list in numbers]
    return bool(entries) and not any(each.allow for each in entries)
