"""Say how many queries a device may send, and what happens to those beyond.

Three bounds, each a number of queries in a second: of one client, of one network, and of names
below one domain that nobody could answer (a flood of made-up names, which would only load the
upstream and the domain's owner).  This machine's own queries have none.

Beyond a bound a query over UDP gets a truncated reply, so that a client that exists asks again over
TCP, where it has tokens of its own: an address that was made up cannot use them up.  Beyond that
there is no reply.  Over TCP the reply is REFUSED with the extended error 31.  A protected name is
answered until as many again were asked for.  Pure: `mono` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from ipaddress import ip_address
from itertools import islice
from typing import Final

from copdns.model.build import mypyc_attr
from copdns.model.reasons import RATE_LIMITED, Ede
from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Client

SECONDS_AT_ONCE: Final = 5  # a full bucket has the tokens of so many seconds
IPV4_PREFIX: Final = 24
IPV6_PREFIX: Final = 56
# Zones of names made of addresses (RFC 1035 section 3.5, RFC 3596 section 2.5), and how many labels
# below them an owner's network has.
_REVERSE_ZONES: Final = ((".in-addr.arpa", IPV4_PREFIX // 8), (".ip6.arpa", IPV6_PREFIX // 4))
MAX_LIMITS: Final = 4096  # clients, networks and domains whose tokens are remembered, of each
_DROPPED: Final = 256  # that are forgotten at a time
EDE_LIMITED: Final = Ede(RATE_LIMITED, "too many queries; ask again in a while")


class Bound(Enum):
    """Which bound a query is beyond."""

    CLIENT = "client"
    SUBNET = "subnet"
    DOMAIN = "domain"


class Excess(Enum):
    """What happens to a query beyond a bound."""

    ANSWER = "answer"
    TRUNCATE = "truncate"
    DROP = "drop"
    REFUSE = "refuse"


@mypyc_attr(acyclic=True)
class TokenBucket:
    """Tokens, one for each query.

    It is filled when it is empty, with what was earned since it was filled last, so that most
    queries cost a subtraction.  So twice its size may be taken at once at most.
    """

    __slots__ = ("_filled_at", "_left", "_rate", "_size")

    def __init__(self, rate: int, mono: float) -> None:
        """rate: tokens that are earned in a second, 1 at least."""
        self._rate = rate
        self._size = self._left = rate * SECONDS_AT_ONCE
        self._filled_at = mono

    def take(self, mono: float) -> bool:
        """Take a token; tell whether there was one."""
        if self._left > 0:
            self._left -= 1
            return True
        earned = (mono - self._filled_at) * self._rate
        if earned < 1.0:
            return False
        if earned >= self._size:
            self._filled_at, self._left = mono, self._size - 1
        else:
            whole = int(earned)
            self._filled_at += whole / self._rate
            self._left = whole - 1
        return True

    def is_open(self, mono: float) -> bool:
        """Tell whether there is a token, and leave it there."""
        if self.take(mono):
            self._left += 1
            return True
        return False

    def charge(self, mono: float) -> None:
        """Take a token, on credit where there is none: it has to be earned before the next one.

        No more is owed than a bucket holds.
        """
        if not self.take(mono):
            self._filled_at = min(self._filled_at + 1.0 / self._rate, mono + SECONDS_AT_ONCE)


@mypyc_attr(acyclic=True)
class Limit:
    """The tokens of one client, network or domain.

    udp, tcp: for each transport.  slips: for truncated replies.  protected: for protected names
    when there are no others left.
    """

    __slots__ = ("protected", "slips", "tcp", "udp")

    def __init__(self, rate: int, mono: float) -> None:
        self.udp = TokenBucket(rate, mono)
        self.tcp = TokenBucket(rate, mono)
        self.slips = TokenBucket(rate, mono)
        self.protected = TokenBucket(rate, mono)

    def take(self, mono: float, *, over_udp: bool) -> bool:
        """Take a token of a transport; False: there is none."""
        return (self.udp if over_udp else self.tcp).take(mono)

    def is_open(self, mono: float, *, over_udp: bool) -> bool:
        """Tell whether a transport has a token, and leave it there."""
        return (self.udp if over_udp else self.tcp).is_open(mono)

    def excess(self, mono: float, *, over_udp: bool, protected: bool, served: bool) -> Excess:
        """Return what happens to a query for which there was no token.

        served: by a household; what a stranger sends beyond the bound gets no reply over UDP.
        """
        if protected and self.protected.take(mono):
            return Excess.ANSWER
        if not over_udp:
            return Excess.REFUSE
        return Excess.TRUNCATE if served and self.slips.take(mono) else Excess.DROP


@mypyc_attr(acyclic=True)
class ClientLimits:
    """What a query of one client has to pass: its own bound and that of its network."""

    __slots__ = ("client", "subnet")

    def __init__(self, client: Limit | None, subnet: Limit | None) -> None:
        self.client = client
        self.subnet = subnet

    def take(self, mono: float, *, over_udp: bool) -> Bound | None:
        """Take a token of each; return the bound that the query is beyond, None for none."""
        if self.client is not None and not self.client.take(mono, over_udp=over_udp):
            return Bound.CLIENT
        if self.subnet is not None and not self.subnet.take(mono, over_udp=over_udp):
            return Bound.SUBNET
        return None

    def of(self, bound: Bound) -> Limit | None:
        """Return whose tokens a bound that `take` gave is about; None: it is not bounded."""
        return self.client if bound is Bound.CLIENT else self.subnet


def is_own(requestor: Requestor) -> bool:
    """Tell whether a query comes from this machine itself."""
    return requestor.address.startswith("127.") or requestor.address == "::1"


class Limits:
    """All bounds.  client, subnet, domain: queries in a second; 0: no bound.

    is_exempt: tells who has none.
    """

    def __init__(
        self,
        client: int = 0,
        subnet: int = 0,
        domain: int = 0,
        is_exempt: Callable[[Requestor], bool] = is_own,
    ) -> None:
        self._client, self._subnet, self._domain = client, subnet, domain
        self._is_exempt = is_exempt
        self._clients: dict[str, Limit] = {}
        self._subnets: dict[str, Limit] = {}
        self._domains: dict[str, Limit] = {}

    def of(self, requestor: Requestor, client: Client, mono: float) -> ClientLimits | None:
        """Return the bounds of who sent a query; None for this machine, and where there are none.

        A device that somebody named has one bound for all its addresses; so has the household that
        a provider's forwarder names, whose address may be that of many.
        """
        if not (self._client or self._subnet) or self._is_exempt(requestor):
            return None
        of_client = of_subnet = None
        if self._client:
            household = requestor.household or client.household
            is_named = client.device or requestor.household
            who = f"{household}/{client.device}" if is_named else requestor.address
            of_client = _limit(self._clients, who, self._client, mono)
        if self._subnet and not requestor.household:
            of_subnet = _limit(self._subnets, subnet_of(requestor.address), self._subnet, mono)
        return ClientLimits(of_client, of_subnet)

    def bounds_domains(self, requestor: Requestor) -> bool:
        """Tell whether names that do not exist are counted by domain for who sent a query."""
        return bool(self._domain) and not self._is_exempt(requestor)

    def of_domain(self, qname: str) -> Limit | None:
        """Return the bound of a name's domain; None where all names existed that were asked for."""
        return self._domains.get(domain_of(qname)) if self._domains else None

    def charge_domain(self, qname: str, mono: float, *, over_udp: bool) -> None:
        """Count a name that does not exist, or of which no upstream can say so."""
        domain = domain_of(qname)
        if domain and self._domain:  # a reload may have lifted the bound since it was asked for
            limit = _limit(self._domains, domain, self._domain, mono)
            (limit.udp if over_udp else limit.tcp).charge(mono)


