"""What all settings are made of: a section, and texts that are read as values.  Pure."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from copdns.model.addresses import (
    UpstreamAddress,
    address,
    domain,
    network,
    slug,
    upstream_address,
)
from copdns.model.encrypted_addresses import server_address
from copdns.model.events import EventKind
from copdns.model.nat64 import nat64_prefix, network6
from copdns.model.yaml_text import ByText

AUTO = "auto"
SYSTEM: Literal["system"] = "system"
ALL = "all"

# Who may ask: this machine and the networks that homes use (RFC 1918, 3927, 4193, 4291, 6598).
HOME = tuple(
    ip_network(each)
    for each in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)


class Section(BaseModel):
    """Settings that belong together.  A key that it does not have is a mistake."""

    # Built with the whole that it is part of: for itself each part would cost as much again.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def _server(text: str) -> UpstreamAddress | Literal["system"]:
    return SYSTEM if text == SYSTEM else server_address(text)


def _listen(text: str) -> str:
    if text == AUTO:
        return text
    found = address(text)
    if found.is_unspecified:
        raise ValueError(
            f"{text!r} is not an address to answer on; write `auto`, or this machine's own "
            "addresses"
        )
    return str(found)


def _prefix(text: str) -> IPv6Network | Literal["auto", "off"]:
    if text == AUTO:
        return "auto"
    return "off" if text == "off" else nat64_prefix(text)


def _domain_if_any(text: str) -> str:
    return domain(text) if text else ""


def _kind(text: str) -> EventKind:
    if text not in set(EventKind):
        raise ValueError(f"{text!r} is not an event; write one of: {', '.join(EventKind)}")
    return EventKind(text)


def _kinds(written: object) -> object:
    if written == ALL:
        return tuple(EventKind)
    # Strict as it is, pydantic takes a list for a tuple only where no validator stands before it.
    return tuple(written) if isinstance(written, list) else written


ListenAddress = Annotated[str, ByText(_listen)]
Network = Annotated[IPv4Network | IPv6Network, ByText(network)]
PlainUpstream = Annotated[UpstreamAddress, ByText(upstream_address)]
Upstream = Annotated[UpstreamAddress, ByText(server_address)]
Server = Annotated[UpstreamAddress | Literal["system"], ByText(_server)]
Prefix = Annotated[IPv6Network | Literal["auto", "off"], ByText(_prefix)]
Network6 = Annotated[IPv6Network, ByText(network6)]
Domain = Annotated[str, ByText(domain)]
OptionalDomain = Annotated[str, ByText(_domain_if_any)]
Slug = Annotated[str, ByText(slug)]
Port = Annotated[int, Field(ge=1, le=65535)]
Kinds = Annotated[
    tuple[Annotated[EventKind, ByText(_kind)], ...],
    Field(min_length=1),
    BeforeValidator(_kinds, json_schema_input_type=Literal["all"] | tuple[EventKind, ...]),
]
