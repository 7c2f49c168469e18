"""The settings of the program, to read: what each means for a child, and where to change it.

`settings/` has the settings and their bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aiohttp import web
from pydantic import BaseModel

from copdns.accounts.roles import Permission
from copdns.settings.config import NodeSection, Settings
from copdns.settings.provider import RolloutSettings
from copdns.web.context import context_of
from copdns.web.session import require
from copdns.words.phrases import Phrase


async def settings(request: web.Request) -> web.Response:
    """Show the settings in force."""
    actor, context = await require(request, Permission.SEE_AUDIT), context_of(request)
    return context.pages.render(
        request,
        "desk/settings.html",
        actor=actor,
        sections=tuple(settings_of(context.settings())),
        titles=TITLES,
    )


class Setting(NamedTuple):
    """A setting as the page shows it.

    name: with dots.  value: as the file would have it; None for a hidden one, which may be a
    secret.  usual: it has the default value.  effect: on a child.
    """

    name: str
    value: str | None
    usual: bool
    effect: Phrase


def settings_of(settings: Settings) -> Iterator[tuple[str, tuple[Setting, ...]]]:
    """Yield each section with its settings; the first one, "", has settings outside sections."""
    alone = []
    sections = []
    for name in type(settings).model_fields:
        value, usual = getattr(settings, name), getattr(_USUAL, name)
        if isinstance(value, BaseModel):
            sections.append((name, tuple(_section(name, value, usual))))
        else:
            alone.append(_setting(name, value, usual))
    yield "", tuple(alone)
    yield from sections


def _section(prefix: str, section: BaseModel, usual: BaseModel) -> Iterator[Setting]:
    for name in type(section).model_fields:
        value, before = getattr(section, name), getattr(usual, name)
        if isinstance(value, BaseModel):
            yield from _section(f"{prefix}.{name}", value, before)
        else:
            yield _setting(f"{prefix}.{name}", value, before)


def _setting(name: str, value: Any, usual: Any) -> Setting:
    shown = None if name in HIDDEN and value != usual else value_text(value)
    return Setting(name, shown, value == usual, EFFECTS[name])


def value_text(value: Any) -> str:
    """Return a value as the settings file would have it, without quotes: "true", "a, b", "[]"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(map(value_text, value)) or "[]"
    if isinstance(value, BaseModel):
        return " ".join(
            f"{key}={value_text(each)}" for key, each in value if each not in ("", (), None)
        )
    return str(value) if value != "" else '""'


_USUAL = Settings()
# What may have a secret or a token in it, and programs with their arguments.
HIDDEN = frozenset(
    {
        *("events.webhooks", "events.command", "events.notices", "provider.database"),
        *("node.radius", "node.bindings_token", "node.key", "provider.rollouts.notices"),
        *("provider.rollouts.webhook", "provider.rollouts.webhook_token"),
        "provider.rollouts.people",
    }
)


# What each section is about, beside its name, which is a contract.
TITLES: Mapping[str, Phrase] = {
    "dns": Phrase("settings", "How copdns replies when a device opens a site"),
    "web": Phrase("settings", "These pages"),
    "encrypted": Phrase("settings", "Keeping browsing private"),
    "upstreams": Phrase("settings", "Where copdns finds the address of a site"),
    "dns64": Phrase("settings", "Networks that have only the newer kind of address (IPv6)"),
    "cache": Phrase("settings", "Remembering the addresses of recent sites, to be quicker"),
    "limits": Phrase("settings", "Limits for busy devices"),
    "reasons": Phrase("settings", "Showing in the browser why a site is blocked"),
    "rebinding": Phrase("settings", "Protection for devices at home"),
    "sources": Phrase("settings", "Blocklists"),
    "facts": Phrase("settings", "Helplines and sites that are never blocked"),
    "identity": Phrase("settings", "How devices are recognised"),
    "log": Phrase("settings", "What is recorded"),
    "events": Phrase("settings", "Alerts for parents, carers and other programs"),
    "push": Phrase("settings", "Alerts in browsers"),
    "mqtt": Phrase("settings", "Smart home"),
    "appeals": Phrase("settings", "Requests"),
    "backup": Phrase("settings", "Backups"),
    "provider": Phrase("settings", "If a company runs copdns for you"),
    "node": Phrase("settings", "If a company runs copdns for you: its computers"),
}

