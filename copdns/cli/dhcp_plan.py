"""DHCP and router advertisements from this machine, in a router's place: dnsmasq's configuration.

For routers that hand out themselves alone.  The router stays the way to the internet; this machine
gives out addresses, and names copdns as the only DNS server, by IPv4 and at a unique local address
(ULA, RFC 4193), which stays when the provider gives the home another prefix overnight.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Network

from copdns.model.errors import DhcpError
from copdns.network.other_resolvers import BlindSpot, OfferedBy, ResolverScan
from copdns.settings.values import HOME

FILE = "/etc/dnsmasq.d/copdns-dhcp.conf"
OWN_HOST = 0x53  # of the ULA: port 53 in people's minds
FIRST, LAST = 100, 199  # hosts that are given out, where nothing else is said
ADVERTISED_EVERY = 60  # seconds


@dataclass(frozen=True, slots=True)
class DhcpPlan:
    """What is handed out.

    lan: the interface.  own: this machine's address, with the network.  router: the way to the
    internet.  first, last: addresses that are given out.  ula: the network that is announced.
    """

    lan: str
    own: IPv4Interface
    router: IPv4Address
    first: IPv4Address
    last: IPv4Address
    ula: IPv6Network

    @property
    def own_ula(self) -> IPv6Address:
        """The address of this machine in the ULA, at which copdns answers."""
        return self.ula.network_address + OWN_HOST


def make_plan(
    lan: str,
    own: IPv4Interface,
    router: IPv4Address,
    first: IPv4Address | None,
    last: IPv4Address | None,
    ula: IPv6Network | None,
    seed: bytes,
) -> DhcpPlan:
    """Return a plan; raise DhcpError where it cannot work.  seed: of the ULA: the same every
    time on one machine, such as the address of its network card."""
    net = own.network
    first = first or net.network_address + FIRST
    last = last or net.network_address + LAST
    if not any(own.ip in each for each in HOME):
        raise DhcpError(f"{own.ip} is no address of a home network; choose this machine's")
    if router not in net or router == own.ip:
        raise DhcpError(f"the router's address {router} is not another one in {net}")
    if first not in net or last not in net or first > last:
        raise DhcpError(
            f"{first} to {last} is no range in {net}; choose others with --first and --last"
        )
    for each in (own.ip, router):
        if first <= each <= last:
            raise DhcpError(
                f"{each} is in use, and lies in the range from {first} to {last}; choose another "
                "range with --first and --last"
            )
    if first == net.network_address or last == net.broadcast_address:
        raise DhcpError(
            f"{net.network_address} and {net.broadcast_address} are no addresses of a device; "
            "choose others with --first and --last"
        )
    found = ula or _ula_of(seed)
    # An address with a zone may have any text behind its %, also several lines.
    if (
        found.network_address.scope_id
        or found.prefixlen != 64
        or not found.subnet_of(IPv6Network("fc00::/7"))
    ):
        raise DhcpError(f"{str(found)!r} is no ULA; choose one such as fd12:3456:789a::/64")
    return DhcpPlan(lan, own, router, first, last, found)


def _ula_of(seed: bytes) -> IPv6Network:
    """Return a network with 40 bits that hardly any other home has (RFC 4193 section 3.2.2)."""
    bits = sha256(b"copdns ula" + seed).digest()[:5]
    return IPv6Network((b"\xfd" + bits + bytes(10), 64))


def configuration(plan: DhcpPlan) -> str:
    """Return dnsmasq's configuration, each part with its reason."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: DhcpPlan) -> Iterator[str]:
    yield "# DHCP, DHCPv6 and router advertisements from this machine, by copdns dhcp config."
    yield "#"
    yield "# 1. Give this machine addresses that stay: in its network settings, and"
    yield f"#      ip address add {plan.own_ula}/64 dev {plan.lan}"
    yield "# 2. Switch DHCP off in the router, and its router advertisements (RA, IPv6 in the LAN),"
    yield "#    or at least the DNS server that they name."
    yield f"# 3. Save this as {FILE}, then: systemctl restart dnsmasq"
    yield "# 4. sudo copdns dhcp check"
    yield f"# Back: rm {FILE} && systemctl restart dnsmasq, and DHCP on in the router."
    yield ""
    yield "# No DNS: that is copdns."
    yield "port=0"
    yield f"interface={plan.lan}"
    yield "bind-dynamic"
    yield "# IPv4: the router stays the way out, copdns is the only DNS server."
    yield "dhcp-authoritative"
    yield f"dhcp-range={plan.first},{plan.last},{plan.own.netmask},12h"
    yield f"dhcp-option=option:router,{plan.router}"
    yield f"dhcp-option=option:dns-server,{plan.own.ip}"
    yield "# IPv6: addresses that stay, and copdns at one of them.  Not the way out (lifetime 0)."
    yield "enable-ra"
    yield f"ra-param={plan.lan},{ADVERTISED_EVERY},0"
    yield f"dhcp-range={plan.ula.network_address},ra-stateless,64,12h"
    yield f"dhcp-option=option6:dns-server,[{plan.own_ula}]"


# --- the check ------------------------------------------------------------------------------------


_HOW = {
    OfferedBy.DHCP: "by DHCP",
    OfferedBy.DHCP6: "by DHCPv6",
    OfferedBy.ROUTER: "by router advertisement",
}
_BLIND = {
    BlindSpot.RIGHTS: "the network could not be asked; run it as root: sudo copdns dhcp check",
    BlindSpot.NO_NETWORK: "copdns answers only on this machine; set dns.listen to its addresses",
}


def other_servers(scan: ResolverScan, own: Iterable[str]) -> list[str]:
    """Return what is wrong with who else hands out addresses or DNS servers; [] for nothing.

    own: the addresses of this machine.
    """
    ours = frozenset(own)
    wrong = [_BLIND[each] for each in scan.blind if each in _BLIND]
    for each in scan.offers:
        if each.server in ours:
            continue
        strange = [one for one in each.resolvers if one not in ours]
        if strange:
            wrong.append(
                f"{each.server} hands out {', '.join(strange)} {_HOW[each.by]}: devices ask there "
                "too, and rules do not hold for what they ask; switch that off in the router, or "
                "put the router into a network of its own"
            )
        elif each.by is OfferedBy.DHCP:
            wrong.append(
                f"{each.server} gives out addresses too, so that two devices may get the same one; "
                "switch DHCP off there"
            )
    return list(dict.fromkeys(wrong))
