"""The settings of one machine: what each is called, what it may be, and its default.

`load` reads the file and the variables COPDNS_SECTION__KEY together, so that every mistake of
both is told at once.  What a family decides (people, devices, rules) is no setting: that is the
household (`household/file.py`, `store/`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from copdns.model import yaml_text
from copdns.model.addresses import (
    SUBNET_BITS,
    Transport,
    UpstreamAddress,
    address,
    bad_url,
    domain,
    network,
    slug,
    upstream_address,
)
from copdns.model.encrypted_addresses import server_address
from copdns.model.errors import ConfigError
from copdns.model.events import USUAL, EventKind
from copdns.model.names import normalize
from copdns.model.nat64 import IPV4_MAPPED, Nat64, nat64_prefix, network6
from copdns.model.verdict import AnswerDefaults
from copdns.model.yaml_text import ByText

AUTO = "auto"
SYSTEM: Literal["system"] = "system"
ALL = "all"
ROWS_DAYS, COUNTS_DAYS = 7, 30  # what is kept without a reason

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


def load(text: str, file: str, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file, changed by the environment; raise ConfigError.

    Paths in them are taken from the folder of the file.
    """
    settings = yaml_text.read(text, file, Settings, _changes(environ))
    folder = PurePath(file).parent
    lists = tuple(
        each.model_copy(update={"path": str(folder / each.path)}) for each in settings.lists
    )
    leases = tuple(
        each.model_copy(update={"path": str(folder / each.path)})
        for each in settings.identity.leases
    )
    identity = settings.identity.model_copy(update={"leases": leases})
    household = str(folder / settings.household) if settings.household else ""
    data = str(folder / settings.data)
    changed = {
        "web": _with_files(settings.web, folder, "tls_certificate", "tls_key"),
        "encrypted": _with_files(settings.encrypted, folder, "certificate", "key"),
        "lists": lists,
        "identity": identity,
        "household": household,
        "data": data,
    }
    return settings.model_copy(update=changed)


SectionT = TypeVar("SectionT", bound=BaseModel)


def _with_files(section: SectionT, folder: PurePath, *keys: str) -> SectionT:
    """Return a section whose files, where it names any, are taken from a folder."""
    paths = {key: str(getattr(section, key)) for key in keys}
    return section.model_copy(
        update={key: str(folder / path) for key, path in paths.items() if path}
    )


def _changes(environ: Mapping[str, str]) -> dict[str, object]:
    """Return the settings among the variables, by dotted key; other programs' pass by."""
    changes: dict[str, object] = {}
    for variable, text in environ.items():
        key = variable.removeprefix(yaml_text.ENVIRONMENT_PREFIX).lower().replace("__", ".")
        if not variable.startswith(yaml_text.ENVIRONMENT_PREFIX):
            continue
        if "." in key or key in Settings.model_fields:
            changes[key] = _value(text, variable)
    return changes


def _value(text: str, variable: str) -> object:
    try:
        return yaml_text.scalar(text, variable)
    except ConfigError:
        return text  # told with all other mistakes, as text where a list belongs


def schema() -> dict[str, Any]:
    """Return the JSON schema of the settings file."""
    return Settings.model_json_schema()


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
Domain = Annotated[str, ByText(domain)]
Slug = Annotated[str, ByText(slug)]
Port = Annotated[int, Field(ge=1, le=65535)]
Kinds = Annotated[
    tuple[Annotated[EventKind, ByText(_kind)], ...],
    Field(min_length=1),
    BeforeValidator(_kinds, json_schema_input_type=Literal["all"] | tuple[EventKind, ...]),
]


class Section(BaseModel):
    # Built with the whole that it is part of: for itself each part would cost as much again.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


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


