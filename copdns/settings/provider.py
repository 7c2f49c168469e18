"""Where a provider keeps the households of its customers.  Pure."""

from __future__ import annotations

from pydantic import Field

from copdns.settings.values import Section


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
