"""What else stops when something is blocked: told before it is, with the names to keep open.

A service takes names along that others need (`affects` in the data of services); a category takes
whole services along that stand on its lists.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from copdns.household.differences import ON, Difference
from copdns.lists.catalogue import Catalogue, Service
from copdns.model.household import Contact


class Loss(NamedTuple):
    """Something that stops besides what is meant.

    blocked: what is to be blocked, as a kind ("service", "category") and a slug.
    what: in words; of a service that stands on a list, "" and its slug in `service`.
    names: what would have to be allowed for it to stay.
    """

    kind: str
    blocked: str
    what: str
    service: str
    names: tuple[str, ...]


def losses(changed: tuple[Difference, ...], library: Catalogue) -> tuple[Loss, ...]:
    """Return what else stops by changes of a person's settings, as far as it is known."""
    return tuple(loss for each in changed if each.after == ON for loss in _of(each, library))


def of_service(service: Service) -> tuple[Loss, ...]:
    """Return what a service takes along."""
    return tuple(
        Loss("service", service.slug, what, "", (name,)) for name, what in service.affects.items()
    )


def by_contact(library: Catalogue, contact: Contact) -> tuple[Service, ...]:
    """Return the services that put a child in touch so, by title."""
    found = (each for each in library.services.values() if each.contact is contact)
    return tuple(sorted(found, key=lambda each: each.title.lower()))


def _of(change: Difference, library: Catalogue) -> Iterator[Loss]:
    if change.setting == "services" and change.value in library.services:
        yield from of_service(library.services[change.value])
    elif change.setting == "contacts":
        for service in by_contact(library, Contact(change.value)):
            yield from of_service(service)
    elif change.setting == "categories":
        yield from _on_lists(change.value, library)


def _on_lists(category: str, library: Catalogue) -> Iterator[Loss]:
    """Yield the services some of whose names are blocked by the lists of a category."""
    numbers = {info.number for info in library.index.infos if info.subject == category}
    for service in library.services.values():
        names = [each.name for each in service.matchers if _is_listed(library, each.name, numbers)]
        if names:
            yield Loss("category", category, "", service.slug, tuple(names))


def _is_listed(library: Catalogue, name: str, numbers: set[int]) -> bool:
    entries = [each for each in library.index.find(name) if each.list in numbers]
    return bool(entries) and not any(each.allow for each in entries)
