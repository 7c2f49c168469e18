"""What each setting of the machine means for a child, in one sentence; and which values are shown.

The settings themselves, and what they may be, are `config.py`'s.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from copdns.config import Settings
from copdns.words.phrases import Phrase


class Setting(NamedTuple):
    """name: dotted.  value: as the file would say it; None where it is not shown, since it may hold
    a secret.  usual: it is what copdns does by itself.  effect: on a child."""

    name: str
    value: str | None
    usual: bool
    effect: Phrase


def settings_of(settings: Settings) -> Iterator[tuple[str, tuple[Setting, ...]]]:
    """Yield the sections, each with its settings; the first has those that stand alone."""
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
        yield _setting(f"{prefix}.{name}", getattr(section, name), getattr(usual, name))


def _setting(name: str, value: Any, usual: Any) -> Setting:
    shown = None if name in HIDDEN and value != usual else text_of(value)
    return Setting(name, shown, value == usual, EFFECTS[name])


def text_of(value: Any) -> str:
    """Return a value as people read it: "yes", "a, b", "none"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(map(text_of, value)) or "[]"
    if isinstance(value, BaseModel):
        return " ".join(f"{key}={text_of(each)}" for key, each in value if each not in ("", ()))
    return str(value) if value != "" else '""'


_USUAL = Settings()
# Addresses that are as good as a password, tokens, and programs with their arguments.
HIDDEN = frozenset({"events.webhooks", "events.command", "events.notices"})


EFFECTS: Mapping[str, Phrase] = {
    "dns.listen": Phrase("setting", "A device that cannot reach these addresses has no rules."),
    "dns.port": Phrase("setting", "None: devices know where to ask."),
    "dns.allow": Phrase("setting", "A device outside of these networks gets no answers at all."),
    "dns.forwarders": Phrase(
        "setting", "Whoever stands here is believed when it says whose device asks."
    ),
    "dns.block_ttl": Phrase(
        "setting", "So many seconds pass at most between a yes and the page that opens."
    ),
    "dns.security_ttl": Phrase(
        "setting",
        "A page that was wrongly called harmful opens so many seconds after it was put right.",
    ),
    "dns.child_max_ttl": Phrase(
        "setting", "So many seconds pass at most until a pause or a bedtime is felt."
    ),
    "dns.fast_lane": Phrase("setting", "None: the same answers, faster."),
    "dns.tcp_idle": Phrase("setting", "None that anybody would notice."),
    "dns.tcp_connections": Phrase("setting", "None, unless very many devices ask at once."),
    "dns.tcp_in_flight": Phrase("setting", "None that anybody would notice."),
    "web.listen": Phrase(
        "setting", "Only devices that reach these addresses can read why, and ask."
    ),
    "web.port": Phrase("setting", "Another port than 80 makes the address of the door longer."),
    "web.hosts": Phrase("setting", "The door opens under these names as well."),
    "web.tls_port": Phrase("setting", "Keeps what guardians read about a child from listeners."),
    "web.tls_certificate": Phrase("setting", "None: the door stays open without it."),
    "web.tls_key": Phrase("setting", "None: the door stays open without it."),
    "web.desk_over_http": Phrase(
        "setting", "If true, a child who listens on the network can read a guardian's password."
    ),
    "upstreams.servers": Phrase(
        "setting", "These learn which names your house asks for, but not who in it asks."
    ),
    "upstreams.filtering": Phrase(
        "setting",
        "What these close by themselves is not closed by your house, and help names are "
        "asked for elsewhere.",
    ),
    "upstreams.deadline": Phrase("setting", "A page that cannot be reached says so after this."),
    "upstreams.attempt": Phrase("setting", "Pages hang for so long when an upstream is silent."),
    "upstreams.trust_ad": Phrase("setting", "None that anybody would notice."),
    "cache.entries": Phrase("setting", "The more is kept in memory, the faster pages open."),
    "cache.megabytes": Phrase("setting", "The more is kept in memory, the faster pages open."),
    "cache.max_ttl": Phrase("setting", "None: what is closed or opened counts at once anyhow."),
    "cache.max_negative_ttl": Phrase(
        "setting", "A name that is new on the Internet may be found only after this."
    ),
    "rebinding.enabled": Phrase(
        "setting", "Keeps pages from outside away from cameras and other things in your house."
    ),
    "rebinding.allow": Phrase("setting", "Pages from outside may reach things in these networks."),
    "rebinding.names": Phrase("setting", "These names may lead to things in your house."),
    "lists": Phrase("setting", "Your own lists close pages as those of others do."),
    "sources.use": Phrase(
        "setting", "Without lists only a few pages are closed; each list makes mistakes of its own."
    ),
    "sources.own": Phrase("setting", "These lists close pages too; nobody else looks them over."),
    "sources.every": Phrase(
        "setting", "For so many hours a page may stay wrongly closed after a list was put right."
    ),
    "sources.max_names": Phrase(
        "setting", "Large lists are left out above this, so that less is closed than was chosen."
    ),
    "identity.neighbours": Phrase(
        "setting", "If off, a device that changes its address loses its rules, and its minutes."
    ),
    "identity.leases": Phrase("setting", "A new device is easier to tell by the name it gives."),
    "log.rows_days": Phrase(
        "setting", "For so many days guardians can read the names that are kept of a child."
    ),
    "log.counts_days": Phrase(
        "setting", "For so many days guardians can see how much a child looked up, and when."
    ),
    "log.reason": Phrase("setting", "A child can read here why more is kept than usual."),
    "events.webhooks": Phrase(
        "setting",
        "These hear of pauses, ends of time and questions; never which pages were open.",
    ),
    "events.command": Phrase(
        "setting", "This program hears the same; never which pages were opened."
    ),
    "events.command_kinds": Phrase("setting", "The program hears of these, and of nothing else."),
    "events.notices": Phrase(
        "setting", "Guardians hear of a question sooner, so a child waits less for an answer."
    ),
    "events.notice_kinds": Phrase(
        "setting", "What is not in it is only seen by guardians who open the desk."
    ),
    "events.appeal_names": Phrase(
        "setting", "If true, others may read what a child asked for, and that it was this child."
    ),
    "appeals.reminder_hours": Phrase(
        "setting", "A question that nobody answered is brought up again after so many hours."
    ),
    "appeals.target_hours": Phrase(
        "setting", "A child waits no longer than this before a question counts as overdue."
    ),
    "appeals.open_meanwhile": Phrase(
        "setting", "If true, what does little harm opens when nobody answered in time."
    ),
    "appeals.texts_days": Phrase(
        "setting", "For so many days a child's words can be read after the answer."
    ),
    "household": Phrase("setting", "None: it counts at the very first start only."),
    "data": Phrase("setting", "Whoever can read this folder can read what is kept of a child."),
}
