"""Which DNS servers are asked, and for how long.  Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from copdns.model.addresses import Transport, UpstreamAddress
from copdns.settings.values import SYSTEM, PlainUpstream, Section, Server, Upstream


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

    @property
    def are_all_encrypted(self) -> bool:
        """Whether nothing but TLS is spoken with the upstreams."""
        return all(each != SYSTEM and each.transport is not Transport.UDP for each in self.servers)

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

    @field_validator("attempt")
    @classmethod
    def _within_the_deadline(cls, attempt: float, info: ValidationInfo) -> float:
        deadline = info.data.get("deadline", attempt)
        if attempt > deadline:
            raise ValueError(f"is {attempt}; write at most the deadline, which is {deadline}")
        return attempt
