"""How devices are recognised, how long records stay, and what happens to requests.  Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from copdns.model.names import normalize
from copdns.settings.values import Section

ROWS_DAYS, COUNTS_DAYS = 7, 30  # what is kept without a reason


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
