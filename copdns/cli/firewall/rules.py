"""The text of the rules, each with its reason: for nft(8), and what replaces the sets each minute.

A table of its own, `inet copdns`, beside those of the system: what it accepts the others still
judge, and `nft delete table inet copdns` takes back all of it.  No rule counts or logs, so that
nothing tells who looked for help.  Pure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from copdns.cli.firewall.elements import Elements

TABLE: Final = "inet copdns"
# Seconds after which a device is let go if nobody says any more that its time is over, because the
# box is dead, or nobody runs `copdns firewall sets`.
CLOSED_FOR: Final = 180
_WIDTH: Final = 96


class Port53(StrEnum):
    """Where a router leads plain DNS that a device sends elsewhere."""

    ROUTER = "router"  # to the router itself, where copdns is, or a dnsmasq that tells who asks
    BOX = "box"  # to copdns in another network of the router, which sees both sides
    REJECT = "reject"  # nowhere: the answer of a box in the same network would not come back


@dataclass(frozen=True, slots=True)
class FirewallPlan:
    """What the rules are made from.

    lan: the interfaces behind which devices are.  box: addresses of copdns.
    closes_router: plain DNS is not answered by the router itself either, where it is rejected.
    """

    lan: tuple[str, ...]
    port_53: Port53
    box: tuple[IPv4Address | IPv6Address, ...]
    closes_router: bool = False

    def box_address(self, version: int) -> IPv4Address | IPv6Address | None:
        """Return the first address of copdns of a family, None where it has none."""
        return next((each for each in self.box if each.version == version), None)


class SetKind(NamedTuple):
    """A set of the table.  key: its type.  flags: "" for none.  about: what is in it."""

    name: str
    key: str
    flags: str
    about: str


def _address_sets(name: str, about: str = "", more: str = "") -> tuple[SetKind, SetKind]:
    flags = f"interval{more}"
    return (
        SetKind(f"{name}4", "ipv4_addr", flags, about),
        SetKind(f"{name}6", "ipv6_addr", flags, ""),
    )


def _device_sets(name: str, about: str, flag: str = "") -> tuple[SetKind, ...]:
    mac = SetKind(f"{name}_mac", "ether_addr", flag, about)
    return mac, *_address_sets(name, more=f", {flag}" if flag else "")


# Those that only change with a new version of copdns, or when the rules are printed anew ...
FIXED_SETS: Final = (
    *_address_sets(
        "home",
        "The addresses of a home: pages of copdns, printers and the like stay open to everyone.",
    ),
    *_address_sets("box", "copdns, and the resolvers at home that it asks: they may ask anybody."),
    *_address_sets("doh", "Addresses of public resolvers that answer encrypted DNS."),
)
# ... and those that `copdns firewall sets` replaces.
LIVE_SETS: Final = (
    *_address_sets(
        "help",
        "All addresses of all help sites, as copdns fetches them by itself, whoever asks.",
    ),
    SetKind(
        "known_mac",
        "ether_addr",
        "",
        "Devices that are known by a MAC address: at which address they are says nothing more.",
    ),
    *_device_sets("named", "Devices of people whose rules close ways around the filter."),
    *_device_sets("closed", "Devices of people whose time is over now.", "timeout"),
    SetKind(
        "open_mac4",
        "ether_addr . ipv4_addr",
        "interval",
        "Devices whose time is over, each with the addresses that stay open to it.",
    ),
    SetKind("open_mac6", "ether_addr . ipv6_addr", "interval", ""),
    SetKind("open4", "ipv4_addr . ipv4_addr", "interval", ""),
    SetKind("open6", "ipv6_addr . ipv6_addr", "interval", ""),
)
HOME_ELEMENTS: Final[Elements] = {
    "home4": ("10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    "home6": ("fc00::/7", "fe80::/10"),
}


def ruleset(plan: FirewallPlan, elements: Elements, head: Sequence[str]) -> str:
    """Return a file for `nft -f`.

    elements: of the sets; one that is not in it is empty.  head: lines of a comment that say how
    the file is applied and taken back.
    """
    found = {**HOME_ELEMENTS, **elements}
    parts = [
        *(_declare(each, found.get(each.name, ())) for each in (*FIXED_SETS, *LIVE_SETS)),
        *_chains(plan),
    ]
    body = "\n\n".join(textwrap.indent(each, "    ") for each in parts)
    comment = "\n".join(f"# {each}".rstrip() for each in head)
    # The first two lines see to it that there is one to delete, so that all is replaced at once.
    return (
        f"#!/usr/sbin/nft -f\n{comment}\n\ntable {TABLE}\ndelete table {TABLE}\n\n"
        f"table {TABLE} {{\n{body}\n}}\n"
    )


def live_sets(elements: Elements) -> str:
    """Return what replaces the elements of all live sets in one step, for `nft -f -`."""
    lines: list[str] = []
    for each in LIVE_SETS:
        lines.append(f"flush set {TABLE} {each.name}")
        found = elements.get(each.name, ())
        if found:
            lines.append(f"add element {TABLE} {each.name} {{\n{_wrap(each, found)}\n}}")
    return "\n".join(lines) + "\n"


# --- sets -----------------------------------------------------------------------------------------


def _declare(kind: SetKind, elements: Sequence[str]) -> str:
    lines = [*_comment(kind.about), f"set {kind.name} {{", f"    type {kind.key}"]
    if kind.flags:
        lines.append(f"    flags {kind.flags}")
    if elements:
        lines += ["    elements = {", textwrap.indent(_wrap(kind, elements), "    "), "    }"]
    return "\n".join([*lines, "}"])


def _wrap(kind: SetKind, elements: Sequence[str]) -> str:
    """Return the elements of a set in lines; none is divided."""
    ends = f" timeout {CLOSED_FOR}s" if "timeout" in kind.flags else ""
    lines, line = list[str](), ""
    for each in elements:
        if line and len(line) + len(each) > _WIDTH - 20:
            lines.append(line)
            line = ""
        line += f"{' ' if line else '    '}{each}{ends},"
    return "\n".join([*lines, line]).rstrip(",")


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH - 10)]


# --- chains ---------------------------------------------------------------------------------------


def _chains(plan: FirewallPlan) -> Iterator[str]:
    elsewhere = "iifname != { " + ", ".join(f'"{each}"' for each in plan.lan) + " } accept"
    rejects = plan.port_53 is Port53.REJECT
    # Where copdns has no address of a family, plain DNS of that family cannot be led to it.
    ends_here = rejects or (
        plan.port_53 is Port53.BOX and not (plan.box_address(4) and plan.box_address(6))
    )
    if not rejects:
        yield _chain("to_copdns", _TO_COPDNS, [elsewhere, *_FROM_BOX, *_redirections(plan)])
    if rejects and plan.closes_router:
        yield _chain("input", _INPUT, [elsewhere, _TO_PLAIN_DNS])
    plain = ["", "# Plain DNS that would go past copdns.", _TO_PLAIN_DNS] if ends_here else []
    yield _chain("forward", _FORWARD, [elsewhere, *plain, *_FORWARD_RULES])
    if ends_here:
        yield _chain("plain_dns", _PLAIN_DNS if rejects else _NO_ADDRESS, _PLAIN_DNS_RULES)
    yield _chain("encrypted_dns", _ENCRYPTED_DNS, _ENCRYPTED_DNS_RULES)
    yield _chain("closed", _CLOSED, _CLOSED_RULES)


def _chain(name: str, about: str, rules: Iterable[str]) -> str:
    hook = _HOOKS.get(name)
    lines = [f"    {each}".rstrip() for each in ([hook] if hook else []) + [*rules]]
    return "\n".join([*_comment(about), f"chain {name} {{", *lines, "}"])


def _redirections(plan: FirewallPlan) -> Iterator[str]:
    if plan.port_53 is Port53.ROUTER:
        yield "# To the router itself: copdns is there, or a dnsmasq that passes on who asks."
        yield "meta l4proto { tcp, udp } th dport 53 redirect to :53"
        return
    yield "# To copdns, in a network of its own, so that its replies come back through the router."
    for version, family in ((4, "ip"), (6, "ip6")):
        to = plan.box_address(version)
        if to is not None:
            yield f"{family} daddr @box{version} accept"
            matched = f"meta nfproto ipv{version} meta l4proto {{ tcp, udp }} th dport 53"
            yield f"{matched} dnat {family} to {to}"


_HOOKS: Final = {
    "to_copdns": "type nat hook prerouting priority dstnat - 5; policy accept;",
    "input": "type filter hook input priority filter - 5; policy accept;",
    "forward": "type filter hook forward priority filter - 5; policy accept;",
}
_REJECT: Final = ("meta l4proto tcp reject with tcp reset", "reject with icmpx port-unreachable")
_FROM_BOX: Final = ("ip saddr @box4 accept", "ip6 saddr @box6 accept")
_TO_PLAIN_DNS: Final = "meta l4proto { tcp, udp } th dport 53 jump plain_dns"

_TO_COPDNS: Final = (
    "Plain DNS (port 53) that a device sends to a resolver of its own choice is answered at home "
    "instead.  Only where it goes to is changed, and not where it comes from (no masquerading), so "
    "that copdns still knows who asks.  This holds for every device, guests too."
)
_INPUT: Final = (
    "The router's own resolver answers nobody but copdns, or everyone could get past the rules by "
    "asking it.  Leave this out as long as the router hands out itself as a resolver."
)
_PLAIN_DNS: Final = (
    "Plain DNS to anybody but copdns is refused, and devices ask the resolver that they were "
    "given.  It cannot be led to copdns here: within one network its replies would go past the "
    "router, and devices would not take them; masquerading would hide who asks."
)
_NO_ADDRESS: Final = (
    "Plain DNS that could not be led to copdns, which has no address of its family (IPv4, IPv6), "
    "is refused, and devices ask the resolver that they were given."
)
_PLAIN_DNS_RULES: Final = (
    *(each.replace("accept", "return") for each in _FROM_BOX),
    "ip daddr @box4 return",
    "ip6 daddr @box6 return",
    *_REJECT,
)

_FORWARD: Final = (
    "What goes from devices to the internet.  Every packet comes by here, also of connections that "
    "were made before; not so with flow offloading, which has to be off."
)
_FORWARD_RULES: Final = (
    "",
    "# Help comes first: no rule below may end what goes on with the addresses of help names.",
    "ip daddr @help4 accept",
    "ip6 daddr @help6 accept",
    "",
    "# The home itself stays open: the page on which a child reads why, and asks.",
    "ip daddr @home4 accept",
    "ip6 daddr @home6 accept",
    "ip daddr @box4 accept",
    "ip6 daddr @box6 accept",
    "",
    "# Devices that are known by a MAC address ...",
    "ether saddr @named_mac jump encrypted_dns",
    "ether saddr @closed_mac jump closed",
    "ether saddr @known_mac accept",
    "",
    "# ... and those that are known by an address or a network alone.",
    "ip saddr @named4 jump encrypted_dns",
    "ip6 saddr @named6 jump encrypted_dns",
    "ip saddr @closed4 jump closed",
    "ip6 saddr @closed6 jump closed",
)
_ENCRYPTED_DNS: Final = (
    "Encrypted DNS to others than copdns is refused, where a person's rules close ways around the "
    "filter: browsers then ask copdns.  A VPN, or a resolver that nobody knows, gets through; "
    "that is better talked about than fought."
)
_ENCRYPTED_DNS_RULES: Final = (
    "# DNS over TLS and over QUIC have a port of their own, at whatever address.",
    "tcp dport 853 reject with tcp reset",
    "udp dport 853 reject with icmpx port-unreachable",
    "",
    "# DNS over HTTPS looks like any site, so only the addresses of known resolvers are closed.",
    "ip daddr @doh4 tcp dport 443 reject with tcp reset",
    "ip daddr @doh4 udp dport 443 reject with icmpx port-unreachable",
    "ip6 daddr @doh6 tcp dport 443 reject with tcp reset",
    "ip6 daddr @doh6 udp dport 443 reject with icmpx port-unreachable",
)
_CLOSED: Final = (
    "A person's time is over: what was opened before ends too, within a minute.  The elements of "
    f"the sets end by themselves after {CLOSED_FOR} seconds, so that a dead box cuts nobody off."
)
_CLOSED_RULES: Final = (
    "# What the person's own rules leave open: `always`, temporary access, homework.",
    "ether saddr . ip daddr @open_mac4 accept",
    "ether saddr . ip6 daddr @open_mac6 accept",
    "ip saddr . ip daddr @open4 accept",
    "ip6 saddr . ip6 daddr @open6 accept",
    "",
    "# Wi-Fi calling, emergency calls too: IPsec to the phone operator (IMS, ePDG).  A VPN of the",
    "# same kind gets through as well; a call for help is worth more.",
    "udp dport { 500, 4500 } accept",
    "meta l4proto esp accept",
    "",
    "# What makes a phone ring: the push services of Apple and Google, which carry no pages.",
    "tcp dport { 5223, 5228-5230 } accept",
    "",
    "# The right time, without which no certificate is valid, and errors about what is open.",
    "udp dport 123 accept",
    "meta l4proto { icmp, ipv6-icmp } ct state related accept",
    "",
    "# All else is told that it is over, so that apps stop at once instead of waiting.",
    *_REJECT,
)
