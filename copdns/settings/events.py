"""Who is told of events: web servers, a program, guardians, and browsers.  Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from copdns.model.addresses import domain
from copdns.model.events import USUAL, EventKind
from copdns.model.yaml_text import ByText
from copdns.settings.values import Kinds, Section

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
        return web_address(url)

    @field_validator("token")
    @classmethod
    def _can_be_sent(cls, token: str) -> str:
        return bearer_token(token)


def bearer_token(token: str) -> str:
    """Return what is sent as a bearer token; raise ValueError where it cannot be."""
    if token and not _TOKEN.fullmatch(token):
        raise ValueError("is not a valid bearer token; write the token alone, without `Bearer`")
    return token


def notice_addresses(notices: tuple[str, ...]) -> tuple[str, ...]:
    """Return addresses for apprise; raise ValueError for what is none."""
    for number, each in enumerate(notices, 1):  # not repeated: it holds passwords
        if not re.match(r"[a-z][a-z0-9+.-]*://.", each) or not each.isprintable():
            raise ValueError(
                f"number {number} is not a valid address; write one such as mailto://..."
            )
    if len(notices) != len(set(notices)):
        raise ValueError("one address is there twice; keep only one")
    return notices


def web_address(url: str) -> str:
    """Return the address of a web server; raise ValueError where nothing can be sent to it."""
    if trouble := _bad_webhook(url):
        raise ValueError(trouble)
    return url


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
        return notice_addresses(notices)

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
    try:
        return str(ip_address(text))
    except ValueError:
        return f"{text[: len(text) - len(bare)]}{domain(bare)}"


def _is_this_machine(host: str) -> bool:
    """Tell whether a host that `_push_host` returned is this machine by its name or address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


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
        description="Whether push services among these hosts may be at home: at a private address, "
        "and on any port. Over HTTPS alone, and not on this machine.",
    )
    contact: str = Field(
        default="",
        max_length=200,
        description="Where push services can reach whoever runs this copdns: an address such as "
        "`mailto:ada@mail.example`, or an `https://` one. They are told it with each notice.",
    )

    @field_validator("hosts")
    @classmethod
    def _are_other_machines(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for each in filter(_is_this_machine, hosts):
            raise ValueError(
                f"{each} is this machine, where no notices are sent to; take it out, or name a "
                "push service on another machine"
            )
        return hosts

    @field_validator("contact")
    @classmethod
    def _is_reachable(cls, contact: str) -> str:
        if contact and not re.fullmatch(r"(mailto:[^@\s]+@[^@\s]+|https://\S+)", contact):
            raise ValueError(
                f"{contact!r} is no address that a push service takes; write one such as "
                "mailto:ada@mail.example"
            )
        return contact