class WebSettings(Section):
    """The pages: for children, for guardians and for checking that copdns works."""

    listen: tuple[ListenAddress, ...] = Field(
        default=(AUTO,),
        min_length=1,
        description="Addresses to serve the pages on; `auto` as for `dns.listen`.",
    )
    port: Port = Field(default=80, description="Port for the pages.")
    hosts: tuple[Domain, ...] = Field(
        default=(),
        description="Other names the pages can be reached by; requests with any other name get "
        "no data.",
    )
    tls_port: int = Field(
        default=443,
        ge=0,
        le=65535,
        description="Port for the pages over HTTPS, which the guardian dashboard needs; 0 for "
        "none.",
    )
    tls_certificate: str = Field(
        default="",
        validate_default=True,
        description="A certificate in PEM format, with its intermediate certificates; without "
        "one, copdns makes its own. It is read again when it changes.",
    )
    tls_key: str = Field(
        default="",
        validate_default=True,
        description="The key of that certificate, without a password.",
    )
    desk_over_http: bool = Field(
        default=False,
        description="Whether guardians may log in without HTTPS from other devices; anyone "
        "listening on the network can then read their password.",
    )

    @field_validator("tls_port")
    @classmethod
    def _has_a_port_of_its_own(cls, tls_port: int, info: ValidationInfo) -> int:
        if tls_port == info.data.get("port"):  # a wrong one is told
            raise ValueError(
                f"web.port is {tls_port} too, and it does not speak HTTPS; choose another port, "
                "or 0 for none"
            )
        return tls_port

    @field_validator("tls_key")
    @classmethod
    def _fits_the_certificate(cls, key: str, info: ValidationInfo) -> str:
        certificate = info.data.get("tls_certificate")
        if certificate is not None and bool(certificate) != bool(key):
            raise ValueError("a certificate needs its key; write both files, or neither")
        return key


class EncryptedSettings(Section):
    """DNS for devices that encrypt what they ask; at the addresses of `dns.listen`."""

    tls_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port for DNS over TLS, usually 853; 0 for none.",
    )
    https_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port for DNS over HTTPS, such as 8443; 0 for none.",
    )
    certificate: str = Field(
        default="",
        validate_default=True,
        description="A certificate in PEM format, with its intermediate certificates; without "
        "one, that of the pages is used. It is read again when it changes.",
    )
    key: str = Field(
        default="",
        validate_default=True,
        description="The key of that certificate, without a password.",
    )
    idle: float = Field(
        default=30.0,
        ge=0.5,
        le=600,
        description="Seconds before an idle encrypted connection is closed.",
    )
    connections: int = Field(
        default=512,
        ge=1,
        le=65536,
        description="Encrypted connections that may be open at once.",
    )
    client_connections: int = Field(
        default=32,
        ge=1,
        le=65536,
        description="Encrypted connections that one device may have open at once; a new one "
        "closes its longest silent one.",
    )
    handshakes: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="Encrypted connections that one device may begin in a second, on average over "
        "five.",
    )

    @property
    def is_on(self) -> bool:
        """Whether anything encrypted is served."""
        return bool(self.tls_port or self.https_port)

    @field_validator("https_port")
    @classmethod
    def _has_a_port_of_its_own(cls, https_port: int, info: ValidationInfo) -> int:
        if https_port and https_port == info.data.get("tls_port"):  # a wrong one is told
            raise ValueError(
                f"encrypted.tls_port is {https_port} too, and it does not speak HTTPS; choose "
                "another port, or 0 for none"
            )
        return https_port

    @field_validator("certificate")
    @classmethod
    def _is_used(cls, certificate: str, info: ValidationInfo) -> str:
        ports = [info.data.get(key) for key in ("tls_port", "https_port")]  # wrong ones are told
        if certificate and ports == [0, 0]:
            raise ValueError(
                "nothing uses this certificate, since encrypted.tls_port and encrypted.https_port "
                "are 0; set one of these ports, or leave the certificate out"
            )
        return certificate

    @field_validator("key")
    @classmethod
    def _fits_the_certificate(cls, key: str, info: ValidationInfo) -> str:
        certificate = info.data.get("certificate")
        if certificate is not None and bool(certificate) != bool(key):
            raise ValueError("a certificate needs its key; write both files, or neither")
        return key


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


