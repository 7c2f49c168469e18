"""What else stops when something is blocked, with the names to allow for it.  Pure.

A service shares names that others need (`affects` in the data of services).  The lists of a
category may contain whole services.  Only what is allowed so far stops; names to allow are offered
only where they help and do not open what is meant to be blocked (`spares` there).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from copdns.household.differences import ON, Difference
from copdns.lists.catalogue import Catalogue, Service
from copdns.model.household import Contact, OwnService
from copdns.model.matchers import Matcher


class Loss(NamedTuple):
    """Something that stops besides what is meant.

    kind, blocked: what is blocked: "service" or "category", and its slug.  what: what stops, in
    words; "" for a service on a list, whose slug is `service`.  names: those to allow for it to
    work; () where that would open what is blocked again.
    """

    kind: str
    blocked: str
    what: str
    service: str
    names: tuple[str, ...]


def names_of(service: Service | OwnService) -> tuple[Matcher, ...]:
    """Return the names that a service owns."""
    return service.names if isinstance(service, OwnService) else service.matchers


def losses(
    changed: tuple[Difference, ...], library: Catalogue, would_stop: Callable[[str], bool]
) -> tuple[Loss, ...]:
    """Return what else stops after changes of a person's settings, as far as that is known.

    would_stop: whether a name is open to the person so far, and settings may block it.
    """
    return tuple(
        dict.fromkeys(
            loss
            for each in changed
            if each.after == ON
            for loss in _losses_by_change(each, library, would_stop)
        )
    )


def service_losses(service: Service, would_stop: Callable[[str], bool]) -> tuple[Loss, ...]:
    """Return what stops when a service is blocked."""
    found: dict[str, list[str]] = {}
    for name, what in service.affects.items():
        if would_stop(name):
            found.setdefault(what, []).append(name)
    return tuple(
        Loss(
            "service",
            service.slug,
            what,
            "",
            tuple(names) if set(names) <= set(service.spares) else (),
        )
        for what, names in found.items()
    )


def services_by_contact(library: Catalogue, contact: Contact) -> tuple[Service, ...]:
    """Return the services where this kind of contact is possible, by title."""
    found = (each for each in library.services.values() if each.contact is contact)
    return tuple(sorted(found, key=lambda each: each.title.lower()))


def _losses_by_change(
    change: Difference, library: Catalogue, would_stop: Callable[[str], bool]
) -> Iterator[Loss]:
    if change.setting == "services" and change.value in library.services:
        yield from service_losses(library.services[change.value], would_stop)
    elif change.setting == "contacts":
        for service in services_by_contact(library, Contact(change.value)):
            yield from service_losses(service, would_stop)
    elif change.setting == "categories":
        yield from _losses_by_category(change.value, library, would_stop)


def _losses_by_category(
    category: str, library: Catalogue, would_stop: Callable[[str], bool]
) -> Iterator[Loss]:
    """Yield the services with names on the lists of a category."""
    numbers = {info.number for info in library.index.infos if info.subject == category}
    for service in library.services.values():
        names = [
            each.name
            for each in service.matchers
            if _is_listed(library, each.name, numbers) and would_stop(each.name)
        ]
        if names:
            yield Loss("category", category, "", service.slug, tuple(names))


def _is_listed(library: Catalogue, name: str, numbers: set[int]) -> bool:
    entries = [each for each in library.index.find(name) if each.list in numbers]
    return bool(entries) and not any(each.allow for each in entries)
