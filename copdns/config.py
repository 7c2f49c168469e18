"""The settings of one machine: what each is called, what it may be, and its default.

`load` reads the file and the variables COPDNS_SECTION__KEY together, so that every mistake of
both is told at once.  What a family decides (people, devices, rules) is no setting: that is the
household (`household/file.py`, `store/`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeVar
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
    UpstreamAddress,
    address,
    bad_url,
    domain,
    network,
    slug,
    upstream_address,
)
from copdns.model.errors import ConfigError
from copdns.model.events import USUAL, EventKind
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
    files = {"tls_certificate": settings.web.tls_certificate, "tls_key": settings.web.tls_key}
    web = settings.web.model_copy(
        update={key: str(folder / path) for key, path in files.items() if path}
    )
    changed = {
        "web": web,
        "lists": lists,
        "identity": identity,
        "household": household,
        "data": data,
    }
    return settings.model_copy(update=changed)


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
    return SYSTEM if text == SYSTEM else upstream_address(text)


def _listen(text: str) -> str:
    if text == AUTO:
        return text
    found = address(text)
    if found.is_unspecified:
        raise ValueError(
            f"{text!r} is no address to answer from; write `auto`, or this machine's own addresses"
        )
    return str(found)


def _kind(text: str) -> EventKind:
    if text not in set(EventKind):
        raise ValueError(f"{text!r} is no event; write one of: {', '.join(EventKind)}")
    return EventKind(text)


def _kinds(written: object) -> object:
    if written == ALL:
        return tuple(EventKind)
    # Strict as it is, pydantic takes a list for a tuple only where no validator stands before it.
    return tuple(written) if isinstance(written, list) else written


ListenAddress = Annotated[str, ByText(_listen)]
Network = Annotated[IPv4Network | IPv6Network, ByText(network)]
Upstream = Annotated[UpstreamAddress, ByText(upstream_address)]
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
    model_config = ConfigDict(frozen=True, extra="forbid")


LEAST_PREFIX = {4: 8, 6: 16}  # of a forwarder's network: 10.0.0.0/8 is the widest private one


class TrustedForwarder(Section):
    """A resolver before us that says who asks."""

    network: Network = Field(
        description="Its address, or the network that it asks from; nobody else should be able "
        "to use that."
    )
    proxy: bool = Field(
        default=False,
        description="Whether it sends a PROXY header (version 2) with the address of who asks, "
        "as dnsdist does.",
    )
    mac: bool = Field(
        default=False,
        description="Whether it adds the device's MAC as an EDNS option, as `add-mac` of "
        "dnsmasq does.",
    )
    subnet: bool = Field(
        default=False,
        validate_default=True,
        description="Whether it adds the device's whole address as an EDNS client subnet, as "
        "`add-subnet=32,128` of dnsmasq does.",
    )

    @field_validator("network")
    @classmethod
    def _not_everybody(cls, network: Network) -> Network:
        if not network.prefixlen:
            raise ValueError(f"{network} is everybody, and anybody could then ask as any child")
        least = LEAST_PREFIX[network.version]
        if network.prefixlen < least:
            raise ValueError(
                f"{network} is wider than any home, and whoever is in it could ask as any child; "
                f"name the forwarder's own address, or a network of /{least} or smaller"
            )
        return network

    @field_validator("subnet")
    @classmethod
    def _says_something(cls, subnet: bool, info: ValidationInfo) -> bool:
        others = (info.data.get(key, True) for key in ("proxy", "mac"))  # wrong ones are told
        if not subnet and not any(others):
            raise ValueError(
                "this forwarder says nothing of who asks; write proxy: true, mac: true or "
                "subnet: true, or leave it out"
            )
        return subnet


class DnsSettings(Section):
    """Who is answered, where, and for how long answers may be kept."""

    listen: tuple[ListenAddress, ...] = Field(
        default=(AUTO,),
        min_length=1,
        description="Addresses to answer on; `auto` is loopback and every private address of "
        "this machine, followed as they change.",
    )
    port: Port = Field(default=53, description="Port for UDP and TCP.")
    allow: tuple[Network, ...] = Field(
        default=HOME, description="Networks that are answered; everyone else is refused."
    )
    forwarders: tuple[TrustedForwarder, ...] = Field(
        default=(),
        description="Resolvers before this one that are believed when they say who asks; nobody "
        "else is.",
    )
    block_ttl: int = Field(
        default=10,
        ge=1,
        le=3600,
        description="Seconds that a device may keep a block; small, so that "
        "a granted appeal works at once.",
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
        description="Seconds that a child's device may keep any answer, so "
        "that a pause is felt soon; a profile can set its own.",
    )
    fast_lane: bool = Field(
        default=True,
        description="Whether the reply to a question is remembered as long as it must be the same; "
        "changes nothing but speed.",
    )
    tcp_idle: float = Field(
        default=10.0,
        ge=0.5,
        le=120,
        description="Seconds before a silent TCP connection is closed.",
    )
    tcp_connections: int = Field(
        default=256, ge=1, le=65536, description="TCP connections that may be open at once."
    )
    tcp_in_flight: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="Questions of one TCP connection that are worked on at once.",
    )


class WebSettings(Section):
    """The pages: for children, for guardians, and for the machine's health."""

    listen: tuple[ListenAddress, ...] = Field(
        default=(AUTO,),
        min_length=1,
        description="Addresses of the pages; `auto` as for `dns.listen`.",
    )
    port: Port = Field(default=80, description="Port of the pages.")
    hosts: tuple[Domain, ...] = Field(
        default=(),
        description="Further names under which the pages are reached; requests for any other "
        "name see no data.",
    )
    tls_port: int = Field(
        default=443,
        ge=0,
        le=65535,
        description="Port of the pages over HTTPS, which the guardians' desk wants; 0 for none.",
    )
    tls_certificate: str = Field(
        default="",
        validate_default=True,
        description="A certificate in PEM form, with those between it and its authority; without "
        "one, copdns makes its own. Read again when it changes.",
    )
    tls_key: str = Field(
        default="",
        validate_default=True,
        description="The key of that certificate, without a password.",
    )
    desk_over_http: bool = Field(
        default=False,
        description="Whether guardians may log in without HTTPS from other devices: whoever "
        "listens on the network then reads their password.",
    )

    @field_validator("tls_port")
    @classmethod
    def _has_a_port_of_its_own(cls, tls_port: int, info: ValidationInfo) -> int:
        if tls_port == info.data.get("port"):  # a wrong one is told
            raise ValueError(
                f"web.port is {tls_port} too, and speaks no HTTPS; choose another, or 0 for none"
            )
        return tls_port

    @field_validator("tls_key")
    @classmethod
    def _fits_the_certificate(cls, key: str, info: ValidationInfo) -> str:
        certificate = info.data.get("tls_certificate")
        if certificate is not None and bool(certificate) != bool(key):
            raise ValueError(
                "a certificate and its key are given together; name both files, or neither"
            )
        return key


