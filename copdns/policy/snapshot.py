"""The snapshot: which client a requestor is, and which policy is theirs.

Immutable.  A change builds a new one and swaps a single reference, so a query sees all of a change
or nothing.  What a change does not touch stays the same object.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from itertools import islice
from typing import Final, NamedTuple, Protocol

from copdns.lists.catalogue import Catalogue
from copdns.model.addresses import Network
from copdns.model.block_ring import BlockRing
from copdns.model.build import mypyc_attr
from copdns.model.bypass_signs import OTHERS_HEARD, UNHEARD, Heard
from copdns.model.household import Device, Household, Profile
from copdns.model.reply_kind import ReplyKind
from copdns.model.verdict import AnswerDefaults, Requestor
from copdns.policy.context import HouseholdContext
from copdns.policy.decide import Policy, refusing_policy
from copdns.policy.filter_break import break_key, has_break
from copdns.policy.guest import GUEST, guest_key, guest_profile
from copdns.time.budget import RECHECK_BEFORE

MAX_ADDRESSES: Final = 4096  # whose client is remembered, besides those that a household names
MAX_UNKNOWN: Final = 1024  # unknown clients, until `take_unknown` is called


@mypyc_attr(acyclic=True)
@dataclass(slots=True, unsafe_hash=True)
class Client:
    """Who sent a query.  device: its id, "" for one that nobody named.

    household: "" for strangers, who are not served here.
    is_certain: False while the kernel may know a MAC address behind the address that shows it to be
        another device.
    heard: whether it asked anything lately; OTHERS_HEARD where nobody looks for signs of
        bypass, UNHEARD of this machine itself and of strangers.
    ring: the device's last blocks, from the first on.
    blocks, others: how many blocks of `block_kind` and other replies of `other_kind` it got that
        the recorder did not hand on yet.  They are here, since of a thousand people the
        processor's cache does not hold an object more.  counted_in: the recorder's list in which
        clients with such counts stand.
    Nothing else changes.
    """

    household: str
    device: str
    policy: Policy
    is_certain: bool = True
    heard: Heard = OTHERS_HEARD
    ring: BlockRing | None = field(default=None, compare=False, repr=False)
    blocks: int = field(default=0, compare=False, repr=False)
    others: int = field(default=0, compare=False, repr=False)
    block_kind: ReplyKind | None = field(default=None, compare=False, repr=False)
    other_kind: ReplyKind | None = field(default=None, compare=False, repr=False)
    counted_in: list[Client] | None = field(default=None, compare=False, repr=False)


# Who sent a query of a household that is not read yet (`policy/subscribers.py`).
NOT_HERE: Final = Client("", "", refusing_policy(), True, UNHEARD)


class IdentifiesSubscribers(Protocol):
    """The households of a provider, whose forwarders say whose a query is.

    `identify` returns NOT_HERE where the household has to be read first, and has it read.
    """

    def identify(self, requestor: Requestor, /) -> Client: ...


class UnknownClient(NamedTuple):
    """A client that sent queries, and that a guardian may want to name.

    device: "" for one that nobody named; else one that is known by this address only, while its MAC
        address is in no household.  mac: "" where none was seen.
    """

    household: str
    device: str
    address: str
    mac: str


@dataclass(frozen=True, slots=True)
class Sightings:
    """Which MAC address was seen behind an address.

    neighbours: by the kernel's table; None where that cannot be read.
    leases: by DHCP servers on this machine; older, so they count less.
    """

    neighbours: Mapping[str, str] | None = None
    leases: Mapping[str, str] = field(default_factory=dict)

    def mac_at(self, address: str) -> str:
        """Return the MAC address behind an address, "" where none is known."""
        near = self.neighbours.get(address) if self.neighbours else None
        return near or self.leases.get(address, "")


NO_SIGHTINGS: Final = Sightings()

# By household and profile, with what each was made from.
PolicyByProfile = Mapping[tuple[str, str], tuple[object, Policy]]
# Of the devices whose silences may be signs of bypass: by household, profile and device.
HeardDevices = dict[tuple[str, str, str], Heard]


class DeviceIndex:
    """The client of each device, by what it is known by.

    with_macs: clients whose device has a MAC address.  instead_of: guests for a while, by their
    address or MAC address and a token in whose place they count there.  guest: the client of an
    unknown device.
    """

    __slots__ = (
        "by_address",
        "by_mac",
        "by_network",
        "by_token",
        "guest",
        "instead_of",
        "with_macs",
    )

    def __init__(
        self,
        households: Sequence[Household],
        policies: PolicyByProfile,
        stranger: Client,
        heard: HeardDevices,
        now: float,
    ) -> None:
        """stranger: the client of an unknown device where there is no household.

        heard: of the devices that there are.
        """
        self.by_mac: dict[str, Client] = {}
        self.by_address: dict[str, Client] = {}
        self.by_network: list[tuple[Network, Client]] = []
        self.by_token: dict[str, Client] = {}
        self.with_macs: set[Client] = set()
        self.instead_of: dict[tuple[str, str], Client] = {}
        self.guest = stranger
        for household in reversed(households):
            unknown = policies[household.id, guest_key(household)][1]
            self.guest = Client(household.id, "", unknown)
            for device in household.devices:
                # One of somebody who was removed is nobody's: it is treated as an unknown device.
                who = device.profile or guest_key(household)
                if household.filter_breaks and has_break(household, device, now):
                    who = break_key(who)
                policy = policies[household.id, who][1]
                here = heard.get((household.id, device.profile, device.id), OTHERS_HEARD)
                self._add(Client(household.id, device.id, policy, True, here), device)
        self.by_network.sort(key=lambda each: -each[0].prefixlen)

    def _add(self, client: Client, device: Device) -> None:
        for mac in device.macs:
            self.by_mac[mac] = client
        if device.macs:
            self.with_macs.add(client)
        for token in device.tokens:
            self.by_token[token] = client
        for token in device.instead_of:
            for text in (*device.addresses, *device.macs):
                self.instead_of[text, token] = client
        for text in device.addresses:  # in normal form: plain for a single address
            if "/" in text:
                self.by_network.append((ip_network(text), client))
            else:
                self.by_address[text] = client


class Snapshot:
    """Everything that decides queries.  Immutable; swapped whole.

    contexts: what a household's policies have in common, by its id.
    rebuild_at: epoch seconds, when a policy is another one; refresh_at: when it must be worked out
        again how long budgets surely last.  None: never.
    built_at: epoch seconds; a wall clock that shows an earlier time was set back.
    heard: the devices whose silences may be signs of bypass, the same objects in each snapshot.
    subscribers: a provider's households, each read when it is asked for; None at home.
    What `identify` returned holds as long as this object is the active one.
    """

    __slots__ = (
        "_client_by_requestor",
        "_devices",
        "_stranger",
        "_unknown",
        "_unknown_token",
        "built_at",
        "contexts",
        "defaults",
        "heard",
        "households",
        "library",
        "policies",
        "rebuild_at",
        "refresh_at",
        "sightings",
        "subscribers",
    )

    def __init__(
        self,
        library: Catalogue,
        defaults: AnswerDefaults,
        households: Sequence[Household],
        contexts: Mapping[str, HouseholdContext],
        policies: PolicyByProfile,
        now: float,
        before: Snapshot | None = None,
        rebuild_at: float | None = None,
        devices: DeviceIndex | None = None,
    ) -> None:
        """devices: where they and the policies are those of another snapshot; None: made anew."""
        self.library = library
        self.defaults = defaults
        self.households = {each.id: each for each in households}
        self.contexts = contexts
        self.policies = policies
        self.sightings: Sightings = before.sightings if before else NO_SIGHTINGS
        self.subscribers: IdentifiesSubscribers | None = before.subscribers if before else None
        self._stranger: Client = (
            before._stranger if before else Client("", "", refusing_policy(), True, UNHEARD)
        )
        self._client_by_requestor: dict[str, Client] = {}
        # Shared by all snapshots, so that none is lost when the snapshot is swapped.
        self._unknown: dict[str, UnknownClient] = before._unknown if before else {}
        self.heard: HeardDevices = _heard_devices(households, now, before.heard if before else {})
        self._devices = devices or DeviceIndex(
            households, policies, self._stranger, self.heard, now
        )
        # The same for a wrong token and a revoked one.
        self._unknown_token: Client = (
            self._devices.guest if defaults.unknown_is_guest else self._stranger
        )
        self.built_at = now
        self.rebuild_at = rebuild_at
        self.refresh_at = min((at for at in _sure_until(policies) if at > now), default=None)

    def is_due(self, now: float) -> bool:
        """Tell whether it is time to build another snapshot."""
        moments = self.rebuild_at, self.refresh_at
        return any(at is not None and now >= at for at in moments)

    def policy(self, household: str, profile: str) -> Policy:
        """Return a profile's policy; KeyError where there is no such profile."""
        return self.policies[household, profile][1]

    def profile(self, household: str, profile: str) -> Profile:
        """Return a profile, also the built-in guest; KeyError where there is none."""
        found = self.households[household].profile(profile)
        if found is None and profile != GUEST:
            raise KeyError(profile)
        return found or guest_profile()

    def identify(self, requestor: Requestor) -> Client:
        """Return the client that a requestor is; strangers get one whose policy refuses all.

        Of who shows a token nothing is remembered: where a device is away from home, nobody learns
        from what address.
        """
        if requestor.household and self.subscribers is not None:
            return self.subscribers.identify(requestor)
        if requestor.token:
            guest = self._guest_instead(requestor) if self._devices.instead_of else None
            return guest or self._devices.by_token.get(requestor.token, self._unknown_token)
        key = f"{requestor.mac} {requestor.address}" if requestor.mac else requestor.address
        client = self._client_by_requestor.get(key)
        if client is None:
            client = self._find(requestor)
            if not client.device and _is_this_machine(requestor):
                client = replace(client, heard=UNHEARD)
            named = len(self._devices.by_address) + len(self._devices.by_mac)
            if len(self._client_by_requestor) >= MAX_ADDRESSES + 2 * named:
                self._client_by_requestor.clear()
            self._client_by_requestor[key] = client
        return client

    def serves(self, requestor: Requestor) -> bool:
        """Tell whether an address is served, and remember nothing of who is there.

        Of a connection that only begins nobody knows yet whether a token is shown on it.
        """
        key = f"{requestor.mac} {requestor.address}" if requestor.mac else requestor.address
        client = self._client_by_requestor.get(key) or self._find(requestor, is_noted=False)
        return bool(client.household)

    def _guest_instead(self, requestor: Requestor) -> Client | None:
        """Return who has the device for a while that shows a token, by where it is; else None."""
        found, token, address = self._devices.instead_of, requestor.token, requestor.address
        mac = requestor.mac or self.sightings.mac_at(address)
        return found.get((mac, token)) or found.get((address, token))

    def _find(self, requestor: Requestor, *, is_noted: bool = True) -> Client:
        """Return the client by the strongest evidence that there is (docs/devices.md).

        The MAC address from a forwarder, from the kernel's neighbours, from a lease; then the
        address itself; then the network that it is in.  is_noted: a guardian may want to name it.
        """
        mac = requestor.mac or self.sightings.mac_at(requestor.address)
        client = self._devices.by_mac.get(mac)
        if client is not None:
            return client
        client = self._devices.by_address.get(requestor.address)
        if client is not None and not self._contradicts(mac, client):
            if mac and not requestor.mac and is_noted:
                self._note_unknown(
                    UnknownClient(client.household, client.device, requestor.address, mac)
                )
            return client
        client = self._by_its_network(requestor.address, mac)
        if not client.device and client.household and is_noted:
            self._note_unknown(UnknownClient(client.household, "", requestor.address, mac))
        if mac or not self._devices.by_mac or self.sightings.neighbours is None:
            return client
        return replace(client, is_certain=ip_address(requestor.address).is_loopback)

    def _contradicts(self, mac: str, client: Client) -> bool:
        """Tell whether a MAC address that no device has shows that it is not this client.

        A device whose MAC addresses are known would have been found by them.
        """
        return bool(mac) and client in self._devices.with_macs

    def _by_its_network(self, text: str, mac: str) -> Client:
        address = ip_address(text)
        for network, client in self._devices.by_network:
            if address in network and not self._contradicts(mac, client):
                return client
        served = any(address in network for network in self.defaults.allow)
        return self._devices.guest if served else self._stranger

    def _note_unknown(self, unknown: UnknownClient) -> None:
        if len(self._unknown) < MAX_UNKNOWN:
            self._unknown[unknown.mac or unknown.address] = unknown

    def take_unknown(self) -> tuple[UnknownClient, ...]:
        """Return who asked since the last call and might be named; some may be known by now."""
        found = tuple(self._unknown.values())
        self._unknown.clear()
        return found

    def recent_requestors(self, limit: int) -> Iterator[tuple[str, str]]:
        """Yield addresses of a household's clients, with the MACs that forwarders told.

        Only those that asked since this snapshot became active.
        """
        for key, client in islice(self._client_by_requestor.items(), limit):
            if client.household:
                mac, _, address = key.rpartition(" ")
                yield address, mac

    def client_by_mac(self, mac: str) -> Client | None:
        """Return the client whose device has a MAC address."""
        return self._devices.by_mac.get(mac)

    def has_token(self, digest: str) -> bool:
        """Tell whether a device has a token."""
        return digest in self._devices.by_token

    def client_by_address(self, address: str) -> Client | None:
        """Return the client whose device has an address, not only a network around it."""
        return self._devices.by_address.get(address)

    def with_sightings(self, sightings: Sightings) -> Snapshot:
        """Return the snapshot with other sightings and the same policies."""
        snapshot = Snapshot(
            self.library,
            self.defaults,
            tuple(self.households.values()),
            self.contexts,
            self.policies,
            self.built_at,
            self,
            self.rebuild_at,
            self._devices,
        )
        snapshot.sightings = sightings
        snapshot.refresh_at = self.refresh_at
        return snapshot


def _is_this_machine(requestor: Requestor) -> bool:
    """Tell whether this machine itself asks: from loopback, or from the address that it listens
    at, which the kernel takes for what it sends to itself."""
    address = requestor.address
    return address == requestor.listener or ip_address(address).is_loopback


def _heard_devices(
    households: Sequence[Household], now: float, before: HeardDevices
) -> HeardDevices:
    """Return the devices of people whose signs of bypass are noticed; those of before stay.

    Not those that somebody has for a day, whose ids have a colon.
    """
    found: HeardDevices = {}
    for household in households:
        noticed = {each.id for each in household.profiles if each.notices_signs_at(now)}
        for device in household.devices if noticed else ():
            key = household.id, device.profile, device.id
            if device.profile in noticed and ":" not in device.id:
                found[key] = before.get(key) or Heard()
    return found


def _sure_until(policies: PolicyByProfile) -> Iterator[float]:
    """Yield moments shortly before those until which budgets surely have minutes left."""
    for _, policy in policies.values():
        for budget in policy.time_rules.plan.remaining if policy.time_rules else ():
            if budget.sure_until:
                yield budget.sure_until - RECHECK_BEFORE