def _prefix(text: str) -> IPv6Network | Literal["auto", "off"]:
    if text == AUTO:
        return "auto"
    return "off" if text == "off" else nat64_prefix(text)


Prefix = Annotated[IPv6Network | Literal["auto", "off"], ByText(_prefix)]
Network6 = Annotated[IPv6Network, ByText(network6)]


class Dns64Settings(Section):
    """Networks whose devices reach IPv4 only through a translator (NAT64)."""

    prefix: Prefix = Field(
        default="off",
        description="The prefix of the network's NAT64, such as `64:ff9b::/96`: domains that have "
        "only IPv4 addresses get IPv6 addresses in it (DNS64). `auto` asks for it; `off` does "
        "without.",
    )
    ask: tuple[Server, ...] = Field(
        default=(),
        description="DNS servers that are asked for the prefix with `auto`, such as the "
        "provider's; without one, the upstreams are.",
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


ListFormatText = Literal[
    "domains", "hosts", "wildcard", "adblock", "dnsmasq", "unbound", "rpz", "addresses", "hashed"
]


class ListFile(Section):
    """A list of domains on this machine's disk."""

    slug: Slug = Field(
        description="Its short name, used in the log and wherever a block is explained."
    )
    path: str = Field(
        min_length=1,
        description="The file; a relative path starts at the folder of the settings file.",
    )
    category: Slug = Field(description="The category it belongs to, which profiles can block.")
    format: ListFormatText = Field(
        description="`domains`: one domain per line; `hosts`: an address and domains; "
        "`wildcard`: *.domain; `adblock`: ad-blocker rules; `dnsmasq`, `unbound`: their settings; "
        "`rpz`: a response policy zone; `addresses`: addresses that no answer may have; `hashed`: "
        "domains as hashes."
    )
    match: Literal["exact", "subtree"] = Field(
        description="Whether an entry covers only the domain itself or its subdomains too."
    )
    opens: bool = Field(
        default=False,
        description="Whether this is an allow-list: what lists of its category block of its "
        "domains is lifted.",
    )
    log_only: int = Field(
        default=0,
        ge=0,
        le=30,
        description="Days for which it only counts what it would block, from when it is first "
        "here. A new list is best tried for 3.",
    )


class OwnSource(Section):
    """A list that is not in the catalogue."""

    slug: Slug = Field(
        description="Its short name; the name of a list in the catalogue replaces that list."
    )
    url: str = Field(description="Where it is downloaded from: https, or http inside your network.")
    category: Slug = Field(description="The category it belongs to, which profiles can block.")
    format: ListFormatText = Field(description="Its format, as for `lists`.")
    match: Literal["exact", "subtree"] = Field(
        description="Whether an entry covers only the domain itself or its subdomains too."
    )
    opens: bool = Field(
        default=False,
        description="Whether this is an allow-list: what lists of its category block of its "
        "domains is lifted.",
    )
    log_only: int = Field(
        default=0,
        ge=0,
        le=30,
        description="Days for which it only counts what it would block, from when it is first "
        "here. A new list is best tried for 3.",
    )
    member: str = Field(default="", description="The file to use from a .tar.gz.")
    title: str = Field(default="", description="Its title.")
    licence: str = Field(default="", description="Its licence.")
    maintainer: str = Field(default="", description="Who maintains it.")
    homepage: str = Field(default="", description="Its website.")
    report: str = Field(default="", description="Where to report mistakes.")
    names: int = Field(default=0, ge=0, description="About how many domains it has.")

    @field_validator("url")
    @classmethod
    def _can_be_fetched(cls, url: str) -> str:
        if trouble := bad_url(url):
            raise ValueError(trouble)
        return url


class SourceSettings(Section):
    """Which lists are downloaded, and when."""

    use: Literal["auto", "none"] | tuple[Slug, ...] = Field(
        default="auto",
        description="Which lists of the catalogue are downloaded: `auto` for those the household "
        "needs, `none`, or a list of names, which can include `auto`.",
    )
    own: tuple[OwnSource, ...] = Field(
        default=(), description="Lists that are not in the catalogue; all of them are downloaded."
    )
    every: int = Field(
        default=24, ge=1, le=720, description="Hours between checks for a newer copy."
    )
    max_names: int = Field(
        default=0,
        ge=0,
        le=100_000_000,
        description="The most domains that all lists may have together; the largest lists are "
        "left out first. 0 means what this machine's memory allows: 2,000 for each MiB.",
    )

    @property
    def chosen_names(self) -> tuple[str, ...]:
        """The names of `use`; AUTO among them stands for those that the household needs."""
        if isinstance(self.use, str):
            return (AUTO,) if self.use == AUTO else ()
        return self.use

    @field_validator("own")
    @classmethod
    def _slugs_differ(cls, own: tuple[OwnSource, ...]) -> tuple[OwnSource, ...]:
        return _with_slugs_of_their_own(own)


class FactsSettings(Section):
    """Where newer facts come from: protected sites, helplines, services, and what else ships."""

    url: str = Field(
        default="",
        description="Where signed newer facts are downloaded from; empty for nowhere: then they "
        "are newer with each version of copdns. Nothing about this household is sent.",
    )
    every: int = Field(
        default=24, ge=1, le=720, description="Hours between checks for newer facts."
    )
    keys: tuple[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], ...] = Field(
        default=(),
        description="Public keys (Ed25519, 64 hexadecimal digits) whose signatures are accepted; "
        "empty for those that come with copdns.",
    )
    max_age: int = Field(
        default=45,
        ge=7,
        le=400,
        description="Days after which facts that were not renewed are reported.",
    )

    @field_validator("url")
    @classmethod
    def _can_be_fetched(cls, url: str) -> str:
        if url and (trouble := bad_url(url)):
            raise ValueError(trouble)
        return url