class UpstreamSettings(Section):
    """Who is asked for what this machine does not know."""

    servers: tuple[Server, ...] = Field(
        default=(SYSTEM,),
        min_length=1,
        description="Upstream resolvers, the preferred first: `192.0.2.1`, `192.0.2.1:5353`, "
        "`[2001:db8::1]:53`; `system` is those that the machine itself was given.",
    )
    filtering: tuple[Upstream, ...] = Field(
        default=(),
        description="Those of the upstreams that are known to filter; a protected name that "
        "one of them blocks is asked elsewhere.",
    )
    deadline: float = Field(
        default=2.0,
        ge=0.5,
        le=5,
        description="Seconds for a question, over all upstreams, before the "
        "device is told that it failed.",
    )
    attempt: float = Field(
        default=0.8,
        ge=0.1,
        le=5,
        description="Seconds for one upstream before the next is asked; at most the deadline.",
    )
    trust_ad: tuple[Upstream, ...] = Field(
        default=(),
        description="Upstreams whose word that DNSSEC validated an answer (the AD bit) is "
        "passed on; one on loopback is always trusted.",
    )

    @field_validator("attempt")
    @classmethod
    def _within_the_deadline(cls, attempt: float, info: ValidationInfo) -> float:
        deadline = info.data.get("deadline", attempt)
        if attempt > deadline:
            raise ValueError(f"is {attempt}; write at most the deadline, which is {deadline}")
        return attempt


