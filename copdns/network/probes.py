"""Find out which resolver a device asks, by random names that its browser looks up.

The page /protection draws a code, and its pictures have names below `probe.home.arpa` with that
code.  If the query for a name reaches copdns, the device asks copdns; if not, it asks another
resolver.  Kept in memory for some minutes, and shown to whoever has the code.  Pure.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from copdns.model.household import Profile
from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Client
from copdns.policy.special_names import PROBE_ZONE

NAMES_PER_CODE = 6  # some devices ask several resolvers in turn, and each should get one
MAX_AGE = 600.0  # seconds
_MAX_CODES = 256  # at once, whoever drew them
_MAX_SIGHTINGS = 32  # of a code
ENCRYPTED = frozenset({"tls", "https", "quic"})  # transports
_CODE = re.compile("[0-9a-z]{8}")


class ProbeWay(StrEnum):
    """How a device showed itself."""

    DNS = "dns"  # a query for a name came
    WEB = "web"  # the page or a picture was requested


class Sighting(NamedTuple):
    """A query or request with a code.

    name: of the query, without the zone; "" for the web.  transport: that it came by, as
    `Requestor` has it.  profile: of the client.  device: "" for one that nobody named.
    is_other_machine: it comes from another machine than this one.
    """

    way: ProbeWay
    name: str
    transport: str
    address: str
    household: str
    profile: str
    device: str
    is_other_machine: bool

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.address


class Probes:
    """The sightings, by code."""

    def __init__(self) -> None:
        self._by_code: OrderedDict[str, tuple[float, dict[Sighting, None]]] = OrderedDict()

    def note_query(self, qname: str, requestor: Requestor, client: Client, now: float) -> None:
        """Note a query for a name below PROBE_ZONE.  now: seconds since the epoch."""
        if requestor.token and not client.device:
            return  # a wrong token: it tells nothing of the page's device
        name = qname.removesuffix(f".{PROBE_ZONE}")
        code, _, _ = name.partition("-")
        self._note(code, _sighting(ProbeWay.DNS, name, requestor, client), now)

    def note_fetch(self, code: str, requestor: Requestor, client: Client, now: float) -> None:
        """Note a request for the page or a picture of a code."""
        self._note(code, _sighting(ProbeWay.WEB, "", requestor, client), now)

    def sightings(self, code: str, now: float) -> tuple[Sighting, ...]:
        """Return the sightings of a code, in order; none after MAX_AGE.

        now: it may be a little before a sighting, as when it was rounded to seconds.
        """
        at, seen = self._by_code.get(code, (0.0, {}))
        return tuple(seen) if abs(now - at) < MAX_AGE else ()

    def sightings_by_code(self, household: str, now: float) -> Iterator[tuple[Sighting, ...]]:
        """Yield the sightings in a household, for each code of which a query came."""
        for code in tuple(self._by_code):
            seen = tuple(each for each in self.sightings(code, now) if each.household == household)
            if any(each.way is ProbeWay.DNS for each in seen):
                yield seen

    def _note(self, code: str, sighting: Sighting, now: float) -> None:
        if not is_code(code):
            return
        at, seen = self._by_code.setdefault(code, (now, {}))
        if abs(now - at) >= MAX_AGE:
            at, seen = self._by_code[code] = now, {}
        if len(seen) < _MAX_SIGHTINGS:
            seen[sighting] = None
        while len(self._by_code) > _MAX_CODES:
            self._by_code.popitem(last=False)


def is_code(text: str) -> bool:
    """Tell whether a text may be a code."""
    return bool(_CODE.fullmatch(text))


def probe_names(code: str) -> tuple[str, ...]:
    """Return the host names of the pictures of a page."""
    return tuple(f"{code}-{number}.{PROBE_ZONE}" for number in range(1, NAMES_PER_CODE + 1))


def _sighting(way: ProbeWay, name: str, requestor: Requestor, client: Client) -> Sighting:
    # A query of this machine comes from the address that it is sent to.
    away = requestor.address != requestor.listener
    # Of who shows a token nobody learns the address: it may be where the other parent lives.
    address = requestor.listener if requestor.token else requestor.address
    by, household, profile = requestor.transport, client.household, client.policy.profile
    return Sighting(way, name, by, address, household, profile, client.device, away)


# --- what the sightings of one code mean -------------------------------------------------------


class AskedResolver(StrEnum):
    """Which resolver a device asks."""

    US = "us"
    NOT_ONLY_US = "not_only_us"
    NOT_US = "not_us"


class Findings(NamedTuple):
    """The result of a device's check.

    uses_ipv4, uses_ipv6: it sends queries or requests over that protocol.
    strangers: addresses of its requests and queries at which it is unknown, though it is known at
    another.  is_other_machine: it is another machine than the one copdns runs on.
    device: the id of the known device, "" for none.  profile: of that device.
    transports: by which queries came, in their order.
    """

    asks: AskedResolver
    uses_ipv4: bool
    uses_ipv6: bool
    strangers: tuple[str, ...]
    is_other_machine: bool
    device: str
    profile: str
    transports: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        return bool(self.device)

    @property
    def is_encrypted(self) -> bool:
        """Whether all queries that came were encrypted, and some came."""
        return bool(self.transports) and ENCRYPTED.issuperset(self.transports)


def assess_sightings(sightings: Iterable[Sighting]) -> Findings:
    """Return the result of a check, from its sightings.

    The device asks copdns alone if queries for all names came.
    """
    seen = tuple(sightings)
    asked = {each.name for each in seen if each.way is ProbeWay.DNS}
    known = next((each for each in seen if each.device), None)
    strangers = {each.address: None for each in seen if known and not each.device}
    return Findings(
        asks=_asked_resolver(len(asked)),
        uses_ipv4=any(not each.is_ipv6 for each in seen),
        uses_ipv6=any(each.is_ipv6 for each in seen),
        strangers=tuple(strangers),
        is_other_machine=any(each.way is ProbeWay.DNS and each.is_other_machine for each in seen),
        device=known.device if known else "",
        profile=known.profile if known else "",
        transports=tuple(dict.fromkeys(e.transport for e in seen if e.way is ProbeWay.DNS)),
    )


def _asked_resolver(count: int) -> AskedResolver:
    if count >= NAMES_PER_CODE:
        return AskedResolver.US
    return AskedResolver.NOT_ONLY_US if count else AskedResolver.NOT_US


def is_childs_device(found: Findings, profile: Profile | None, now: float) -> bool:
    """Tell whether a check found a known device of a child."""
    return bool(found.is_known and profile and profile.band_at(now).is_child)
