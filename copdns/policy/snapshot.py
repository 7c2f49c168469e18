"""The live state: one immutable snapshot that says who asks and which policy is theirs.

A change builds a new one beside the old and swaps a single reference, so a query sees all of a
change or nothing.  What a change does not touch stays the same object.  Pure.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice
from math import inf
from typing import NamedTuple, Self

from copdns.dns.records import AAAA, PTR, A
from copdns.lists.catalogue import Catalogue
from copdns.lists.index import DictIndex, Entry, Index, ListInfo, ListKind
from copdns.model.addresses import Network
from copdns.model.household import (
    Band,
    Default,
    Household,
    LocalName,
    NameRewrite,
    PrivacyMode,
    Profile,
)
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import OnFailure
from copdns.model.verdict import AnswerDefaults, LocalRecord, Reason, Requestor
from copdns.policy.decide import HouseholdContext, Policy, build_policy, refusing_policy
from copdns.policy.shared_steps import RulesByScope, StepSharing
from copdns.time.budget import RECHECK_BEFORE
from copdns.time.days import DAY_SECONDS
from copdns.time.plan import NO_INPUTS, PolicyInputs, TimePlan, build_time_plan

GUEST = "guest"
_UNKNOWN = ""  # in place of a profile's id: devices that nobody named, where they are a failure
_REMEMBERED = 4096  # addresses whose device was looked up, beside those that a household names
_NOTICED = 1024  # addresses of devices that nobody named, until somebody asks for them

LOCAL_TTL = 60  # seconds: devices move


class Client(NamedTuple):
    """Who asks: the device's id is "" for one that nobody named.

    sure: nothing that the kernel may know of the address could make it somebody else.
    """

    household: str
    device: str
    policy: Policy
    is_certain: bool = True


class UnknownClient(NamedTuple):
    """Somebody who asked and whom a guardian may want to name.

    device: "" for one that nobody named; else the one that is known by this address, and whose
        MAC address nobody wrote down.  mac: "" where none was seen.
    """

    household: str
    device: str
    address: str
    mac: str


@dataclass(frozen=True, slots=True)
class Sightings:
    """Which MAC address was seen behind an address.

    neighbours: in the kernel's table of neighbours; None where that cannot be read.
    leases: as DHCP servers on this machine handed the addresses out; older, so it counts less.
    """

    neighbours: Mapping[str, str] | None = None
    leases: Mapping[str, str] = field(default_factory=dict)

    def mac_at(self, address: str) -> str:
        """Return the MAC address that is behind an address, "" when nothing tells."""
        near = self.neighbours.get(address) if self.neighbours else None
        return near or self.leases.get(address, "")


NO_SIGHTINGS = Sightings()

PolicyByProfile = Mapping[tuple[str, str], tuple[object, Policy]]  # with what each was made from


class HouseholdIndex:
    """The household's own names on top of the lists that all households share."""

    __slots__ = ("_own", "_shared", "infos", "open_below")

    def __init__(self, shared: Index, own: DictIndex) -> None:
        """own: numbered from the end of the shared one on."""
        self._shared = shared
        self._own = own
        self.infos = (*shared.infos, *own.infos)
        self.open_below = shared.open_below | own.open_below

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first; of the same, own ones."""
        own = self._own.find(qname)
        entries = self._shared.find(qname)
        if not own:
            return entries
        return tuple(sorted((*own, *entries), key=lambda entry: -len(entry.name)))


class Snapshot:
    """All that a query needs to know.

    rebuild_at: when an announced change is due, or another day has to be worked out; None: never.
    refresh_at: the same, when it has to be found out anew for how long minutes surely last.
    made_at: a wall clock that shows an earlier time was set back, and what it shows is not known.
    What `who` said holds as long as this object is the one in force.
    """

    __slots__ = (
        "_by_address",
        "_by_mac",
        "_by_network",
        "_guest",
        "_noticed",
        "_remembered",
        "_strangers",
        "_with_macs",
        "built_at",
        "defaults",
        "households",
        "library",
        "policies",
        "rebuild_at",
        "refresh_at",
        "shared",
        "sightings",
    )

    def __init__(
        self,
        library: Catalogue,
        defaults: AnswerDefaults,
        households: Sequence[Household],
        shared: Mapping[str, HouseholdContext],
        policies: PolicyByProfile,
        now: float,
        before: Snapshot | None = None,
        rebuild_at: float | None = None,
    ) -> None:
        self.library = library
        self.defaults = defaults
        self.households = {each.id: each for each in households}
        self.shared = shared
        self.policies = policies
        self.sightings: Sightings = before.sightings if before else NO_SIGHTINGS
        self._strangers: Client = before._strangers if before else Client("", "", refusing_policy())
        self._remembered: dict[str, Client] = {}
        # Shared by all snapshots, so that a change in the same moment lets nobody go unnoticed.
        self._noticed: dict[str, UnknownClient] = before._noticed if before else {}
        self._by_mac: dict[str, Client] = {}
        self._by_address: dict[str, Client] = {}
        self._by_network: list[tuple[Network, Client]] = []
        self._with_macs: set[Client] = set()
        self._place(households)
        self.built_at = now
        self.rebuild_at = rebuild_at
        self.refresh_at = min((at for at in _sure_until(policies) if at > now), default=None)

    def is_due(self, now: float) -> bool:
        """Tell whether it is time for another snapshot."""
        moments = self.rebuild_at, self.refresh_at
        return any(at is not None and now >= at for at in moments)

    def _place(self, households: Sequence[Household]) -> None:
        self._guest = self._strangers
        for household in reversed(households):
            guest = self.policy(household.id, _guest_of(household))
            self._guest = Client(household.id, "", guest)
            for device in household.devices:
                policy = self.policy(household.id, device.profile)
                client = Client(household.id, device.id, policy)
                self._by_mac.update(dict.fromkeys(device.macs, client))
                if device.macs:
                    self._with_macs.add(client)
                for text in device.addresses:  # in normal form: plain for a single address
                    if "/" in text:
                        self._by_network.append((ip_network(text), client))
                    else:
                        self._by_address[text] = client
        self._by_network.sort(key=lambda each: -each[0].prefixlen)

    def policy(self, household: str, profile: str) -> Policy:
        """Return a profile's policy; KeyError when there is no such profile."""
        return self.policies[household, profile][1]

    def profile(self, household: str, profile: str) -> Profile:
        """Return a profile, also the built-in one of guests; KeyError when there is no such one."""
        found = self.households[household].profile(profile)
        if found is None and profile != GUEST:
            raise KeyError(profile)
        return found or guest_profile()

    def identify(self, asker: Requestor) -> Client:
        """Return who asks; strangers get a client whose policy refuses everything."""
        key = f"{asker.mac} {asker.address}" if asker.mac else asker.address
        client = self._remembered.get(key)
        if client is None:
            client = self._find(asker)
            named = len(self._by_address) + len(self._by_mac)
            if len(self._remembered) >= _REMEMBERED + 2 * named:
                self._remembered.clear()
            self._remembered[key] = client
        return client

    def _find(self, asker: Requestor) -> Client:
        """Return who asks, by the strongest evidence that there is (docs/devices.md).

        A MAC address that a forwarder tells, then the neighbours', then a lease's; then the
        address itself, then the network that it is in.
        """
        mac = asker.mac or self.sightings.mac_at(asker.address)
        client = self._by_mac.get(mac)
        if client is not None:
            return client
        client = self._by_address.get(asker.address)
        if client is not None and not self._contradicts(mac, client):
            if mac and not asker.mac:
                self._notice(UnknownClient(client.household, client.device, asker.address, mac))
            return client
        client = self._by_its_network(asker.address, mac)
        if not client.device and client.household:
            self._notice(UnknownClient(client.household, "", asker.address, mac))
        if mac or not self._by_mac or self.sightings.neighbours is None:
            return client
        return client._replace(is_certain=ip_address(asker.address).is_loopback)

    def _contradicts(self, mac: str, client: Client) -> bool:
        """Tell whether a MAC address that is nobody's shows that it is not this device.

        A device whose MAC addresses are known would have been told by them.
        """
        return bool(mac) and client in self._with_macs

    def _by_its_network(self, text: str, mac: str) -> Client:
        address = ip_address(text)
        for network, client in self._by_network:
            if address in network and not self._contradicts(mac, client):
                return client
        served = any(address in network for network in self.defaults.allow)
        return self._guest if served else self._strangers

    def _notice(self, notice: UnknownClient) -> None:
        if len(self._noticed) < _NOTICED:
            self._noticed[notice.mac or notice.address] = notice

    def take_unknown(self) -> tuple[UnknownClient, ...]:
        """Return who asked since the last call and might be given a name; some may be known now."""
        found = tuple(self._noticed.values())
        self._noticed.clear()
        return found

    def recent_requestors(self, most: int) -> Iterator[tuple[str, str]]:
        """Yield addresses from which somebody of a household asked, with the MACs that were told.

        Those of a while only: a new snapshot begins anew.
        """
        for key, client in islice(self._remembered.items(), most):
            if client.household:
                mac, _, address = key.rpartition(" ")
                yield address, mac

    def client_by_mac(self, mac: str) -> Client | None:
        """Return the device that has a MAC address."""
        return self._by_mac.get(mac)

    def client_by_address(self, address: str) -> Client | None:
        """Return the device that is known by an address, not by a network around it."""
        return self._by_address.get(address)

    def with_sightings(self, sightings: Sightings) -> Self:
        """Return the snapshot for what is seen of the network now; all policies stay."""
        live = copy(self)
        live.sightings = sightings
        live._remembered = {}
        return live