ASlugged = TypeVar("ASlugged", ListFile, OwnSource)


# Lists against harm block from the first minute.
_NEVER_LOG_ONLY: Final = frozenset({"malware", "phishing"})


def _with_slugs_of_their_own(lists: tuple[ASlugged, ...]) -> tuple[ASlugged, ...]:
    slugs = [each.slug for each in lists]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if twice:
        raise ValueError(f"two lists are called {', '.join(twice)}; rename one of them")
    for each in lists:
        if each.log_only and (each.opens or each.category in _NEVER_LOG_ONLY):
            why = "an allow-list blocks nothing" if each.opens else f"{each.category} is harm"
            raise ValueError(f"the list {each.slug} cannot be log_only: {why}")
    return lists


class LeaseFile(Section):
    """A file in which a DHCP server on this machine keeps what it handed out."""

    path: str = Field(
        min_length=1,
        description="The file; a relative path starts at the folder of the settings file.",
    )
    format: Literal["auto", "dnsmasq", "odhcpd", "kea"] = Field(
        default="auto",
        description="Which DHCP server writes the file; `auto` recognises it by its contents.",
    )


_HOME_DOMAINS = ("lan", "home.arpa", "internal", "home")  # nobody's on the internet


class IdentitySettings(Section):
    """How devices are recognised, apart from their IP addresses."""

    neighbours: Literal["auto", "off"] = Field(
        default="auto",
        description="Whether devices are recognised by MAC address: `auto` reads MAC addresses "
        "from the kernel where permitted; `off` does not.",
    )
    leases: tuple[LeaseFile, ...] = Field(
        default=(),
        max_length=16,
        description="Lease files of DHCP servers on this machine, for the names that devices "
        "give themselves, and for MAC addresses the kernel does not know.",
    )
    lease_domain: str = Field(
        default="",
        description="The domain in which devices of these lease files have the names that they "
        "give themselves, such as `lan` or `home.arpa`; empty for no such names.",
    )

    ask_names: bool = Field(
        default=True,
        description="Whether unknown devices are asked what they call themselves, when a guardian "
        "looks at them; the names are not stored.",
    )

    @field_validator("lease_domain")
    @classmethod
    def _stays_at_home(cls, written: str) -> str:
        name = normalize(written)
        if name and not any(name == each or name.endswith(f".{each}") for each in _HOME_DOMAINS):
            raise ValueError(
                f"{written!r} is not a domain of a home network; write one of "
                f"{', '.join(_HOME_DOMAINS)}, or one below them"
            )
        return name


