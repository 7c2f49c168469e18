"""What the policies of one household have in common: its lists, names, services and TTLs.

`build_context` makes it from the catalogue of lists and the household; the builders of steps
(`step_builders.py`) read it.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from copdns.dns.records import AAAA, PTR, SRV, TXT, A
from copdns.lists.catalogue import Catalogue
from copdns.lists.index import DictIndex, Entry, Index, ListInfo, ListKind
from copdns.lists.keys import find_key
from copdns.lists.log_only_book import COUNTING_KINDS
from copdns.model.broad_names import broad_names
from copdns.model.household import (
    Contact,
    Household,
    LocalName,
    NameRewrite,
    Profile,
)
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import suffixes
from copdns.model.scoped_names import EVERY_NAME
from copdns.model.verdict import SCHOOL, AnswerDefaults, LocalRecord
from copdns.policy.matching import VerdictByEntry, last_two_labels
from copdns.policy.special_names import NEVER_DENIED
from copdns.policy.split_table import Split

LOCAL_TTL = 60  # seconds: devices move
_RECORD_TYPES = {"TXT": TXT, "SRV": SRV}


RecordsByType = Mapping[int, tuple[LocalRecord, ...]]


class OwnRecords(NamedTuple):
    """The records of a local name, or of the reverse name of an address.

    scope: for whom they are (`Rule.scope`).
    """

    matcher: Matcher
    scope: str
    by_type: RecordsByType


class LocalNames(NamedTuple):
    """What a household answers itself, or has answered by upstreams of its own.

    by_list: local names, of everyone and of some, by the number of the list that is made for each.
    rewrites: the longest name first.  splits: domains with upstreams of their own, of everyone and
    of some.
    """

    by_list: Mapping[int, OwnRecords] = {}
    rewrites: tuple[NameRewrite, ...] = ()
    splits: tuple[Split, ...] = ()


NO_LOCAL_NAMES = LocalNames()


class ServiceNames(NamedTuple):
    """A service.  contact: whom it puts a child in touch with.  names: all that it owns."""

    contact: Contact
    names: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class HouseholdContext:
    """What the policies of one household have in common.

    index: bundled lists, lists from disk, and what the household itself defined.
    defaults: TTLs, and the address of the child's page.
    engines: a safe-search engine's id, its mode, then each exact host with its target.
    services: by slug.
    untraced_groups: protected groups, those of help names above all, whose queries leave no trace.
    help_domains: the last two labels of all help names, such as "org.uk".
    closable_groups: protected groups that a pause, a schedule or a budget closes all the same.
    verdict_by_entry: the memo of `Blocker.list_verdict`, which all its policies share.
    log_only: slugs of the lists that only count for now (`lists/log_only_book.py`).
    """

    household: str
    index: Index
    defaults: AnswerDefaults
    local: LocalNames = NO_LOCAL_NAMES
    engines: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    services: Mapping[str, ServiceNames] = field(default_factory=dict)
    untraced_groups: frozenset[str] = frozenset()
    help_domains: frozenset[str] = frozenset()
    closable_groups: frozenset[str] = frozenset()
    verdict_by_entry: VerdictByEntry = field(default_factory=dict, compare=False)
    log_only: frozenset[str] = frozenset()

    @property
    def infos(self) -> tuple[ListInfo, ...]:
        """All lists by number, as they decide: one that only counts is about nothing, so nothing
        that names a category or takes all lists of a kind means it."""
        if not self.log_only:
            return self.index.infos
        return tuple(
            replace(info, kind=ListKind.CATEGORY, subject="")
            if info.slug in self.log_only and info.kind in COUNTING_KINDS
            else info
            for info in self.index.infos
        )

    def log_only_lists(self, profile: Profile) -> tuple[ListInfo, ...]:
        """Return the lists that would block for a profile, but only count for now."""
        return tuple(
            info
            for info in self.index.infos
            if info.slug in self.log_only
            and (
                (info.kind is ListKind.BYPASS and profile.bypass)
                or (info.kind is ListKind.CATEGORY and info.subject in profile.categories)
            )
        )

    @property
    def _splits_of_all(self) -> Iterator[str]:
        return (each.matcher.name for each in self.local.splits if not each.scope)

    @property
    def open_below(self) -> frozenset[str]:
        """Names with a rewrite, a split domain of everyone or a name of ours at or below them.

        NXDOMAIN for one of them would deny those too (RFC 8020 section 2).
        """
        rewritten = (each.matcher.name for each in self.local.rewrites)
        names = (*NEVER_DENIED, *rewritten, *self._splits_of_all)
        return frozenset(suffix for name in names for suffix in suffixes(name))

    def lists(
        self, kind: ListKind, subjects: Collection[str] | None = None
    ) -> tuple[ListInfo, ...]:
        """Return the lists of a kind; subjects: only those about one of them."""
        return tuple(
            info
            for info in self.infos
            if info.kind is kind and (subjects is None or info.subject in subjects)
        )

    def list_numbers(
        self, kind: ListKind, subjects: Collection[str] | None = None
    ) -> frozenset[int]:
        """Return the numbers of the lists that `lists` returns."""
        return frozenset(info.number for info in self.lists(kind, subjects))

    def blocked_services(self, profile: Profile) -> frozenset[str]:
        """Return the slugs of the services that a profile blocks, by name or by their contact."""
        return profile.services | (self._contact_services(profile) - profile.contact_exceptions)

    def exceptions_for(self, profile: Profile) -> frozenset[str]:
        """Return the slugs of the services that a contact kind would block, were there not an
        exception for them."""
        return (self._contact_services(profile) & profile.contact_exceptions) - profile.services

    def _contact_services(self, profile: Profile) -> frozenset[str]:
        """Return the slugs of the services of the contact kinds that a profile blocks."""
        kinds = profile.contacts
        return frozenset(slug for slug, each in self.services.items() if each.contact in kinds)


def build_context(
    library: Catalogue,
    defaults: AnswerDefaults,
    household: Household,
    other: HouseholdContext | None = None,
    log_only: frozenset[str] = frozenset(),
) -> HouseholdContext:
    """Return what the policies of one household have in common.

    Names that are too broad for a household to answer or forward have no effect, and neither have
    those that it cannot protect (`lists/keys.py`).

    other: of another household, made from the same library: what is equal in all is taken from it.
    log_only: slugs of the lists that only count for now.
    """
    household = _without_keys(_without_broad_names(household), library)
    index, by_list = _with_own_names(library.index, household)
    services = {
        each.slug: ServiceNames(each.contact, each.matchers) for each in library.services.values()
    }
    services |= {each.slug: ServiceNames(each.contact, each.names) for each in household.services}
    groups = library.protected.values()
    return HouseholdContext(
        household=household.id,
        index=index,
        defaults=defaults,
        local=LocalNames(
            by_list=by_list,
            rewrites=tuple(sorted(household.rewrites, key=_rank)),
            splits=tuple(
                Split(Matcher(each.name), each.key, each.scope)
                for each in household.split_upstreams
                if each.key != EVERY_NAME  # these are the usual ones
            ),
        ),
        engines=_engines(library) if other is None else other.engines,
        services=services,
        untraced_groups=frozenset(group.slug for group in groups if group.is_untraced),
        help_domains=_help_domains(library) if other is None else other.help_domains,
        closable_groups=frozenset(
            (SCHOOL, *(group.slug for group in groups if not group.beats_time))
        ),
        log_only=log_only,
    )


def _engines(library: Catalogue) -> dict[str, dict[str, dict[str, str]]]:
    return {
        engine.id: {
            mode: dict.fromkeys(engine.hosts, target) for mode, target in engine.modes.items()
        }
        for engine in library.engines.values()
    }


def _without_broad_names(household: Household) -> Household:
    broad = broad_names(household)
    if not broad:
        return household
    return replace(
        household,
        local_names=tuple(e for e in household.local_names if e.domain not in broad),
        rewrites=tuple(e for e in household.rewrites if e.matcher.name not in broad),
        split_upstreams=tuple(
            e for e in household.split_upstreams if e.name not in broad or not e.name
        ),
    )


def _without_keys(household: Household, library: Catalogue) -> Household:
    kept = tuple(each for each in household.protected if find_key(each, library) is None)
    return replace(household, protected=kept)


def _help_domains(library: Catalogue) -> frozenset[str]:
    return frozenset(last_two_labels(matcher.name) for matcher in library.help_names)


def _rank(rewrite: NameRewrite) -> tuple[int, bool]:
    """Rank rewrites as rules are: the longest name first, then the one for the name itself."""
    return -len(rewrite.matcher.name), rewrite.matcher.match is not MatchKind.EXACT


def _with_own_names(shared: Index, household: Household) -> tuple[Index, dict[int, OwnRecords]]:
    """Return the index with the household's names in it, and the records of its local names."""
    own: list[tuple[ListInfo, list[tuple[Matcher, bool]]]] = []
    local: dict[int, OwnRecords] = {}
    openings: set[str] = set()
    first = len(shared.infos)

    def add(slug: str, kind: ListKind, matchers: Iterable[Matcher]) -> int:
        names = [(matcher, False) for matcher in matchers]
        number = first + len(own)
        info = ListInfo(number, slug, kind, slug, "household", size=len(names))
        own.append((info, names))
        return number

    if household.protected:
        add(SCHOOL, ListKind.PROTECTED, map(Matcher, household.protected))
        openings.update(part for name in household.protected for part in suffixes(name))
    for service in household.services:
        add(service.slug, ListKind.SERVICE, service.names)
    for records in _local_records(household.local_names):
        local[add("local", ListKind.LOCAL, (records.matcher,))] = records
        if not records.scope:  # of somebody's own nobody else may learn by what is denied
            openings.update(suffixes(records.matcher.name))
    return (HouseholdIndex(shared, DictIndex(own), openings) if own else shared), local