def build_snapshot(
    before: Snapshot | None,
    library: Catalogue,
    defaults: AnswerDefaults,
    households: Sequence[Household],
    now: float,
    readings: PolicyInputs = NO_INPUTS,
) -> Snapshot:
    """Return the snapshot for these households; unchanged policies are taken over as they are."""
    steps = build_in_steps(before, library, defaults, households, now, readings)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            live: Snapshot = done.value
            return live


def build_in_steps(
    before: Snapshot | None,
    library: Catalogue,
    defaults: AnswerDefaults,
    households: Sequence[Household],
    now: float,
    readings: PolicyInputs = NO_INPUTS,
) -> Generator[None, None, Snapshot]:
    """Build as `build` does, in steps between which other things can be done."""
    due: set[float] = set()
    same_base = before is not None and before.library is library and before.defaults == defaults
    shared: dict[str, HouseholdContext] = {}
    policies: dict[tuple[str, str], tuple[object, Policy]] = {}
    for household in households:
        old = before.households.get(household.id) if before and same_base else None
        if old is not None and before and _shares(old) == _shares(household):
            shared[household.id] = before.shared[household.id]
        else:
            other = next(iter(shared.values()), None)
            shared[household.id] = build_context(library, defaults, household, other)
        rules, models = RulesByScope(household.rules), StepSharing()
        for who, profile, unknown in _policies_of(household):
            key, own = (household.id, who), rules.for_profile(profile)
            essential = _is_essential(profile, household, readings, unknown=unknown)
            settled = _settled(
                profile, household, now, readings, essential=essential, unknown=unknown
            )
            timing = build_time_plan(household, profile, now, readings)
            if essential and profile.always:
                timing = replace(timing, always_open=profile.always, is_essential=True)
            made_from = settled, own, id(shared[household.id]), timing
            known = before.policies.get(key) if before else None
            if known is None or known[0] != made_from:
                policy = build_policy(settled, own, shared[household.id], now, timing)
                known = made_from, models.share_steps(settled, policy)
            policies[key] = known
            due.update(_due(profile, timing, now))
            yield
    rebuild_at = min((at for at in due if at > now), default=None)
    same = _as_before(before, policies)
    return Snapshot(library, defaults, households, shared, same, now, before, rebuild_at)


