"""Special-use names, which are never asked upstream (RFC 6761 and its successors).

Tables and one look-up.  `LocalStep` asks the household first: it may have a local name or an
upstream of its own for one of these zones.  Pure.
"""

from __future__ import annotations

from typing import Final

from copdns.model.errors import NXDOMAIN
from copdns.model.hosts import OWN_HOSTS
from copdns.model.verdict import LocalAnswer, LocalRecord

A: Final = 1
PTR: Final = 12
AAAA: Final = 28

# Below it TXT queries are answered about blocks and time (`server/status_names.py`).
STATUS_ZONE: Final = "q.home.arpa"
# Below it any name is this machine, to see who asks it (`network/probes.py`).
PROBE_ZONE: Final = "probe.home.arpa"
_DNS64: Final = "ipv4only.arpa"
NEVER_DENIED: Final = OWN_HOSTS | {_DNS64}  # whatever a profile blocks, so no name above them is
TTL: Final = 300  # seconds; these answers do not change while a machine runs

_NODATA: Final = LocalAnswer()
LOCAL_NXDOMAIN: Final = LocalAnswer(rcode=NXDOMAIN)

# No such name, nor any below it, exists outside this machine or this house.
_UNDELEGATED: Final = frozenset(
    {
        "alt",  # RFC 9476 section 2
        "corp",  # in private use everywhere, never delegated (ICANN, 2018)
        "home",
        "lan",
        "internal",  # reserved for private use (ICANN, 2024)
        "invalid",  # RFC 6761 section 6.4
        "local",  # RFC 6762 section 22.1: multicast's, not ours
        "onion",  # RFC 7686 section 2
        "test",  # RFC 6761 section 6.2
    }
)

# Zones below arpa whose apex exists: empty but for what the household adds.
_LOCALLY_SERVED_ZONES: Final = frozenset(
    {
        "home.arpa",  # RFC 8375 section 4
        "service.arpa",  # RFC 9665 section 10
        "empty.as112.arpa",  # RFC 7535 section 3.3
        # Reverse names of addresses that mean nothing outside this house: RFC 6303 section 4
        # and, for 100.64.0.0/10, RFC 7793.
        "0.in-addr.arpa",
        "10.in-addr.arpa",
        "127.in-addr.arpa",
        "254.169.in-addr.arpa",
        "168.192.in-addr.arpa",
        "2.0.192.in-addr.arpa",
        "100.51.198.in-addr.arpa",
        "113.0.203.in-addr.arpa",
        "255.255.255.255.in-addr.arpa",
        *(f"{octet}.172.in-addr.arpa" for octet in range(16, 32)),
        *(f"{octet}.100.in-addr.arpa" for octet in range(64, 128)),
        ".".join(["0"] * 32) + ".ip6.arpa",
        "1." + ".".join(["0"] * 31) + ".ip6.arpa",
        "d.f.ip6.arpa",
        "8.e.f.ip6.arpa",
        "9.e.f.ip6.arpa",
        "a.e.f.ip6.arpa",
        "b.e.f.ip6.arpa",
        "8.b.d.0.1.0.0.2.ip6.arpa",
    }
)

# Of these, those whose addresses a router gives out, or knows the devices of (RFC 1918, RFC 3927,
# RFC 4193 section 8, RFC 4291 section 2.5.6).
_OF_ROUTER: Final = (
    "10.in-addr.arpa",
    "254.169.in-addr.arpa",
    "168.192.in-addr.arpa",
    *(f"{octet}.172.in-addr.arpa" for octet in range(16, 32)),
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
)

_LOOPBACK: Final = {A: "127.0.0.1", AAAA: "::1"}
_DNS64_PROBE: Final = ("192.0.0.170", "192.0.0.171")  # RFC 7050 section 2.2

_LAST_LABELS: Final = _UNDELEGATED | {"arpa", "localhost"}


def special_use_answer(qname: str, qtype: int) -> LocalAnswer | None:
    """Return the answer to a special-use name; None for any other."""
    last = qname[qname.rfind(".") + 1 :]
    if last not in _LAST_LABELS:
        # Phones and printers ask for bare host names.  The types that are about a top-level
        # domain itself (DS, NS, SOA ...) must pass, or a validating resolver behind us fails.
        bare = last == qname and qtype in _LOOPBACK and qname
        return _NODATA if bare else None
    if last == "arpa":
        return _below_arpa(qname, qtype)
    if last == "localhost":  # RFC 6761 section 6.3
        return _record(qname, qtype, _LOOPBACK[qtype]) if qtype in _LOOPBACK else _NODATA
    return LOCAL_NXDOMAIN


def is_private_reverse(qname: str) -> bool:
    """Tell whether a name is the reverse name of an address in a home network, or a zone of such.

    Not those of addresses for documentation, loopback or a provider's translation (100.64.0.0/10):
    no router knows them.
    """
    if not qname.endswith(".arpa"):
        return False
    return any(qname == zone or qname.endswith(f".{zone}") for zone in _OF_ROUTER)


def _below_arpa(qname: str, qtype: int) -> LocalAnswer | None:
    if qname in OWN_HOSTS:
        return LocalAnswer(is_own_address=True)
    if qname.endswith(STATUS_ZONE) and qname[-len(STATUS_ZONE) - 1 : -len(STATUS_ZONE)] in (
        "",
        ".",
    ):
        return LocalAnswer(is_status=True)
    if qname.endswith(f".{PROBE_ZONE}"):
        return LocalAnswer(is_own_address=True, is_probe=True)
    if qname == _DNS64:  # RFC 8880 section 7.1: no DNS64 here, so no AAAA
        return _dns64_probe(qname) if qtype == A else _NODATA
    if qname == "resolver.arpa" or qname.endswith(".resolver.arpa"):
        # RFC 9462 section 6.4.  `server/discovery.py` has what is offered, which depends on the
        # address that was asked.
        return _NODATA
    zone = qname
    while zone:
        if zone in _LOCALLY_SERVED_ZONES:
            return _NODATA if zone == qname else LOCAL_NXDOMAIN
        _, _, zone = zone.partition(".")
    return None


def _dns64_probe(qname: str) -> LocalAnswer:
    return LocalAnswer(records=tuple(LocalRecord(qname, A, each, TTL) for each in _DNS64_PROBE))


def _record(qname: str, qtype: int, data: str) -> LocalAnswer:
    return LocalAnswer(records=(LocalRecord(qname, qtype, data, TTL),))