def _local_records(names: Iterable[LocalName]) -> Iterable[OwnRecords]:
    """Yield the records of each local name, and of its addresses' reverse names."""
    reverse: dict[tuple[str, str], list[LocalRecord]] = {}
    # Wildcards first: at a name that has records too, they hold for what is below.
    for each in sorted(names, key=lambda each: each.name == each.domain):
        by_type: dict[int, tuple[LocalRecord, ...]] = {}
        is_wildcard = each.name != each.domain
        for address in map(ip_address, each.addresses):
            qtype = _qtype(address)
            record = LocalRecord(each.name, qtype, str(address), LOCAL_TTL)
            by_type[qtype] = (*by_type.get(qtype, ()), record)
            if not is_wildcard:
                pointer = address.reverse_pointer
                named = LocalRecord(pointer, PTR, each.name, LOCAL_TTL)
                reverse.setdefault((pointer, each.scope), []).append(named)
        for text in each.records:
            kind, _, data = text.partition(" ")
            qtype = _RECORD_TYPES[kind]
            record = LocalRecord(each.name, qtype, data, LOCAL_TTL)
            by_type[qtype] = (*by_type.get(qtype, ()), record)
        match = MatchKind.BELOW if is_wildcard else MatchKind.SUBTREE
        yield OwnRecords(Matcher(each.domain, match), each.scope, by_type)
    for (pointer, scope), records in reverse.items():
        yield OwnRecords(Matcher(pointer, MatchKind.EXACT), scope, {PTR: tuple(records)})


def _qtype(address: IPv4Address | IPv6Address) -> int:
    return A if address.version == 4 else AAAA


class HouseholdIndex:
    """The household's own names on top of the lists that all households share."""

    __slots__ = ("_own", "_shared", "infos", "open_below", "special")

    def __init__(self, shared: Index, own: DictIndex, openings: Iterable[str]) -> None:
        """own: numbered from the end of the shared one on.

        openings: names at or below which it has one that is open for everyone.
        """
        self._shared = shared
        self._own = own
        self.infos = (*shared.infos, *own.infos)
        self.open_below = shared.open_below.union(openings)
        self.special = shared.special

    def names(self) -> Iterator[str]:
        """Yield every name that has an entry, once."""
        shared = set(self._shared.names())
        yield from shared
        yield from (each for each in self._own.names() if each not in shared)

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first; of the same, own ones."""
        own = self._own.find(qname)
        entries = self._shared.find(qname)
        if not own:
            return entries
        return tuple(sorted((*own, *entries), key=lambda entry: -len(entry.name)))