def _as_before(before: Snapshot | None, policies: PolicyByProfile) -> PolicyByProfile:
    """Return the very same mapping where nothing in it changed: what is remembered holds on."""
    if before is None or policies.keys() != before.policies.keys():
        return policies
    changed = any(known is not before.policies[who] for who, known in policies.items())
    return policies if changed else before.policies


def _guest_of(household: Household) -> str:
    """Return whose policy unknown devices get, as the id that it is kept by."""
    return _UNKNOWN if _own_guest(household) else household.guest or GUEST


def _own_guest(household: Household) -> Profile | None:
    """Return the household's guest, where unknown devices are trusted less, or more, than it.

    They have a policy of their own then, made from it: it may be a person, with devices that are
    known.  The built-in guest has none of these.
    """
    if household.failures.devices is OnFailure.LAST_KNOWN:
        return None
    return household.profile(household.guest or GUEST)


def _policies_of(household: Household) -> Iterator[tuple[str, Profile, bool]]:
    """Yield what policies are made of: the id that it is kept by, the profile, and whether it is
    for unknown devices."""
    for profile in profiles_of(household):
        yield profile.id, profile, household.profile(profile.id) is None
    guest = _own_guest(household)
    if guest is not None:
        yield _UNKNOWN, guest, True


def profiles_of(household: Household) -> tuple[Profile, ...]:
    """Return a household's profiles, and the built-in one for guests unless it has its own."""
    if household.profile(GUEST) is not None:
        return household.profiles
    return (*household.profiles, guest_profile())


