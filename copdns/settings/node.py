"""A node of a provider: dnsdist and what writes its tables, and who tells whose an address is.

Pure.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copdns.model.addresses import address
from copdns.model.yaml_text import ByText
from copdns.settings.values import Network, Section


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


Endpoint = Annotated[str, ByText(_endpoint)]
OptionalEndpoint = Annotated[str, ByText(_endpoint_if_any)]
PlainAddress = Annotated[str, ByText(_plain_address)]


class RadiusSender(Section):
    """A machine of the network that tells of sessions by RADIUS accounting."""

    address: PlainAddress = Field(description="The address that its packets come from.")
    secret: str = Field(min_length=16, description="The secret that it and copdns share.")


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
    listen: tuple[Endpoint, ...] = Field(
        default=(), description="Where dnsdist answers plain DNS, such as `192.0.2.53:53`."
    )
    tls_listen: tuple[Endpoint, ...] = Field(
        default=(), description="Where dnsdist answers DNS over TLS."
    )
    https_listen: tuple[Endpoint, ...] = Field(
        default=(), description="Where dnsdist answers DNS over HTTPS."
    )
    certificate: str = Field(default="", description="The certificate of both, a PEM file.")
    key: str = Field(default="", description="Its key.")
    resolvers: tuple[Endpoint, ...] = Field(
        default=("127.0.0.1:5301",), description="Where the unbound of this node answers."
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
