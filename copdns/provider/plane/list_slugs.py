"""Turn the lists of an installation into those of the data plane, and tell which is about what.

Rules of lists that are more than a name (patterns, addresses) are left out: dnsdist looks names up.
Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from copdns.lists.catalogue import BundledFiles, Service
from copdns.lists.index import ListKind
from copdns.lists.small_index import Draft
from copdns.model.household import Contact
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import Subject, Topic, TopicKind
from copdns.model.verdict import Reason
from copdns.provider.plane.snapshot import Layer, ListedNames, NameList
from copdns.provider.plane.special_names import bundled_names

_LAYERS: Final = {
    ListKind.LEGAL: Layer.LAW,
    ListKind.SECURITY: Layer.SECURITY,
    ListKind.BYPASS: Layer.FAMILY,
    ListKind.SERVICE: Layer.FAMILY,
    ListKind.CATEGORY: Layer.FAMILY,
    ListKind.NO_SAFE_SEARCH: Layer.FAMILY,
    ListKind.CANARY: Layer.FAMILY,
}
_NOTHING: Final = frozenset[str]()


@dataclass(frozen=True, slots=True)
class ListSlugs:
    """Which lists are about what, by slug.

    canaries: by the id of a signal.  contacts: of each service, with whom it puts in touch.
    """

    topics: Mapping[Topic, frozenset[str]] = field(default_factory=dict)
    canaries: Mapping[str, frozenset[str]] = field(default_factory=dict)
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    bypass: frozenset[str] = _NOTHING
    no_safe_search: frozenset[str] = _NOTHING

    def of(self, kind: TopicKind, subject: str) -> frozenset[str]:
        """Return the lists about a category or service, or the list of that slug."""
        return self.topics.get(Topic(kind, subject), _NOTHING)

    def about(self, subject: Subject) -> frozenset[str]:
        """Return the lists that a subject means; none where it is a name."""
        return self.topics.get(subject, _NOTHING) if isinstance(subject, Topic) else _NOTHING

    def services_of(self, contacts: Collection[Contact]) -> frozenset[str]:
        """Return the services of some kinds of contact."""
        return frozenset(slug for slug, each in self.contacts.items() if each in contacts)


def read_drafts(
    drafts: Iterable[Draft], found: BundledFiles, services: Mapping[str, Service]
) -> tuple[ListedNames, ListSlugs]:
    """Return all names, and which lists are about what.  services: those in force."""
    lists: list[NameList] = []
    topics: dict[Topic, frozenset[str]] = {}
    canaries: dict[str, frozenset[str]] = {}
    others: dict[ListKind, frozenset[str]] = {}
    allowed: dict[str, tuple[Matcher, ...]] = {}  # by what the lists that open it are about
    subjects: dict[str, str] = {}
    for each in drafts:
        layer = _LAYERS.get(each.kind)
        if layer is None or each.error:
            continue
        if each.opens:
            allowed[each.subject] = (*allowed.get(each.subject, ()), *_matchers(each.allows))
            continue
        lists.append(_name_list(each, layer))
        subjects[each.slug] = each.subject
        mine = frozenset({each.slug})
        kind = _TOPICS.get(each.kind)
        keys = [Topic(TopicKind.LIST, each.slug)]
        if kind is not None:
            keys.append(Topic(kind, each.subject))
        for key in keys:
            topics[key] = topics.get(key, _NOTHING) | mine
        if each.kind is ListKind.CANARY:
            canaries[each.subject] = mine
        else:
            others[each.kind] = others.get(each.kind, _NOTHING) | mine
    slugs = ListSlugs(
        topics,
        canaries,
        {slug: each.contact for slug, each in services.items()},
        others.get(ListKind.BYPASS, _NOTHING),
        others.get(ListKind.NO_SAFE_SEARCH, _NOTHING),
    )
    lists = [
        replace(each, opens=(*each.opens, *allowed.get(subjects[each.slug], ()))) for each in lists
    ]
    return ListedNames(tuple(_give_to_owners(lists, slugs)), bundled_names(found)), slugs


_TOPICS: Final = {ListKind.CATEGORY: TopicKind.CATEGORY, ListKind.SERVICE: TopicKind.SERVICE}


def _name_list(draft: Draft, layer: Layer) -> NameList:
    return NameList(
        draft.slug,
        layer,
        _matchers(draft.blocks),
        _matchers(draft.allows),
        _reason_text(draft),
    )


def _matchers(names: Mapping[str, MatchKind]) -> tuple[Matcher, ...]:
    return tuple(Matcher(name, match) for name, match in names.items())


def _reason_text(draft: Draft) -> str:
    """Return why a list blocks, in the words of `model/reasons.py`."""
    if draft.kind is ListKind.SECURITY:
        return f"{Reason.SECURITY}: {draft.subject} (list {draft.slug})"
    if draft.kind is ListKind.CATEGORY:
        return f"{Reason.CATEGORY}: {draft.subject} (list {draft.slug})"
    if draft.kind is ListKind.SERVICE:
        return f"{Reason.SERVICE}: {draft.subject}"
    if draft.kind is ListKind.LEGAL:
        return ""
    return f"{draft.kind}: list {draft.slug}"


def _give_to_owners(lists: list[NameList], slugs: ListSlugs) -> Iterable[NameList]:
    """Yield the lists; a name inside two services belongs to the one with the longer name."""
    of_services = frozenset[str]().union(
        *(found for topic, found in slugs.topics.items() if topic.kind is TopicKind.SERVICE)
    )
    owners = {
        matcher: each.slug for each in lists if each.slug in of_services for matcher in each.names
    }
    for each in lists:
        if each.slug not in of_services:
            yield each
            continue
        mine = {matcher.name for matcher in each.names}
        taken = tuple(
            matcher
            for matcher, slug in owners.items()
            if slug != each.slug and matcher.name not in mine and _is_below(matcher.name, mine)
        )
        yield replace(each, opens=(*each.opens, *taken)) if taken else each


def _is_below(name: str, names: Collection[str]) -> bool:
    above = name.partition(".")[2]
    while above:
        if above in names:
            return True
        above = above.partition(".")[2]
    return False