def _shares(household: Household) -> tuple[object, ...]:
    """Return what all policies of a household depend on."""
    return (
        household.protected,
        household.services,
        household.local_names,
        household.rewrites,
        household.split_upstreams,
    )


def _settled(
    profile: Profile,
    household: Household,
    now: float,
    readings: PolicyInputs,
    *,
    essential: bool,
    unknown: bool,
) -> Profile:
    """Return what of a profile its policy depends on, as things stand."""
    chosen = household.failures
    if chosen.lists is OnFailure.OPEN:
        profile = replace(profile, categories=profile.categories - readings.missing_categories)
    if chosen.devices is OnFailure.OPEN and unknown:
        profile = Profile(profile.id, "", Band.ADULT, privacy=profile.privacy)
    default = Default.ALLOWLIST if essential else profile.default
    return replace(profile, band=profile.band_at(now), name="", band_change=None, default=default)


def _is_essential(
    profile: Profile, household: Household, readings: PolicyInputs, *, unknown: bool
) -> bool:
    """Tell whether only what is surely right may resolve now (docs/time.md)."""
    chosen, essential = household.failures, OnFailure.ESSENTIAL
    if readings.clock_is_wrong and chosen.clock is essential:
        return True
    if chosen.lists is essential and not readings.missing_categories.isdisjoint(profile.categories):
        return True
    return chosen.devices is essential and unknown


