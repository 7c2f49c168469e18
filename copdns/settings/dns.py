"""Who gets answers, how many, and for how long they are kept.  Pure."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from copdns.model.addresses import UpstreamAddress
from copdns.model.nat64 import IPV4_MAPPED
from copdns.settings.values import (
    AUTO,
    HOME,
    Domain,
    ListenAddress,
    Network,
    Network6,
    Port,
    Prefix,
    Section,
    Server,
)

LEAST_PREFIX = {4: 8, 6: 16}  # of a forwarder's network: 10.0.0.0/8 is the widest private one


class TrustedForwarder(Section):
    """A forwarder that says which device sent a query."""

    network: Network = Field(
        description="Its address, or the network it sends queries from; no other machine should "
        "be able to use that."
    )
    proxy: bool = Field(
        default=False,
        description="Whether it sends a PROXY header (version 2) with the address of the device, "
        "as dnsdist does.",
    )
    mac: bool = Field(
        default=False,
        description="Whether it adds the device's MAC address as an EDNS option, like dnsmasq's "
        "`add-mac`.",
    )
    subnet: bool = Field(
        default=False,
        validate_default=True,
        description="Whether it adds the device's full address as an EDNS client subnet, like "
        "dnsmasq's `add-subnet=32,128`.",
    )

    @field_validator("network")
    @classmethod
    def _not_everybody(cls, network: Network) -> Network:
        if not network.prefixlen:
            raise ValueError(
                f"{network} covers everyone, so anyone could send queries as any child; write "
                "the forwarder's own address"
            )
        least = LEAST_PREFIX[network.version]
        if network.prefixlen < least:
            raise ValueError(
                f"{network} is larger than any home, so anyone in it could send queries as any "
                f"child; write the forwarder's own address, or a network of /{least} or smaller"
            )
        return network

    @field_validator("subnet")
    @classmethod
    def _says_something(cls, subnet: bool, info: ValidationInfo) -> bool:
        others = (info.data.get(key, True) for key in ("proxy", "mac"))  # wrong ones are told
        if not subnet and not any(others):
            raise ValueError(
                "this forwarder does not pass on which device sent a query; write proxy: true, "
                "mac: true or subnet: true, or leave it out"
            )
        return subnet


class DnsSettings(Section):
    """Who gets answers, where, and for how long devices may keep them."""

    listen: tuple[ListenAddress, ...] = Field(
        default=(AUTO,),
        min_length=1,
        description="Addresses to answer on; `auto` means loopback and every private address of "
        "this machine, updated as they change.",
    )
    port: Port = Field(default=53, description="Port for UDP and TCP.")
    allow: tuple[Network, ...] = Field(
        default=HOME, description="Networks that get answers and pages; everyone else is refused."
    )
    forwarders: tuple[TrustedForwarder, ...] = Field(
        default=(),
        description="Forwarders that may say which device sent a query; copdns believes no others.",
    )
    block_ttl: int = Field(
        default=10,
        ge=1,
        le=3600,
        description="Seconds that a device may keep a block; keep it short, so that a granted "
        "request works at once.",
    )
    security_ttl: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="Seconds that a device may keep a block of malware or phishing.",
    )
    child_max_ttl: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="Seconds that a child's device may keep any answer, so that a pause works "
        "soon; a profile can have its own value.",
    )
    fast_lane: bool = Field(
        default=True,
        description="Whether copdns remembers the reply to a query for as long as it cannot "
        "change; only affects speed.",
    )
    tcp_idle: float = Field(
        default=10.0,
        ge=0.5,
        le=120,
        description="Seconds before an idle TCP connection is closed.",
    )
    tcp_connections: int = Field(
        default=256, ge=1, le=65536, description="TCP connections that may be open at once."
    )
    tcp_in_flight: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="Queries of one TCP connection that are handled at once.",
    )

    @property
    def in_front(self) -> tuple[str, ...]:
        """Addresses of forwarders that pass on who asks, so that devices may be told to ask there.

        Of a network nobody can say which of its addresses that is.
        """
        return tuple(
            str(each.network.network_address)
            for each in self.forwarders
            if each.network.num_addresses == 1 and (each.proxy or each.mac or each.subnet)
        )


class CacheSettings(Section):
    """Cached answers, which need not be looked up again."""

    entries: int = Field(
        default=20_000, ge=0, le=10_000_000, description="How many answers are cached; 0 for none."
    )
    megabytes: int = Field(
        default=32, ge=1, le=65536, description="Memory for cached answers, in MiB."
    )
    max_ttl: int = Field(
        default=86_400, ge=0, le=604_800, description="The most seconds that an answer is cached."
    )
    max_negative_ttl: int = Field(
        default=3600,
        ge=0,
        le=10_800,
        description='The most seconds that "no such domain" is cached.',
    )
    max_stale: int = Field(
        default=86_400,
        ge=0,
        le=86_400,
        description="The most seconds that an expired answer is kept, to be given when no "
        "upstream answers; 0 for none.",
    )
    failure_ttl: int = Field(
        default=1,
        ge=1,
        le=300,
        description="Seconds before a query that no upstream could answer is sent again; they "
        "double with each failure, up to a minute.",
    )
    refresh: bool = Field(
        default=True,
        description="Whether answers in use are fetched again shortly before they expire.",
    )


class LimitSettings(Section):
    """How many queries a device may send; this machine itself has no limit."""

    client: int = Field(
        default=200,
        ge=0,
        le=1_000_000,
        description="Queries that a device may send in a second, on average over ten; 0 for no "
        "limit.",
    )
    subnet: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Queries that all devices of a network (/24, or /56 of IPv6) may send together "
        "in a second; 0 for no limit, as a home is one network.",
    )
    domain: int = Field(
        default=20,
        ge=0,
        le=1_000_000,
        description="Names below one domain that do not exist, for which upstreams are asked in a "
        "second; 0 for no limit.",
    )


class RebindingSettings(Section):
    """Outside domains must not point into the home network (DNS rebinding)."""

    enabled: bool = Field(
        default=True,
        description="Whether answers for outside domains that point into the home network are "
        "blocked.",
    )
    allow: tuple[Network, ...] = Field(
        default=(), description="Private networks that outside domains may point to."
    )
    names: tuple[Domain, ...] = Field(
        default=(),
        description="Domains that may point into the home network, such as an employer's.",
    )


class Dns64Settings(Section):
    """Networks whose devices reach IPv4 only through a translator (NAT64)."""

    prefix: Prefix = Field(
        default="off",
        description="The prefix of the network's NAT64, such as `64:ff9b::/96`: domains that have "
        "only IPv4 addresses get IPv6 addresses in it (DNS64). `auto` takes what a "
        "router announces, or asks for it; `off` does without.",
    )
    ask: tuple[Server, ...] = Field(
        default=(),
        description="DNS servers that are asked for the prefix with `auto`, where no "
        "router announces it, such as the provider's; without one, the upstreams are.",
    )
    exclude: tuple[Network6, ...] = Field(
        default=(IPV4_MAPPED,),
        description="Networks in which no site can be reached: a domain with IPv6 addresses only "
        "in these counts as one without.",
    )

    @field_validator("ask")
    @classmethod
    def _are_written_with_an_address(
        cls, ask: tuple[UpstreamAddress | str, ...]
    ) -> tuple[UpstreamAddress | str, ...]:
        for each in ask:
            if isinstance(each, UpstreamAddress) and not each.host:
                raise ValueError(f"nothing says where {each} is; write its address too")
        return ask
