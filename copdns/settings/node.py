"""A node of a provider: dnsdist and what writes its tables, and who tells whose an address is.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field, field_validator

from copdns.model.addresses import address
from copdns.model.yaml_text import ByText
from copdns.settings.values import Domain, Network, OptionalDomain, Section


def _endpoint(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(
            f"{text!r} is not an address with a port; write 192.0.2.1:53 or [2001:db8::1]:53"
        )
    found = address(host.removeprefix("[").removesuffix("]"))
    return f"[{found}]:{int(port)}" if found.version == 6 else f"{found}:{int(port)}"


def _endpoint_if_any(text: str) -> str:
    return _endpoint(text) if text else ""


def _plain_address(text: str) -> str:
    return str(address(text))


def _address_if_any(text: str) -> str:
    return _plain_address(text) if text else ""


Endpoint = Annotated[str, ByText(_endpoint)]
_LINE_PREFIX: Final = 56  # bits of IPv6 that a subscriber has, as in the tables
OptionalEndpoint = Annotated[str, ByText(_endpoint_if_any)]
PlainAddress = Annotated[str, ByText(_plain_address)]
OptionalAddress = Annotated[str, ByText(_address_if_any)]


class RadiusSender(Section):
    """A machine of the network that tells of sessions by RADIUS accounting."""

    address: PlainAddress = Field(description="The address that its packets come from.")
    secret: str = Field(min_length=16, description="The secret that it and copdns share.")


class _Networks(Section):
    """Networks, and what an address there gets of which no line is known."""

    networks: tuple[Network, ...] = Field(
        min_length=1, description="Its prefixes; of IPv6 of 56 bits or fewer."
    )
    security: bool = Field(
        default=True,
        description="Whether the security lists hold for it; without them the law alone does.",
    )

    @field_validator("networks")
    @classmethod
    def _as_wide_as_a_line(cls, networks: tuple[Network, ...]) -> tuple[Network, ...]:
        for each in networks:
            if each.version == 6 and each.prefixlen > _LINE_PREFIX:
                raise ValueError(f"{each} is a part of what one subscriber has; write a wider one")
        return networks


class OtherNetwork(_Networks):
    """A network in which no family's rules are in force, whoever is there."""

    name: str = Field(
        pattern=r"^[a-z0-9-]{1,32}$",
        description="What it is called here, such as `business`, `roaming` or `wifi`.",
    )


class TenantNetwork(_Networks):
    """Where subscribers of a tenant are, and the default of those of whom no line is known."""

    tenant: str = Field(
        pattern=r"^[a-z0-9-]{1,32}$", description="The tenant, such as `north`, as it is called."
    )