def _due(profile: Profile, timing: TimePlan, now: float) -> Iterator[float]:
    """Yield moments from which on a policy is another one."""
    if profile.band_change is not None:
        yield profile.band_change.at
    if timing.until != inf:
        yield (now // DAY_SECONDS + 1) * DAY_SECONDS
    if timing.day_ends != inf:
        yield timing.day_ends
    yield from (each.end for each in timing.closures if each.reason is Reason.BUDGET)


def _sure_until(policies: PolicyByProfile) -> Iterator[float]:
    """Yield the moments shortly before those until which budgets surely have minutes left."""
    for _, policy in policies.values():
        for left in policy.time_rules.timing.remaining if policy.time_rules else ():
            if left.sure_until:
                yield left.sure_until - RECHECK_BEFORE


def guest_profile() -> Profile:
    """Return the policy of devices that nobody named, where the household chose no other."""
    return Profile(
        id=GUEST,
        name="Guest",
        band=Band.ADULT,
        categories=frozenset({"adult"}),
        privacy=PrivacyMode.COUNTS,
    )


def build_context(
    library: Catalogue,
    defaults: AnswerDefaults,
    household: Household,
    other: HouseholdContext | None = None,
) -> HouseholdContext:
    """Return what the policies of one household have in common.

    other: of another household, made from the same library.
    """
    index, local = _layered(library.index, household)
    services = {each.slug: (each.contact, each.matchers) for each in library.services.values()}
    services |= {each.slug: (each.contact, each.names) for each in household.services}
    groups = library.protected.values()
    return HouseholdContext(
        household=household.id,
        index=index,
        engines=_engines(library) if other is None else other.engines,
        untraced_groups=frozenset(group.slug for group in groups if group.help),
        closable_groups=frozenset(group.slug for group in groups if not group.beats_time),
        contacts={slug: contact for slug, (contact, _) in services.items()},
        service_names={slug: names for slug, (_, names) in services.items()},
        local_by_list=local,
        local_by_name={
            each.name: records for each, records in _local_records(household.local_names)
        },
        rewrites=tuple(sorted(household.rewrites, key=_rank)),
        splits=tuple(Matcher(each.name) for each in household.split_upstreams),
        block_ttl=defaults.block_ttl,
        security_ttl=defaults.security_ttl,
        child_max_ttl=defaults.child_max_ttl,
        door=defaults.door,
    )


def _engines(library: Catalogue) -> dict[str, dict[str, dict[str, str]]]:
    return {
        engine.id: {
            mode: dict.fromkeys(engine.hosts, target) for mode, target in engine.modes.items()
        }
        for engine in library.engines.values()
    }


def _rank(rewrite: NameRewrite) -> tuple[int, bool]:
    """Rank rewrites as rules are: the longest name first, then the one for the name itself."""
    return -len(rewrite.matcher.name), rewrite.matcher.match is not MatchKind.EXACT


def _layered(
    shared: Index, household: Household
) -> tuple[Index, dict[int, Mapping[int, tuple[LocalRecord, ...]]]]:
    """Return the index with the household's names in it, and the records of its local names."""
    own: list[tuple[ListInfo, list[tuple[Matcher, bool]]]] = []
    local: dict[int, Mapping[int, tuple[LocalRecord, ...]]] = {}
    first = len(shared.infos)

    def add(slug: str, kind: ListKind, matchers: Iterable[Matcher]) -> int:
        names = [(matcher, False) for matcher in matchers]
        number = first + len(own)
        info = ListInfo(number, slug, kind, slug, "household", size=len(names))
        own.append((info, names))
        return number

    if household.protected:
        add("household", ListKind.PROTECTED, map(Matcher, household.protected))
    for service in household.services:
        add(service.slug, ListKind.SERVICE, service.names)
    for matcher, records in _local_records(household.local_names):
        local[add("local", ListKind.LOCAL, (matcher,))] = records
    return (HouseholdIndex(shared, DictIndex(own)) if own else shared), local


def _local_records(
    names: Iterable[LocalName],
) -> Iterable[tuple[Matcher, Mapping[int, tuple[LocalRecord, ...]]]]:
    """Yield each local name and its addresses' reverse names, with their records by qtype."""
    reverse: dict[str, list[LocalRecord]] = {}
    for each in names:
        by_type: dict[int, tuple[LocalRecord, ...]] = {}
        for address in map(ip_address, each.addresses):
            qtype = _qtype(address)
            record = LocalRecord(each.name, qtype, str(address), LOCAL_TTL)
            by_type[qtype] = (*by_type.get(qtype, ()), record)
            pointer = address.reverse_pointer
            reverse.setdefault(pointer, []).append(LocalRecord(pointer, PTR, each.name, LOCAL_TTL))
        yield Matcher(each.name), by_type
    for pointer, records in reverse.items():
        yield Matcher(pointer, MatchKind.EXACT), {PTR: tuple(records)}


def _qtype(address: IPv4Address | IPv6Address) -> int:
    return A if address.version == 4 else AAAA
