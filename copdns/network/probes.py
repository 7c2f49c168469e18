"""Made-up names that a device asked for a moment ago, by which it is seen whom it asks.

The page /protection makes up a code, and its pictures have names below `probe.home.arpa`, which
nobody outside knows.  Those that come to copdns were asked of copdns; those that do not, of
somebody else.  In memory only, for some minutes, and read by whoever has the code.  Pure.
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

NAMES = 6  # of a page: some devices ask several resolvers in turn, and each should get one
AGE = 600.0  # seconds
_CODES = 256  # that are remembered at once, whoever makes them up
_SIGHTINGS = 32  # of a code
_CODE = re.compile("[0-9a-z]{8}")


class ProbeWay(StrEnum):
    DNS = "dns"  # a question for the name
    WEB = "web"  # the page or a picture was fetched


class Sighting(NamedTuple):
    """name: the label asked for, "" for the web.  profile: whose device it is taken for; device:
    "" for one that nobody named.  away: it is another machine than this one."""

    way: ProbeWay
    name: str
    address: str
    household: str
    profile: str
    device: str
    away: bool

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.address


class Probes:
    """What was seen, by code."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[float, dict[Sighting, None]]] = OrderedDict()

    def note_query(self, qname: str, asker: Requestor, client: Client, now: float) -> None:
        """Note a question for a name below PROBE."""
        name = qname.removesuffix(f".{PROBE_ZONE}")
        code, _, _ = name.partition("-")
        self._note(code, _sighting(ProbeWay.DNS, name, asker, client), now)

    def note_fetch(self, code: str, asker: Requestor, client: Client, now: float) -> None:
        """Note that a page or a picture of a code was fetched."""
        self._note(code, _sighting(ProbeWay.WEB, "", asker, client), now)

    def of(self, code: str, now: float) -> tuple[Sighting, ...]:
        """Return what was seen of a code, in order."""
        at, seen = self._seen.get(code, (0.0, {}))
        return tuple(seen) if 0 <= now - at < AGE else ()

    def all(self, household: str, now: float) -> Iterator[tuple[Sighting, ...]]:
        """Yield what was seen in a household of each code whose questions came."""
        for code in tuple(self._seen):
            seen = tuple(each for each in self.of(code, now) if each.household == household)
            if any(each.way is ProbeWay.DNS for each in seen):
                yield seen

    def _note(self, code: str, sighting: Sighting, now: float) -> None:
        if not _CODE.fullmatch(code):
            return
        at, seen = self._seen.setdefault(code, (now, {}))
        if not 0 <= now - at < AGE:
            at, seen = self._seen[code] = now, {}
        if len(seen) < _SIGHTINGS:
            seen[sighting] = None
        while len(self._seen) > _CODES:
            self._seen.popitem(last=False)


def names(code: str) -> tuple[str, ...]:
    """Return the names that the pictures of a page are fetched under."""
    return tuple(f"{code}-{number}.{PROBE_ZONE}" for number in range(1, NAMES + 1))


def _sighting(way: ProbeWay, name: str, asker: Requestor, client: Client) -> Sighting:
    # A machine that asks itself does so from the very address that it asks.
    away = asker.address != asker.listener
    household, policy = client.household, client.policy
    return Sighting(way, name, asker.address, household, policy.profile, client.device, away)


# --- what the sightings of one code mean -------------------------------------------------------


class Asks(StrEnum):
    """Whom a device asks for names."""

    US = "us"
    NOT_ONLY_US = "not_only_us"
    NOT_US = "not_us"


class Findings(NamedTuple):
    """What a device's own check found.

    ipv4, ipv6: it asks or comes by that.  strangers: addresses by which it comes and is not known,
    though it is known by another.  away: it is another machine than the one copdns runs on.
    device: the id of the known device, "" for none; profile: whose.
    """

    asks: Asks
    ipv4: bool
    ipv6: bool
    strangers: tuple[str, ...]
    away: bool
    device: str
    profile: str

    @property
    def is_known(self) -> bool:
        return bool(self.device)


def findings(sightings: Iterable[Sighting]) -> Findings:
    """Return what the sightings of one device's check mean together.

    It asks nobody but us when the names of all pictures came to us.
    """
    seen = tuple(sightings)
    asked = {each.name for each in seen if each.way is ProbeWay.DNS}
    known = next((each for each in seen if each.device), None)
    strangers = {each.address: None for each in seen if known and not each.device}
    return Findings(
        asks=_asks(len(asked)),
        ipv4=any(not each.is_ipv6 for each in seen),
        ipv6=any(each.is_ipv6 for each in seen),
        strangers=tuple(strangers),
        away=any(each.way is ProbeWay.DNS and each.away for each in seen),
        device=known.device if known else "",
        profile=known.profile if known else "",
    )


def _asks(count: int) -> Asks:
    if count >= NAMES:
        return Asks.US
    return Asks.NOT_ONLY_US if count else Asks.NOT_US


def is_childs(found: Findings, profile: Profile | None, now: float) -> bool:
    """Tell whether a check showed that a child's device is recognised by its questions."""
    return bool(found.is_known and profile and profile.band_at(now).is_child)