class LogSettings(Section):
    """How long records are kept; what is recorded depends on each profile's privacy mode."""

    rows_days: int = Field(
        default=ROWS_DAYS, ge=1, le=90, description="Days that log entries with domains are kept."
    )
    counts_days: int = Field(
        default=COUNTS_DAYS,
        ge=1,
        le=366,
        description="Days that counts by hour and category are kept.",
    )
    reason: str = Field(
        default="",
        max_length=500,
        validate_default=True,
        description="Why more is kept than by default. Required in that case, and everyone in "
        "the household can read it.",
    )

    @field_validator("reason")
    @classmethod
    def _longer_needs_a_reason(cls, reason: str, info: ValidationInfo) -> str:
        rows, counts = info.data.get("rows_days", 0), info.data.get("counts_days", 0)
        if (rows > ROWS_DAYS or counts > COUNTS_DAYS) and not reason.strip():
            raise ValueError(
                f"keeping log entries longer than {ROWS_DAYS} days or counts longer than "
                f"{COUNTS_DAYS} needs a reason that the family can read; write it in log.reason"
            )
        return reason


# What may stand after "Bearer" (RFC 6750 section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


class Webhook(Section):
    """A web server that events are sent to."""

    url: str = Field(
        description="Where events are sent (POST, JSON): https, or http inside your network."
    )
    token: str = Field(
        default="",
        max_length=4096,
        repr=False,
        description="Sent as a bearer token, so that the server knows who is calling.",
    )
    kinds: Kinds = Field(
        default=tuple(EventKind), description="Which events are sent to it: `all`, or a list."
    )

    @field_validator("url")
    @classmethod
    def _is_of_the_web(cls, url: str) -> str:
        if trouble := _bad_webhook(url):
            raise ValueError(trouble)
        return url

    @field_validator("token")
    @classmethod
    def _can_be_sent(cls, token: str) -> str:
        if token and not _TOKEN.fullmatch(token):
            raise ValueError("is not a valid bearer token; write the token alone, without `Bearer`")
        return token


def _bad_webhook(url: str) -> str:
    """Return why nothing is sent to an address; "" when it can be."""
    wrong = "this is not a valid address; write one such as https://hooks.example/copdns"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return wrong
    if parts.scheme not in ("http", "https"):
        return (
            f"this one starts with {parts.scheme or 'nothing'}; write an address that starts "
            "with https://"
        )
    if not parts.hostname or port == 0 or not url.isprintable() or " " in url or parts.fragment:
        return wrong
    if parts.username is not None:
        return "a username or password in the address is not sent; leave it out, and use token"
    return ""