class CacheSettings(Section):
    """Answers that are kept, so that they need not be asked for again."""

    entries: int = Field(
        default=20_000, ge=0, le=10_000_000, description="Answers that are kept; 0: none."
    )
    megabytes: int = Field(default=32, ge=1, le=65536, description="Memory for them, in MiB.")
    max_ttl: int = Field(
        default=86_400, ge=0, le=604_800, description="Seconds that an answer is kept at most."
    )
    max_negative_ttl: int = Field(
        default=3600, ge=0, le=10_800, description="Seconds that a `no such name` is kept at most."
    )


class RebindingSettings(Section):
    """No name of the Internet may point into the home (DNS rebinding)."""

    enabled: bool = Field(default=True, description="Whether such answers are blocked.")
    allow: tuple[Network, ...] = Field(
        default=(), description="Networks that outside names may point to all the same."
    )
    names: tuple[Domain, ...] = Field(
        default=(),
        description="Domains whose names may point into the home, such as an employer's.",
    )


class ListFile(Section):
    """A list of names on this machine's disk."""

    slug: Slug = Field(description="Its short name, in the log and wherever a block is explained.")
    path: str = Field(min_length=1, description="The file, from the folder of the settings file.")
    category: Slug = Field(description="The category that it adds to; a profile blocks by it.")
    format: Literal["domains", "hosts", "wildcard", "adblock"] = Field(
        description="`domains`: a name a line; `hosts`: an address and names; `wildcard`: *.name; "
        "`adblock`: rules of ad blockers."
    )
    match: Literal["exact", "subtree"] = Field(
        description="Whether a name stands for itself only or for all below it too."
    )


class OwnSource(Section):
    """A list that others keep and that the catalogue does not have."""

    slug: Slug = Field(
        description="Its short name; that of a list of the catalogue takes the place of that list."
    )
    url: str = Field(description="Where it is fetched from: https, or http inside your network.")
    category: Slug = Field(description="The category that it adds to; a profile blocks by it.")
    format: Literal["domains", "hosts", "wildcard", "adblock"] = Field(
        description="How it is written, as for `lists`."
    )
    match: Literal["exact", "subtree"] = Field(
        description="Whether a name stands for itself only or for all below it too."
    )
    member: str = Field(default="", description="The one file to take out of a .tar.gz.")
    title: str = Field(default="", description="What people call it.")
    licence: str = Field(default="", description="Under which licence it is given.")
    maintainer: str = Field(default="", description="Who keeps it.")
    homepage: str = Field(default="", description="Where it is explained.")
    report: str = Field(default="", description="Where its mistakes are told.")
    names: int = Field(default=0, ge=0, description="About how many names it holds.")

    @field_validator("url")
    @classmethod
    def _can_be_fetched(cls, url: str) -> str:
        if trouble := bad_url(url):
            raise ValueError(trouble)
        return url