EFFECTS: Mapping[str, Phrase] = {
    "backup.folder": Phrase(
        "setting", "Backups are stored there: what is recorded here is on that disk too."
    ),
    "backup.every_hours": Phrase("setting", "After damage, anything newer than this is lost."),
    "backup.keep": Phrase(
        "setting",
        "What someone deletes stays in backups until this many newer ones have been made.",
    ),
    "backup.recipients": Phrase("setting", "Only owners of these keys can read the backups."),
    "dns.listen": Phrase("setting", "A device that cannot reach these addresses is not filtered."),
    "dns.port": Phrase("setting", "None, as long as devices send their lookups to this port."),
    "dns.allow": Phrase("setting", "A device outside these networks gets no answers at all."),
    "dns.forwarders": Phrase(
        "setting", "copdns trusts these servers to say which device sent a lookup."
    ),
    "dns.block_ttl": Phrase(
        "setting", "It takes at most this many seconds until a site that you allow works."
    ),
    "dns.security_ttl": Phrase(
        "setting",
        "After a mistaken block of a good site is corrected, it works within this many seconds.",
    ),
    "dns.child_max_ttl": Phrase(
        "setting", "It takes at most this many seconds until a pause or a bedtime takes effect."
    ),
    "dns.fast_lane": Phrase("setting", "None: the same answers, faster."),
    "dns.tcp_idle": Phrase("setting", "None that anyone would notice."),
    "dns.tcp_connections": Phrase(
        "setting", "None, unless very many devices send lookups at once."
    ),
    "dns.tcp_in_flight": Phrase("setting", "None that anyone would notice."),
    "web.listen": Phrase(
        "setting", "Only devices that reach these addresses can open your child's page."
    ),
    "web.port": Phrase(
        "setting", "A port other than 80 makes the address of your child's page longer."
    ),
    "web.hosts": Phrase("setting", "Your child's page also opens under these names."),
    "web.tls_port": Phrase(
        "setting",
        "Encrypts what guardians read about a child, so that nobody on the network can listen in.",
    ),
    "web.tls_certificate": Phrase("setting", "None: your child's page works without it."),
    "web.tls_key": Phrase("setting", "None: your child's page works without it."),
    "web.desk_over_http": Phrase(
        "setting", "If true, a child who listens in on the network can read a guardian's password."
    ),
    "encrypted.tls_port": Phrase(
        "setting",
        "Devices that use it hide what they look up from everyone else on the network.",
    ),
    "encrypted.https_port": Phrase(
        "setting",
        "Devices that use it hide what they look up from everyone else on the network.",
    ),
    "encrypted.quic_port": Phrase(
        "setting",
        "Devices that use it hide what they look up from everyone else on the network.",
    ),
    "encrypted.certificate": Phrase(
        "setting", "Phones and browsers refuse a name for which this certificate is not valid."
    ),
    "encrypted.key": Phrase("setting", "None that anyone would notice."),
    "encrypted.name": Phrase("setting", "Devices that look for encrypted DNS find this name."),
    "encrypted.unknown": Phrase(
        "setting",
        "If refused, a device whose token was revoked opens nothing until its DNS setting is "
        "changed.",
    ),
    "encrypted.public": Phrase(
        "setting",
        "Your child's rules can apply away from home, on devices that were set up for it.",
    ),
    "encrypted.idle": Phrase("setting", "None that anyone would notice."),
    "encrypted.connections": Phrase(
        "setting", "None, unless very many devices send lookups at once."
    ),
    "encrypted.client_connections": Phrase(
        "setting", "None, unless very many devices send lookups at once."
    ),
    "encrypted.handshakes": Phrase(
        "setting", "None, unless very many devices send lookups at once."
    ),
    "upstreams.servers": Phrase(
        "setting",
        "These servers learn which sites your household looks up, but not who looks them up.",
    ),
    "upstreams.bootstrap": Phrase("setting", "None that anyone would notice."),
    "upstreams.private_reverse": Phrase(
        "setting", "None: these servers are asked only which device has an address at home."
    ),
    "upstreams.filtering": Phrase(
        "setting",
        "These servers block some sites on their own. Help sites are looked up elsewhere.",
    ),
    "upstreams.order": Phrase("setting", "None that anyone would notice."),
    "upstreams.deadline": Phrase(
        "setting", "A site that cannot be reached shows an error after this time."
    ),
    "upstreams.attempt": Phrase(
        "setting", "Sites hang for this long when a DNS server does not answer."
    ),
    "upstreams.trust_ad": Phrase("setting", "None that anyone would notice."),
    "upstreams.client_subnet": Phrase(
        "setting",
        "These servers, and those of the sites, learn which network the lookups come from.",
    ),
    "dns64.prefix": Phrase(
        "setting",
        "Devices that have only IPv6 reach older sites too. The same sites are blocked.",
    ),
    "dns64.ask": Phrase("setting", "None that anyone would notice."),
    "dns64.exclude": Phrase("setting", "None that anyone would notice."),
    "cache.entries": Phrase("setting", "The more is kept in memory, the faster sites open."),
    "cache.megabytes": Phrase("setting", "The more is kept in memory, the faster sites open."),
    "cache.max_ttl": Phrase(
        "setting", "Nothing: what you block or allow takes effect within a minute or so anyway."
    ),
    "cache.max_negative_ttl": Phrase(
        "setting", "A site that is new on the internet may be found only after this time."
    ),
    "cache.max_stale": Phrase(
        "setting", "Sites that were opened recently still open when the DNS servers do not answer."
    ),
    "cache.failure_ttl": Phrase(
        "setting", "A site that could not be found is looked up again after this time."
    ),
    "cache.refresh": Phrase("setting", "None: the same answers, faster."),
    "limits.client": Phrase(
        "setting", "A device that sends far more lookups than people cause is slowed down."
    ),
    "limits.subnet": Phrase(
        "setting", "If not 0, one device that sends very many lookups slows down all others."
    ),
    "limits.domain": Phrase(
        "setting", "Names that do not exist are looked up less often. Sites that exist open."
    ),
    "reasons.structured": Phrase(
        "setting",
        "A browser that asks can show why a site is blocked, in the words of your child's page.",
    ),
    "reasons.older_signal": Phrase("setting", "None that anyone would notice."),
    "reasons.contacts": Phrase(
        "setting", "A browser can show whom to ask about a block, to everyone at home."
    ),
    "reasons.organisation": Phrase("setting", "A browser can show this name next to a block."),
    "rebinding.enabled": Phrase(
        "setting", "Keeps outside sites away from cameras and other devices in your home."
    ),
    "rebinding.allow": Phrase("setting", "Outside sites can reach devices in these networks."),
    "rebinding.names": Phrase("setting", "These domains can point to devices in your home."),
    "lists": Phrase("setting", "Your own lists block sites just as other lists do."),
    "sources.use": Phrase(
        "setting",
        "Without extra lists, only the starter lists block. Each list makes some mistakes.",
    ),
    "sources.own": Phrase("setting", "These lists block sites too. Nobody else checks them."),
    "sources.every": Phrase(
        "setting",
        "A site can stay blocked by mistake for this many hours after its list was corrected.",
    ),
    "sources.max_names": Phrase(
        "setting", "Large lists are left out above this limit, so less is blocked than you chose."
    ),
    "facts.url": Phrase(
        "setting",
        "Helplines and sites that are never blocked can be added without a new copdns. Nothing "
        "about your child is sent.",
    ),
    "facts.every": Phrase("setting", "How soon a new helpline is known here."),
    "facts.keys": Phrase("setting", "Only someone with one of these keys can add such sites."),
    "facts.max_age": Phrase("setting", "How soon you are told that there is nothing newer."),
    "identity.neighbours": Phrase(
        "setting", "If off, a device that changes its address loses its rules and its minutes."
    ),
    "identity.lease_domain": Phrase(
        "setting", "Everyone at home can look up which devices are there, by their names."
    ),
    "identity.ask_names": Phrase(
        "setting", "New devices are easier to recognise, by the names they give."
    ),
    "identity.leases": Phrase(
        "setting", "New devices are easier to recognise, by the names they give."
    ),
    "log.rows_days": Phrase(
        "setting", "For this many days, guardians can see the site names recorded for a child."
    ),
    "log.counts_days": Phrase(
        "setting", "For this many days, guardians can see how much a child looked up, and when."
    ),
    "log.reason": Phrase("setting", "A child can read here why more is recorded than usual."),
    "events.webhooks": Phrase(
        "setting",
        "These learn about pauses, time running out and requests, but never which sites were used.",
    ),
    "events.command": Phrase(
        "setting", "This program is told the same, but never which sites were used."
    ),
    "events.command_kinds": Phrase(
        "setting", "The program is told about these events, and nothing else."
    ),
    "events.notices": Phrase(
        "setting", "Guardians are told about a request sooner, so a child waits less for an answer."
    ),
    "events.notice_kinds": Phrase(
        "setting", "Guardians see everything else only when they open the dashboard."
    ),
    "events.appeal_names": Phrase(
        "setting", "If true, others can read what a child asked for, and which child it was."
    ),
    "push.enabled": Phrase(
        "setting",
        "If true, a child's own browser can be told of answers, and before time runs out.",
    ),
    "push.hosts": Phrase(
        "setting",
        "These learn when a browser is told something, but not what, or whose browser it is.",
    ),
    "push.private_addresses": Phrase("setting", "None that anyone would notice."),
    "push.contact": Phrase("setting", "None that anyone would notice."),
    "mqtt.host": Phrase(
        "setting",
        "Your smart home learns who is paused and how many minutes are left. It may keep that for "
        "years.",
    ),
    "mqtt.port": Phrase("setting", "None that anyone would notice."),
    "mqtt.user": Phrase("setting", "None that anyone would notice."),
    "mqtt.password_file": Phrase("setting", "None that anyone would notice."),
    "mqtt.tls": Phrase(
        "setting", "If false, someone who listens in on the network can read all of this."
    ),
    "mqtt.ca_file": Phrase("setting", "None that anyone would notice."),
    "mqtt.prefix": Phrase("setting", "None that anyone would notice."),
    "mqtt.discovery": Phrase("setting", "None that anyone would notice."),
    "mqtt.switches": Phrase(
        "setting", "If true, anyone who can write to the broker can pause a child, or end a pause."
    ),
    "appeals.reminder_hours": Phrase(
        "setting", "Guardians are reminded of an unanswered request after this many hours."
    ),
    "appeals.target_hours": Phrase("setting", "A request counts as overdue after this many hours."),
    "appeals.open_meanwhile": Phrase(
        "setting", "If true, low-risk sites are allowed when nobody answers in time."
    ),
    "appeals.texts_days": Phrase(
        "setting", "A child's own words can be read for this many days after the answer."
    ),
    "provider.show_pages": Phrase(
        "setting", "If false, this program answers and counts, and shows families no pages."
    ),
    "provider.pages": Phrase(
        "setting", "Where the families' pages are, for the links in weekly emails."
    ),
    "provider.database": Phrase(
        "setting", "Anyone who can read this database can read what is written about a child."
    ),
    "provider.household": Phrase(
        "setting", "With another id, every device gets the rules of another household."
    ),
    "provider.kept": Phrase("setting", "None that anyone would notice."),
    **dict.fromkeys(
        (
            *(f"provider.rollouts.{each}" for each in RolloutSettings.model_fields),
            *(f"node.{each}" for each in NodeSection.model_fields),
        ),
        Phrase("setting", "None at home: only the machines of a provider use it."),
    ),
    "household": Phrase("setting", "None: it is used only when copdns starts for the first time."),
    "data": Phrase(
        "setting", "Anyone who can read this folder can read what is recorded about a child."
    ),
}