class NodeSection(Section):
    """A node of a provider; at home there is none."""

    site: str = Field(
        default="site1",
        pattern=r"^[a-z0-9-]{1,32}$",
        description="The site that it is at, which NSID names.",
    )
    name: str = Field(
        default="",
        pattern=r"^[a-z0-9-]{0,32}$",
        description="What this node is called, each another name; with one it gets lists by "
        "rollouts and fetches none itself; empty: it takes no part in them.",
    )
    canary: bool = Field(
        default=False, description="Whether rollouts reach this node before all others."
    )
    folder: str = Field(
        default="/run/copdns/plane",
        min_length=1,
        description="The folder of the tables that dnsdist reads; one in memory.",
    )
    networks: tuple[Network, ...] = Field(
        default=(), description="The networks of subscribers, which dnsdist answers."
    )
    tenants: tuple[TenantNetwork, ...] = Field(
        default=(),
        description="Networks of tenants within `node.networks`, each with the default of an "
        "address there of which no line is known; elsewhere law and security lists are.",
    )
    other_networks: tuple[OtherNetwork, ...] = Field(
        default=(),
        description="Networks that dnsdist answers by law and security lists alone, also where a "
        "line is known there.",
    )
    mac_networks: tuple[Network, ...] = Field(
        default=(),
        description="Networks in which each family's router tells whose device asks: its MAC "
        "address, as EDNS option 65001 or 65073. `copdns run` needs `mac: true` for dnsdist in "
        "`dns.forwarders`. What comes so from elsewhere does not count.",
    )
    listen: tuple[Endpoint, ...] = Field(
        default=(), description="Where dnsdist answers plain DNS, such as `192.0.2.53:53`."
    )
    tls_listen: tuple[Endpoint, ...] = Field(
        default=(), description="Where dnsdist answers DNS over TLS."
    )
    https_listen: tuple[Endpoint, ...] = Field(
        default=(), description="Where dnsdist answers DNS over HTTPS."
    )
    encrypted_name: OptionalDomain = Field(
        default="",
        description="The name of both, such as `dns.provider.example`; families are told it, with "
        "a token of a device before it (TLS) or behind it (HTTPS). The certificate has to be for "
        "it, and for all names below.",
    )
    public: bool = Field(
        default=False,
        description="Whether devices that show a token are answered from every network, over TLS "
        "and over HTTPS, so that their rules hold on mobile data too; from outside `node.networks` "
        "nothing else is answered.",
    )
    certificate: str = Field(default="", description="The certificate of both, a PEM file.")
    key: str = Field(default="", description="Its key.")
    resolvers: tuple[Endpoint, ...] = Field(
        default=("127.0.0.1:5301",), description="Where the unbound of this node answers."
    )
    hashed_lists: tuple[str, ...] = Field(
        default=(),
        max_length=8,
        description="Files with lists of hashes (`hashed-v1`) for the layer of the law. Each has "
        "an effect while a confidential order with its checksum is in force.",
    )
    unbound_control: str = Field(
        default="/run/copdns/unbound.sock",
        description="The Unix socket on which unbound is told what the law forbids now; empty: it "
        "reads that when it starts.",
    )
    safe_source: PlainAddress = Field(
        default="127.0.0.2",
        description="The address from which dnsdist asks unbound where safe search is on.",
    )
    root_key: str = Field(
        default="/var/lib/unbound/root.key",
        description="The file of the root's trust anchor, by which unbound checks signatures, and "
        "which it must be able to write; empty where another file of its configuration names one.",
    )
    zone_limit: int = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="Queries a second that unbound sends to the servers of one zone before it lets "
        "one of ten through; 0 for no limit. Zones of help names have none.",
    )
    subnet_zones: tuple[Domain, ...] = Field(
        default=(),
        description="Domains whose servers are told the network of `node.subnet_source`, such as "
        "those of a CDN that has machines near this site; no others are told a network.",
    )
    subnet_source: OptionalAddress = Field(
        default="",
        description="The address of this site from which dnsdist asks unbound, with "
        "`node.subnet_zones`; 24 bits of it are told, 56 of an IPv6 address. `node.safe_source` is "
        "then another address of that network.",
    )
    copdns: tuple[Endpoint, ...] = Field(
        default=("127.0.0.1:5300",),
        description="Where `copdns run` answers about households with rules of their own.",
    )
    dnstap: str = Field(
        default="",
        description="The Unix socket of a program that takes what security lists blocked, as "
        "dnstap; empty for none. What a family or the law blocks is not told.",
    )
    radius_listen: OptionalEndpoint = Field(
        default="",
        description="Where RADIUS accounting is listened for, such as `192.0.2.10:1813`; empty "
        "for nowhere.",
    )
    radius: tuple[RadiusSender, ...] = Field(
        default=(), description="Who may send it; others get no answer."
    )
    radius_line: str = Field(
        default="user_name",
        pattern=r"^(user_name|calling_station_id|class|nas_port_id)$",
        description="The attribute that says whose a session is: `user_name`, "
        "`calling_station_id`, `class` or `nas_port_id`.",
    )
    bindings_listen: OptionalEndpoint = Field(
        default="",
        description="Where lines and their addresses can be told over HTTP, such as "
        "`127.0.0.1:8054`; empty for nowhere.",
    )
    bindings_token: str = Field(
        default="", description="The token that whoever tells them has to show."
    )
    kept_for: int = Field(
        default=10_800,
        ge=60,
        le=604_800,
        description="Seconds after which a session is over that is not heard of.",
    )


def port_of(endpoints: Sequence[str]) -> int:
    """Return the port of the first of some endpoints; 0 for none."""
    return int(endpoints[0].rpartition(":")[2]) if endpoints else 0
