"""The settings of one machine: read from a file and the environment, and put together.

`load` reads the file and the variables COPDNS_SECTION__KEY together, so that every mistake of
both is told at once.  `settings/` says what each setting is called, what it may be, and its
default; whoever uses one takes it from here.  What a family decides (people, devices, rules) is no
setting: that is the household (`household/file.py`, `store/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import IPv6Network, ip_address
from pathlib import PurePath
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from copdns.model import yaml_text
from copdns.model.errors import ConfigError
from copdns.model.nat64 import Nat64
from copdns.model.verdict import AnswerDefaults
from copdns.settings.backup import BackupSettings
from copdns.settings.dns import (
    CacheSettings,
    Dns64Settings,
    DnsSettings,
    LimitSettings,
    RebindingSettings,
    TrustedForwarder,
)
from copdns.settings.events import PUSH_HOSTS, EventSettings, PushSettings, Webhook
from copdns.settings.household import AppealSettings, IdentitySettings, LeaseFile, LogSettings
from copdns.settings.lists import (
    FactsSettings,
    ListFile,
    OwnSource,
    SourceSettings,
    require_distinct_lists,
)
from copdns.settings.mqtt import MqttSettings
from copdns.settings.node import NodeSection, port_of
from copdns.settings.provider import ProviderSettings
from copdns.settings.reasons import ReasonSettings
from copdns.settings.upstreams import ClientSubnet, UpstreamSettings, are_encrypted
from copdns.settings.values import AUTO, HOME, SYSTEM, Section
from copdns.settings.web import EncryptedSettings, WebSettings

__all__ = [
    "AUTO",
    "HOME",
    "PUSH_HOSTS",
    "SYSTEM",
    "AppealSettings",
    "BackupSettings",
    "CacheSettings",
    "ClientSubnet",
    "Dns64Settings",
    "DnsSettings",
    "EncryptedSettings",
    "EventSettings",
    "FactsSettings",
    "IdentitySettings",
    "LeaseFile",
    "LimitSettings",
    "ListFile",
    "LogSettings",
    "MqttSettings",
    "NodeSection",
    "OwnSource",
    "ProviderSettings",
    "PushSettings",
    "ReasonSettings",
    "RebindingSettings",
    "Section",
    "Settings",
    "SourceSettings",
    "TrustedForwarder",
    "UpstreamSettings",
    "WebSettings",
    "Webhook",
    "are_encrypted",
    "defaults_of",
    "load",
    "schema",
]


def load(text: str, file: str, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file, changed by the environment; raise ConfigError.

    Paths in them are taken from the folder of the file.
    """
    settings = yaml_text.read(text, file, Settings, _changes(environ))
    if settings.encrypted.quic_port and find_spec("aioquic") is None:
        raise ConfigError(
            f"{file}: encrypted.quic_port: needs the library aioquic, which is not installed; "
            "install copdns[quic], or set 0 for none"
        )
    if settings.provider.database and find_spec("psycopg") is None:
        raise ConfigError(
            f"{file}: provider.database: needs the library psycopg, which is not installed; "
            "install copdns[provider], or leave it empty"
        )
    if settings.mqtt.host and find_spec("aiomqtt") is None:
        raise ConfigError(
            f"{file}: mqtt.host: needs the library aiomqtt, which is not installed; install "
            "copdns[mqtt], or leave it empty"
        )
    if settings.mqtt.host and settings.provider.database:
        raise ConfigError(
            f"{file}: mqtt.host: a broker is told of one home, and provider.database has many; "
            "leave one of them empty"
        )
    if settings.provider.database and settings.backup.folder:
        raise ConfigError(
            f"{file}: backup.folder: copdns backs up a household in a file; leave it empty, and "
            "back up the PostgreSQL database of provider.database with its own tools"
        )
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
        "backup": _with_files(settings.backup, folder, "folder"),
        "node": _with_files(settings.node, folder, "folder", "certificate", "key"),
        "mqtt": _with_files(settings.mqtt, folder, "password_file", "ca_file"),
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


class Settings(Section):
    """All settings of one machine."""

    dns: DnsSettings = DnsSettings()
    web: WebSettings = Field(default=WebSettings(), validate_default=True)
    encrypted: EncryptedSettings = Field(default=EncryptedSettings(), validate_default=True)
    upstreams: UpstreamSettings = UpstreamSettings()
    dns64: Dns64Settings = Dns64Settings()
    cache: CacheSettings = CacheSettings()
    limits: LimitSettings = LimitSettings()
    reasons: ReasonSettings = Field(default=ReasonSettings(), validate_default=True)
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
    mqtt: MqttSettings = MqttSettings()
    appeals: AppealSettings = AppealSettings()
    backup: BackupSettings = BackupSettings()
    provider: ProviderSettings = ProviderSettings()
    node: NodeSection = Field(default=NodeSection(), validate_default=True)
    household: str = Field(
        default="",
        description="A household file to fill the database at the very first start; later "
        "changes to the file have no effect.",
    )
    data: str = Field(
        default="/var/lib/copdns", min_length=1, description="The folder for the databases."
    )

    @property
    def encrypted_files(self) -> tuple[str, str]:
        """Certificate and key of encrypted DNS; ("", "") for those that copdns makes itself."""
        encrypted, web = self.encrypted, self.web
        if encrypted.certificate:
            return encrypted.certificate, encrypted.key
        return web.tls_certificate, web.tls_key

    @property
    def for_devices(self) -> Settings:
        """These settings, with the encrypted ports that devices reach: at a node of a provider
        those of its dnsdist, which answers subscribers, and with `node.public` devices that show
        a token."""
        node = self.node
        if not (node.tls_listen or node.https_listen):
            return self
        told = {
            "tls_port": port_of(node.tls_listen),
            "https_port": port_of(node.https_listen),
            "quic_port": 0,
            "name": node.encrypted_name,
            "certificate": node.certificate,
            "key": node.key,
            "public": True,
        }
        return self.model_copy(update={"encrypted": self.encrypted.model_copy(update=told)})

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
        if dns and encrypted.quic_port == dns.port:  # pages and other encrypted DNS use TCP only
            raise ValueError(
                f"encrypted.quic_port and dns.port are both {dns.port}, but encrypted DNS needs "
                "its own port; choose another"
            )
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
        return require_distinct_lists(lists)


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
        unknown_is_guest=settings.encrypted.guests_unknown,
        listener=settings.encrypted.name,
    )
