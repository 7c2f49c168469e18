"""Where a provider keeps the households of its customers.  Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from copdns.settings.events import bearer_token, notice_addresses, web_address
from copdns.settings.values import Section


class StaffNotice(Section):
    """Somebody of the staff who is told of rollouts in their own language."""

    staff: str = Field(
        min_length=1,
        max_length=64,
        description="Their id, as the register has it. Messages are in the language in which they "
        "last read the staff's pages.",
    )
    notice: str = Field(repr=False, description="Their address for apprise.")

    @field_validator("notice")
    @classmethod
    def _is_an_address(cls, notice: str) -> str:
        return notice_addresses((notice,))[0]


class RolloutSettings(Section):
    """What reaches many households goes to a canary node, its site, then all."""

    canary_seconds: int = Field(
        default=600, ge=0, le=604_800, description="How long it is watched on canary nodes."
    )
    site_seconds: int = Field(
        default=1_200, ge=0, le=604_800, description="How long at the sites that have one."
    )
    all_seconds: int = Field(
        default=1_200, ge=0, le=604_800, description="How long when all nodes have it."
    )
    fewest_queries: int = Field(
        default=1_000,
        ge=0,
        description="How many queries nodes must have answered with it before it goes on, and "
        "before its figures are judged.",
    )
    servfail_points: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="By how many points the percentage of SERVFAIL may rise.",
    )
    block_points: float = Field(
        default=3.0,
        ge=0,
        le=100,
        description="By how many points the percentage of blocked queries may rise or fall.",
    )
    slow_points: float = Field(
        default=5.0,
        ge=0,
        le=100,
        description="By how many points the percentage of answers that take 100 ms or longer may "
        "rise.",
    )
    notices: tuple[str, ...] = Field(
        default=(),
        max_length=16,
        repr=False,
        description="Where the staff are told when a rollout stops, goes back or is done, of "
        "freezes, and of what is late in their queue, such as "
        "`mailto://name:password@mail.example?to=ops@provider.example`: addresses for apprise, "
        "which is installed separately.",
    )
    language: Literal["en", "fr", "es"] = Field(
        default="en",
        description="The language of what is sent to `notices`, and to who of `people` has not "
        "logged in yet: en, fr or es.",
    )
    people: tuple[StaffNotice, ...] = Field(
        default=(),
        max_length=64,
        repr=False,
        description="Who of the staff are told the same, each in their own language; of the queue, "
        "what concerns them.",
    )
    webhook: str = Field(
        default="", repr=False, description="A web server that gets the same as JSON (POST)."
    )
    webhook_token: str = Field(
        default="", max_length=4096, repr=False, description="Sent to it as a bearer token."
    )

    @property
    def has_targets(self) -> bool:
        """Tell whether there is anybody to tell."""
        return bool(self.notices or self.people or self.webhook)

    @field_validator("notices")
    @classmethod
    def _are_addresses(cls, notices: tuple[str, ...]) -> tuple[str, ...]:
        return notice_addresses(notices)

    @field_validator("people")
    @classmethod
    def _are_told_once(cls, people: tuple[StaffNotice, ...]) -> tuple[StaffNotice, ...]:
        notice_addresses(tuple(each.notice for each in people))
        return people

    @field_validator("webhook")
    @classmethod
    def _is_of_the_web(cls, url: str) -> str:
        return web_address(url) if url else ""

    @field_validator("webhook_token")
    @classmethod
    def _can_be_sent(cls, token: str) -> str:
        return bearer_token(token)


class ProviderSettings(Section):
    """Households in PostgreSQL, for providers; at home they are in a file."""

    database: str = Field(
        default="",
        description="The PostgreSQL database with the households, as libpq takes it, such as "
        "`host=/run/postgresql dbname=copdns`; empty for the file in `data`. Needs the extra "
        "`copdns[provider]`.",
    )
    household: str = Field(
        default="",
        description="The id of the household of that database that this copdns serves and its "
        "commands are about; empty if there is only one.",
    )
    kept: int = Field(
        default=0,
        ge=0,
        le=10_000_000,
        description="How many households are kept in memory, each read when a forwarder of "
        "`dns.forwarders` names it in a PROXY header; 0: all are read at the start.",
    )
    pages: str = Field(
        default="",
        description="The address of the families' pages, such as "
        "`https://family.provider.example`, to which weekly summaries by email lead; empty: "
        "families are offered none.",
    )
    show_pages: bool = Field(
        default=True,
        description="Whether families have their pages here; needs `kept` where not. Without them "
        "this copdns answers, and uses a role of the database that reads no request, no password "
        "and no session (`copdns provider roles grant nodes`).",
    )
    rollouts: RolloutSettings = RolloutSettings()

    @field_validator("pages")
    @classmethod
    def _is_of_the_web(cls, url: str) -> str:
        return f"{web_address(url).rstrip('/')}/" if url else ""

    @model_validator(mode="after")
    def _has_pages_somewhere(self) -> ProviderSettings:
        if not self.show_pages and not self.kept:
            raise ValueError("show_pages: false needs kept: a number of households")
        return self
