"""Which lists are used, of this machine and downloaded, and where newer facts are from.  Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

from pydantic import Field, field_validator

from copdns.model.addresses import bad_url
from copdns.settings.values import AUTO, Section, Slug

ListFormatText = Literal[
    "domains", "hosts", "wildcard", "adblock", "dnsmasq", "unbound", "rpz", "addresses", "hashed"
]

# What lists of this machine and of others have in common.
CategorySlug = Annotated[
    Slug, Field(description="The category it belongs to, which profiles can block.")
]
MatchText = Annotated[
    Literal["exact", "subtree"],
    Field(description="Whether an entry covers only the domain itself or its subdomains too."),
]
Opens = Annotated[
    bool,
    Field(
        description="Whether this is an allow-list: what lists of its category block of its "
        "domains is lifted."
    ),
]
LogOnlyDays = Annotated[
    int,
    Field(
        ge=0,
        le=30,
        description="Days for which it only counts what it would block, from when it is first "
        "here. A new list is best tried for 3.",
    ),
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
    category: CategorySlug
    format: ListFormatText = Field(
        description="`domains`: one domain per line; `hosts`: an address and domains; "
        "`wildcard`: *.domain; `adblock`: ad-blocker rules; `dnsmasq`, `unbound`: their settings; "
        "`rpz`: a response policy zone; `addresses`: addresses that no answer may have; `hashed`: "
        "domains as hashes."
    )
    match: MatchText
    opens: Opens = False
    log_only: LogOnlyDays = 0


class OwnSource(Section):
    """A list that is not in the catalogue."""

    slug: Slug = Field(
        description="Its short name; the name of a list in the catalogue replaces that list."
    )
    url: str = Field(description="Where it is downloaded from: https, or http inside your network.")
    category: CategorySlug
    format: ListFormatText = Field(description="Its format, as for `lists`.")
    match: MatchText
    opens: Opens = False
    log_only: LogOnlyDays = 0
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
        return require_distinct_lists(own)


ASlugged = TypeVar("ASlugged", ListFile, OwnSource)

# Lists against harm block from the first minute.
_NEVER_LOG_ONLY: Final = frozenset({"malware", "phishing"})


def require_distinct_lists(lists: tuple[ASlugged, ...]) -> tuple[ASlugged, ...]:
    """Return lists whose names differ and that can be what they say; else raise ValueError."""
    slugs = [each.slug for each in lists]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if twice:
        raise ValueError(f"two lists are called {', '.join(twice)}; rename one of them")
    for each in lists:
        if each.log_only and (each.opens or each.category in _NEVER_LOG_ONLY):
            why = "an allow-list blocks nothing" if each.opens else f"{each.category} is harm"
            raise ValueError(f"the list {each.slug} cannot be log_only: {why}")
    return lists


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
