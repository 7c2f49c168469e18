"""Where a provider keeps the households of its customers.  Pure."""

from __future__ import annotations

from pydantic import Field

from copdns.settings.values import Section


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
    rollouts: RolloutSettings = RolloutSettings()