class SourceSettings(Section):
    """Which lists of other people are fetched, and when."""

    use: Literal["auto", "none"] | tuple[Slug, ...] = Field(
        default="auto",
        description="Which lists of the catalogue are fetched: `auto` is those that the household "
        "needs, `none` is none, or a list of their names, `auto` among them or not.",
    )
    own: tuple[OwnSource, ...] = Field(
        default=(), description="Lists that the catalogue does not have; all of them are fetched."
    )
    every: int = Field(
        default=24, ge=1, le=720, description="Hours between two looks for a newer copy."
    )
    max_names: int = Field(
        default=0,
        ge=0,
        le=100_000_000,
        description="How many names all lists together may have; the largest stay out first. 0 "
        "is what the memory of this machine can carry: 2,000 for each MiB.",
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


ASlugged = TypeVar("ASlugged", ListFile, OwnSource)


def _with_slugs_of_their_own(lists: tuple[ASlugged, ...]) -> tuple[ASlugged, ...]:
    slugs = [each.slug for each in lists]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if twice:
        raise ValueError(f"two lists are called {', '.join(twice)}; rename one")
    return lists


class LeaseFile(Section):
    """A file in which a DHCP server on this machine keeps what it handed out."""

    path: str = Field(min_length=1, description="The file, from the folder of the settings file.")
    format: Literal["auto", "dnsmasq", "odhcpd", "kea"] = Field(
        default="auto", description="Whose file it is; `auto` sees that by what stands in it."
    )


class IdentitySettings(Section):
    """How devices are told apart, beside their addresses."""

    neighbours: Literal["auto", "off"] = Field(
        default="auto",
        description="Whether devices are known by MAC address at any address: `auto` reads them "
        "from the kernel, where it lets us; `off` does not.",
    )
    leases: tuple[LeaseFile, ...] = Field(
        default=(),
        max_length=16,
        description="Files of DHCP servers on this machine, for the names that devices give "
        "themselves, and for MAC addresses that the kernel does not tell.",
    )


class LogSettings(Section):
    """How long what happened is kept; what is kept at all is each profile's privacy mode."""

    rows_days: int = Field(
        default=ROWS_DAYS, ge=1, le=90, description="Days that rows with names are kept."
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
        description="Why more is kept than by default; must be given then, and everyone in the "
        "household can read it.",
    )

    @field_validator("reason")
    @classmethod
    def _longer_needs_a_reason(cls, reason: str, info: ValidationInfo) -> str:
        rows, counts = info.data.get("rows_days", 0), info.data.get("counts_days", 0)
        if (rows > ROWS_DAYS or counts > COUNTS_DAYS) and not reason.strip():
            raise ValueError(
                f"keeping rows over {ROWS_DAYS} days or counts over {COUNTS_DAYS} needs a "
                "reason that the family can read; write it in log.reason"
            )
        return reason


# What may stand after "Bearer" (RFC 6750 section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


class Webhook(Section):
    """A web server that hears of events."""

    url: str = Field(
        description="Where events are sent to (POST, JSON): https, or http inside your network."
    )
    token: str = Field(
        default="",
        max_length=4096,
        repr=False,
        description="Sent along as a bearer token, so that the server knows who tells it.",
    )
    kinds: Kinds = Field(
        default=tuple(EventKind), description="Of which events it hears: `all`, or a list of them."
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
            raise ValueError("holds what no bearer token has; write it alone, without `Bearer`")
        return token


def _bad_webhook(url: str) -> str:
    """Return why nothing is sent to an address; "" when it can be."""
    wrong = "it is no address; write https://hooks.example/copdns"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return wrong
    if parts.scheme not in ("http", "https"):
        return f"{parts.scheme or 'nothing'}: is not sent to; give an address with https://"
    if not parts.hostname or port == 0 or not url.isprintable() or " " in url or parts.fragment:
        return wrong
    if parts.username is not None:
        return "a name or password is not sent along; leave it out, and use token"
    return ""


class EventSettings(Section):
    """Who hears what happens, besides the log."""

    webhooks: tuple[Webhook, ...] = Field(
        default=(), max_length=16, description="Web servers that hear of events."
    )
    command: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="A program with its arguments that is started for each event; no shell reads "
        "them.",
    )
    command_kinds: Kinds = Field(
        default=tuple(EventKind),
        description="For which events the program is started: `all`, or a list of them.",
    )
    appeal_names: bool = Field(
        default=False,
        description="Whether events of appeals tell web servers, the program and guardians who "
        "asked, and for which name.",
    )
    notices: tuple[str, ...] = Field(
        default=(),
        max_length=16,
        repr=False,
        description="Where guardians are told of events in plain words, such as "
        "`mailto://name:password@mail.example`: addresses of apprise, which is installed besides.",
    )
    notice_kinds: Kinds = Field(
        default=USUAL, description="Of which events guardians are told: `all`, or a list of them."
    )

    @field_validator("notices")
    @classmethod
    def _are_addresses(cls, notices: tuple[str, ...]) -> tuple[str, ...]:
        for number, each in enumerate(notices, 1):  # not repeated: it holds passwords
            if not re.match(r"[a-z][a-z0-9+.-]*://.", each) or not each.isprintable():
                raise ValueError(f"number {number} is no address; write mailto://... or another")
        if len(notices) != len(set(notices)):
            raise ValueError("one address stands twice")
        return notices

    @field_validator("webhooks")
    @classmethod
    def _each_once(cls, webhooks: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
        urls = [each.url for each in webhooks]
        if len(urls) != len(set(urls)):
            raise ValueError("one url stands twice; give one of the two the kinds of both")
        return webhooks

    @field_validator("command")
    @classmethod
    def _can_be_started(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in each for each in command):
            raise ValueError("an argument holds a NUL character; leave it out")
        program = command[0] if command else "/"
        if not program or ("/" in program and not program.startswith("/")):
            raise ValueError(
                f"{program!r} may be another program in another folder; write its whole path, or "
                "its name alone where it is installed"
            )
        return command


class AppealSettings(Section):
    """What happens to appeals that nobody answers, and how long their texts are kept."""

    reminder_hours: int = Field(
        default=24, ge=1, le=720, description="Hours after which a reminder is told (1 to 720)."
    )
    target_hours: int = Field(
        default=72,
        ge=1,
        le=720,
        description="Hours after which an appeal is overdue (1 to 720); it stays, and somebody "
        "else may look at it.",
    )
    open_meanwhile: bool = Field(
        default=True,
        description="Open what is overdue until somebody answers, where a list of a category that "
        "does little harm closed it.",
    )
    texts_days: int = Field(
        default=30,
        ge=1,
        le=90,
        description="Days after its end for which the name and the words of an appeal are kept (1 "
        "to 90).",
    )


class Settings(Section):
    """Everything that can be set for one machine."""

    dns: DnsSettings = DnsSettings()
    web: WebSettings = Field(default=WebSettings(), validate_default=True)
    upstreams: UpstreamSettings = UpstreamSettings()
    cache: CacheSettings = CacheSettings()
    rebinding: RebindingSettings = RebindingSettings()
    lists: tuple[ListFile, ...] = Field(
        default=(), description="Lists of names on this machine's disk."
    )
    sources: SourceSettings = SourceSettings()
    identity: IdentitySettings = IdentitySettings()
    log: LogSettings = LogSettings()
    events: EventSettings = EventSettings()
    appeals: AppealSettings = AppealSettings()
    household: str = Field(
        default="",
        description="A household file that fills the database at the very first start; later "
        "changes to the file do nothing.",
    )
    data: str = Field(
        default="/var/lib/copdns", min_length=1, description="The folder of the databases."
    )

    @field_validator("web")
    @classmethod
    def _has_a_port_of_its_own(cls, web: WebSettings, info: ValidationInfo) -> WebSettings:
        dns = info.data.get("dns")  # a wrong one is told
        for name, port in (("port", web.port), ("tls_port", web.tls_port)):
            if dns and dns.port == port and (where := _on_both(dns.listen, web.listen)):
                raise ValueError(
                    f"web.{name} and dns.port are both {port} on {where}, and DNS over TCP needs "
                    "its own; choose another one"
                )
        return web

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


def defaults_of(dns: DnsSettings, door: str) -> AnswerDefaults:
    """Return what the settings say.  door: the children's page, as it is served now."""
    return AnswerDefaults(dns.allow, dns.block_ttl, dns.security_ttl, dns.child_max_ttl, door)
