"""Which DNS servers are asked, for how long, and what they are told.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from copdns.model.addresses import SUBNET_BITS, Transport, UpstreamAddress
from copdns.model.encrypted_addresses import server_address
from copdns.settings.values import (
    HOME,
    SYSTEM,
    Network,
    PlainUpstream,
    Section,
    Server,
    Upstream,
)


class ClientSubnet(Section):
    """What an upstream is told of the network that queries are from (EDNS client subnet)."""

    server: Upstream = Field(description="The upstream, as it is written in `upstreams.servers`.")
    send: Network | None = Field(
        default=None,
        description="The network that it is told with every query, such as that of the "
        "household's address: of /24 or wider, or /56 or wider for IPv6; `0.0.0.0/0` asks it to "
        "tell others nothing.",
    )
    forward: bool = Field(
        default=False,
        validate_default=True,
        description="Whether it is told what a device itself says of its network, cut to /24 or "
        "/56.",
    )

    @field_validator("send")
    @classmethod
    def _is_wide_enough(cls, send: Network | None) -> Network | None:
        if send is not None and send.prefixlen > SUBNET_BITS[send.version]:
            raise ValueError(
                f"{send} tells too much of an address; write a network of "
                f"/{SUBNET_BITS[send.version]} or wider"
            )
        if (
            send is not None
            and send.prefixlen
            and any(send.version == home.version and send.overlaps(home) for home in HOME)
        ):
            raise ValueError(
                f"{send} is in a home network, which means nothing outside; write the network of "
                "the address that the provider gave you"
            )
        return send

    @field_validator("forward")
    @classmethod
    def _says_one_thing(cls, forward: bool, info: ValidationInfo) -> bool:
        if "send" in info.data and forward is (info.data["send"] is not None):
            raise ValueError("write either send, with a network, or forward: true")
        return forward


class UpstreamSettings(Section):
    """Which DNS servers answer what this machine does not know."""

    servers: tuple[Server, ...] = Field(
        default=(SYSTEM,),
        min_length=1,
        description="Upstream resolvers, the preferred one first: `192.0.2.1`, `192.0.2.1:5353`, "
        "`[2001:db8::1]:53`; encrypted: `tls://dns.example@192.0.2.1`, "
        "`https://dns.example@192.0.2.1/dns-query`; `system` means those this machine uses "
        "itself.",
    )
    bootstrap: tuple[PlainUpstream, ...] = Field(
        default=(),
        validate_default=True,
        description="Plain DNS servers that are asked only for the addresses of encrypted "
        "upstreams that are written without one, and for the names of time servers.",
    )
    private_reverse: tuple[PlainUpstream, ...] = Field(
        default=(),
        description="Servers that know the names of devices by their addresses in the home "
        "network, such as the router: reverse names of private addresses are asked there. Without "
        "one, copdns answers them itself.",
    )
    filtering: tuple[Upstream, ...] = Field(
        default=(),
        description="Upstreams that are known to filter; if one of them blocks a protected "
        "domain, another upstream is asked.",
    )
    order: Literal["listed", "fastest"] = Field(
        default="listed",
        description="`listed`: the first upstream that works is asked; `fastest`: the one that "
        "answers soonest.",
    )
    deadline: float = Field(
        default=2.0,
        ge=0.5,
        le=5,
        description="Seconds for a query, over all upstreams, before the device gets an error.",
    )
    attempt: float = Field(
        default=0.8,
        ge=0.1,
        le=5,
        description="Seconds to wait for one upstream before trying the next; at most the "
        "deadline. After a third of them a second upstream is asked as well.",
    )
    trust_ad: tuple[Upstream, ...] = Field(
        default=(),
        description="Upstreams that are trusted to validate answers with DNSSEC: their AD bit is "
        "passed on. One on loopback is trusted, and so is an encrypted one.",
    )

    client_subnet: tuple[ClientSubnet, ...] = Field(
        default=(),
        description="Upstreams that are told from which network queries are (EDNS client subnet); "
        "all others are told nothing, whatever devices say.",
    )

    @property
    def are_fixed(self) -> bool:
        """Whether the settings name other servers than `system`, so that no household chooses."""
        return self.servers != (SYSTEM,)

    def usual_servers(self, chosen: Iterable[str]) -> tuple[Server, ...]:
        """Return the servers that are asked.

        chosen: those of the household, which count unless the settings name some.
        """
        found = () if self.are_fixed else tuple(map(server_address, chosen))
        return found or self.servers

    @field_validator("bootstrap")
    @classmethod
    def _finds_every_server(
        cls, bootstrap: tuple[UpstreamAddress, ...], info: ValidationInfo
    ) -> tuple[UpstreamAddress, ...]:
        for each in info.data.get("servers", ()):  # a wrong one is told
            if each != SYSTEM and not each.host and not bootstrap:
                raise ValueError(
                    f"nothing says where {each} is; write its address too, as in "
                    f"{each.transport}://{each.name}@192.0.2.1, or the address of a plain DNS "
                    "server in upstreams.bootstrap"
                )
        return bootstrap

    @field_validator("client_subnet")
    @classmethod
    def _are_servers(
        cls, told: tuple[ClientSubnet, ...], info: ValidationInfo
    ) -> tuple[ClientSubnet, ...]:
        servers = info.data.get("servers")  # wrong ones are told
        for number, each in enumerate(told):
            if servers is not None and each.server not in servers:
                raise ValueError(
                    f"{each.server} is not among upstreams.servers, so it is asked nothing; write "
                    "it as it is written there"
                )
            if each.server in [other.server for other in told[:number]]:
                raise ValueError(f"{each.server} is there twice; keep only one")
        return told

    @field_validator("attempt")
    @classmethod
    def _within_the_deadline(cls, attempt: float, info: ValidationInfo) -> float:
        deadline = info.data.get("deadline", attempt)
        if attempt > deadline:
            raise ValueError(f"is {attempt}; write at most the deadline, which is {deadline}")
        return attempt


def are_encrypted(servers: Iterable[UpstreamAddress | Literal["system"]]) -> bool:
    """Tell whether nothing but TLS is spoken with these servers."""
    return all(each != SYSTEM and each.transport is not Transport.UDP for each in servers)