class EventSettings(Section):
    """Where events are sent, apart from the log."""

    webhooks: tuple[Webhook, ...] = Field(
        default=(), max_length=16, description="Web servers that events are sent to."
    )
    command: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="A program to run for each event, with its arguments; no shell is used.",
    )
    command_kinds: Kinds = Field(
        default=tuple(EventKind),
        description="Which events the program runs for: `all`, or a list.",
    )
    appeal_names: bool = Field(
        default=False,
        description="Whether events about requests tell web servers, the program and guardians "
        "who asked, and for which site; and events about a child who wants to talk, who it is.",
    )
    notices: tuple[str, ...] = Field(
        default=(),
        max_length=16,
        repr=False,
        description="Where guardians get notices in plain words, such as "
        "`mailto://name:password@mail.example`: addresses for apprise, which is installed "
        "separately.",
    )
    notice_kinds: Kinds = Field(
        default=USUAL, description="Which events guardians get notices of: `all`, or a list."
    )

    @field_validator("notices")
    @classmethod
    def _are_addresses(cls, notices: tuple[str, ...]) -> tuple[str, ...]:
        for number, each in enumerate(notices, 1):  # not repeated: it holds passwords
            if not re.match(r"[a-z][a-z0-9+.-]*://.", each) or not each.isprintable():
                raise ValueError(
                    f"number {number} is not a valid address; write one such as mailto://..."
                )
        if len(notices) != len(set(notices)):
            raise ValueError("one address is there twice; keep only one")
        return notices

    @field_validator("webhooks")
    @classmethod
    def _each_once(cls, webhooks: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
        urls = [each.url for each in webhooks]
        if len(urls) != len(set(urls)):
            raise ValueError("one url is there twice; keep one, with the kinds of both")
        return webhooks

    @field_validator("command")
    @classmethod
    def _can_be_started(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in each for each in command):
            raise ValueError("an argument contains a NUL character; remove it")
        program = command[0] if command else "/"
        if not program or ("/" in program and not program.startswith("/")):
            raise ValueError(
                f"{program!r} is not a full path; write the full path, or only the name of an "
                "installed program"
            )
        return command


def _push_host(text: str) -> str:
    """Return a host of push services; `*.` before a domain stands for all names below it."""
    bare = text.removeprefix("*.")
    if bare == "localhost" and bare == text:
        return text
    try:
        return str(ip_address(text))
    except ValueError:
        return f"{text[: len(text) - len(bare)]}{domain(bare)}"


PUSH_HOSTS = (
    "fcm.googleapis.com",  # Chrome, and most others made from Chromium
    "updates.push.services.mozilla.com",  # Firefox
    "*.push.apple.com",  # Safari, and every browser on iPhones
    "*.notify.windows.com",  # Edge on Windows
)


class PushSettings(Section):
    """Notices to browsers, which ask for them on a page."""

    enabled: bool = Field(
        default=True,
        description="Whether guardians and children can ask for notices in their browsers; off, "
        "none are sent to those that asked before either.",
    )
    hosts: tuple[Annotated[str, ByText(_push_host)], ...] = Field(
        default=PUSH_HOSTS,
        max_length=32,
        description="The push services that notices may be sent to; `*.` before a name stands for "
        "all names below it.",
    )
    private_addresses: bool = Field(
        default=False,
        description="Whether push services among these hosts may be at home: at a private address "
        "or on this machine, on any port, and without HTTPS.",
    )
    contact: str = Field(
        default="",
        max_length=200,
        description="Where push services can reach whoever runs this copdns: an address such as "
        "`mailto:ada@mail.example`, or an `https://` one. They are told it with each notice.",
    )

    @field_validator("contact")
    @classmethod
    def _is_reachable(cls, contact: str) -> str:
        if contact and not re.fullmatch(r"(mailto:[^@\s]+@[^@\s]+|https://\S+)", contact):
            raise ValueError(
                f"{contact!r} is no address that a push service takes; write one such as "
                "mailto:ada@mail.example"
            )
        return contact


class AppealSettings(Section):
    """What happens to requests that nobody answers, and how long their texts are kept."""

    reminder_hours: int = Field(
        default=24,
        ge=1,
        le=720,
        description="Hours until guardians are reminded of a request (1 to 720).",
    )
    target_hours: int = Field(
        default=72,
        ge=1,
        le=720,
        description="Hours until a request is overdue (1 to 720); it stays open, and someone "
        "else can answer it.",
    )
    open_meanwhile: bool = Field(
        default=True,
        description="Whether an overdue request is allowed until someone answers, if a list of a "
        "low-risk category blocked the site.",
    )
    texts_days: int = Field(
        default=30,
        ge=1,
        le=90,
        description="Days that the site and the words of a request are kept after it is closed "
        "(1 to 90).",
    )


class Settings(Section):
    """All settings of one machine."""

    dns: DnsSettings = DnsSettings()
    web: WebSettings = Field(default=WebSettings(), validate_default=True)
    encrypted: EncryptedSettings = Field(default=EncryptedSettings(), validate_default=True)
    upstreams: UpstreamSettings = UpstreamSettings()
    dns64: Dns64Settings = Dns64Settings()
    cache: CacheSettings = CacheSettings()
    limits: LimitSettings = LimitSettings()
    rebinding: RebindingSettings = RebindingSettings()
    lists: tuple[ListFile, ...] = Field(
        default=(), description="Lists of domains on this machine's disk."
    )
    sources: SourceSettings = SourceSettings()
    facts: FactsSettings = FactsSettings()
    identity: IdentitySettings = IdentitySettings()
    log: LogSettings = LogSettings()
    events: EventSettings = EventSettings()
    push: PushSettings = PushSettings()
    appeals: AppealSettings = AppealSettings()
    household: str = Field(
        default="",
        description="A household file to fill the database at the very first start; later "
        "changes to the file have no effect.",
    )
    data: str = Field(
        default="/var/lib/copdns", min_length=1, description="The folder for the databases."
    )

    @field_validator("web")
    @classmethod
    def _has_a_port_of_its_own(cls, web: WebSettings, info: ValidationInfo) -> WebSettings:
        dns = info.data.get("dns")  # a wrong one is told
        for name, port in (("port", web.port), ("tls_port", web.tls_port)):
            if dns and dns.port == port and (where := _on_both(dns.listen, web.listen)):
                raise ValueError(
                    f"web.{name} and dns.port are both {port} on {where}, but DNS over TCP needs "
                    "its own port; choose another"
                )
        return web

    @field_validator("encrypted")
    @classmethod
    def _has_ports_of_its_own(
        cls, encrypted: EncryptedSettings, info: ValidationInfo
    ) -> EncryptedSettings:
        dns, web = info.data.get("dns"), info.data.get("web")  # wrong ones are told
        others = {"dns.port": (dns.port, dns.listen)} if dns else {}
        if web:
            others |= {
                f"web.{key}": (getattr(web, key), web.listen) for key in ("port", "tls_port")
            }
        for ours in ("tls_port", "https_port"):
            for setting, (port, listen) in others.items():
                is_same = port and port == getattr(encrypted, ours)
                if dns and is_same and (where := _on_both(dns.listen, listen)):
                    raise ValueError(
                        f"encrypted.{ours} and {setting} are both {port} on {where}, but encrypted "
                        "DNS needs its own port; choose another"
                    )
        return encrypted

    @field_validator("lists")
    @classmethod
    def _slugs_differ(cls, lists: tuple[ListFile, ...]) -> tuple[ListFile, ...]:
        return _with_slugs_of_their_own(lists)


def _on_both(first: tuple[str, ...], second: tuple[str, ...]) -> str:
    """Return an address that is among both, where `auto` holds those of homes; "" without one."""
    for some, others in ((first, second), (second, first)):
        for each in some:
            if each in others or (AUTO in others and _is_of_a_home(each)):
                return each
    return ""


def _is_of_a_home(address: str) -> bool:
    return any(ip_address(address) in each for each in HOME)


def defaults_of(
    settings: Settings, door: str, learned: tuple[IPv6Network, ...] = ()
) -> AnswerDefaults:
    """Return what the settings say.

    door: the children's page, as it is served now.  learned: prefixes of NAT64, where they are to
    be asked for.
    """
    dns = settings.dns
    prefix = settings.dns64.prefix
    prefixes = (prefix,) if isinstance(prefix, IPv6Network) else learned
    if prefix == "off":
        prefixes = ()
    return AnswerDefaults(
        dns.allow,
        dns.block_ttl,
        dns.security_ttl,
        dns.child_max_ttl,
        door,
        sends_reverse=bool(settings.upstreams.private_reverse),
        nat64=Nat64(prefixes, settings.dns64.exclude) if prefixes else None,
    )