def _limit(limits: dict[str, Limit], key: str, rate: int, mono: float) -> Limit:
    found = limits.get(key)
    if found is None:
        if len(limits) >= MAX_LIMITS:
            for oldest in [*islice(limits, _DROPPED)]:
                del limits[oldest]
        found = limits[key] = Limit(rate, mono)
    return found


def subnet_of(address: str) -> str:
    """Return the network that an address is in: /24 of IPv4, /56 of IPv6."""
    if ":" not in address:
        return address.rpartition(".")[0]
    return ip_address(address).packed[: IPV6_PREFIX // 8].hex()


def domain_of(qname: str) -> str:
    """Return the domain whose owner a name belongs to, "" for the domain itself.

    A guess without a list: two labels, or three where the second looks like that of a registry, as
    in co.uk and com.au.  Of a name made of an address it is the network, as in `subnet_of`; what is
    above all networks counts as one domain.
    """
    for zone, count in _REVERSE_ZONES:
        if qname.endswith(zone):
            labels = qname[: -len(zone)].rsplit(".", count)
            return ".".join(labels[1:]) + zone if len(labels) > count else zone[1:]
    labels = qname.rsplit(".", 3)
    count = 2
    if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3:
        count = 3
    return ".".join(labels[-count:]) if len(labels) > count else ""
