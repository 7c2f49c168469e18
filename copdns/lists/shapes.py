"""The shapes of the files in `blocklists/`: their keys, and what each may hold.

An unknown key is an error; tests/unit/lists/test_blocklists.py checks what a shape cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from copdns.lists.parse import ListFormat
from copdns.model.addresses import address, domain, network, slug
from copdns.model.household import Contact
from copdns.model.matchers import Matcher, parse_matcher
from copdns.model.yaml_text import ByText

Slug = Annotated[str, ByText(slug)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[Matcher, ByText(parse_matcher)]
Domain = Annotated[str, ByText(domain)]
Address = Annotated[str, ByText(lambda text: str(address(text)))]
CidrText = Annotated[str, ByText(lambda text: str(network(text)))]
Https = Annotated[str, Field(pattern=r"^https://[a-z0-9.-]+/\S*$")]
SentenceText = Annotated[str, Field(pattern=r"^[A-Z0-9].*\.$")]

UNCLEAR = "unclear"  # the licence of a source with none, or with two that differ


class Shape(BaseModel):
    """A part of a file in blocklists/; a key that it does not have is a mistake."""

    # Built with the whole that it is part of: for itself each part would cost as much again.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class CategoryShape(Shape):
    """A category.  low_harm: a request about it may be opened while it waits.  services: in it as a
    whole.
    """

    title: Text
    about: Text
    layer: Literal["security", "content"]
    low_harm: bool = False
    services: tuple[Slug, ...] = ()


class ListShape(Shape):
    """A starter list, whose file is in blocklists/starter/."""

    slug: Slug
    title: Text
    category: Slug
    file: Text
    format: ListFormat
    match: Literal["exact", "subtree"]
    licence: Text
    maintainer: Text
    report: Text


class SourceShape(Shape):
    """A list that others maintain; `copdns.lists.source.Source` explains the keys."""

    slug: Slug
    title: Text
    category: Slug
    url: Https
    format: ListFormat
    match: Literal["exact", "subtree"]
    member: Text | None = None
    licence: Text
    maintainer: Text
    homepage: Https
    report: Https
    names: Annotated[int, Field(gt=0)]
    default: bool
    about: SentenceText

    @field_validator("default")
    @classmethod
    def _is_free_to_use(cls, default: bool, info: ValidationInfo) -> bool:
        if default and info.data.get("licence") == UNCLEAR:
            raise ValueError("a list with an unclear licence is used only if you choose it")
        return default

    @model_validator(mode="after")
    def _says_which_file_of_a_tar(self) -> SourceShape:
        packed = self.url.endswith((".tar.gz", ".tgz"))
        if packed and not self.member:
            raise ValueError("member is missing; name the file to use from the .tar.gz")
        if self.member and not packed:
            raise ValueError("member is only for a .tar.gz; leave it out")
        return self


class CatalogueShape(Shape):
    """The shape of blocklists/catalogue.yaml."""

    categories: dict[Slug, CategoryShape]
    lists: tuple[ListShape, ...]
    sources: tuple[SourceShape, ...] = ()


class ProtectedNameShape(Shape):
    """A protected name.

    country: whose it is; INT for all.  but_not: names below it that are not protected.  unopened:
    nobody has opened its site yet.
    """

    name: Name
    country: Annotated[str, Field(pattern=r"^([A-Z]{2}|INT)$")]
    owner: Text
    but_not: tuple[Domain, ...] = ()
    unopened: bool = False

    @field_validator("but_not")
    @classmethod
    def _is_below(cls, but_not: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        name = info.data["name"].name
        if not all(each.endswith(f".{name}") for each in but_not):
            raise ValueError(f"but_not is for names below {name}")
        return but_not


class ProtectedGroupShape(Shape):
    """A group of protected names.

    help: untraced.  beats_time: no pause, schedule or budget blocks them.  recorded: False leaves
    no trace either, although the names are not about help.
    """

    title: Text
    help: bool
    beats_time: bool
    recorded: bool = True
    names: tuple[ProtectedNameShape, ...]


class ProtectedShape(Shape):
    """The shape of blocklists/protected.yaml."""

    groups: dict[Slug, ProtectedGroupShape]

    def unopened_names(self) -> Iterator[ProtectedNameShape]:
        """Yield the names whose site nobody has opened yet."""
        for group in self.groups.values():
            yield from (each for each in group.names if each.unopened)


NUMBERS = "{00-63}"  # stands in a name for each number from 00 to 63


class InfrastructureGroupShape(Shape):
    """Names that no list may take away; blocklists/infrastructure.yaml explains the keys."""

    title: Text
    whole: tuple[Domain, ...] = ()
    below: tuple[Domain, ...] = ()
    numbered: tuple[Annotated[str, Field(pattern=r"\{00-63\}")], ...] = ()
    claimed_by: dict[Domain, Annotated[tuple[Slug, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )

    def all_whole(self) -> tuple[str, ...]:
        """Return the names of `whole`, and those that are numbered."""
        numbers = [f"{number:02}" for number in range(64)]
        return (
            *self.whole,
            *(domain(each.replace(NUMBERS, n)) for each in self.numbered for n in numbers),
        )

    @model_validator(mode="after")
    def _claims_only_its_own_names(self) -> InfrastructureGroupShape:
        strangers = self.claimed_by.keys() - {*self.whole, *self.below}
        if strangers:
            raise ValueError(f"claimed_by has names that no key lists: {', '.join(strangers)}")
        return self


class InfrastructureShape(Shape):
    """The shape of blocklists/infrastructure.yaml.  contested: some lists name these on purpose."""

    groups: dict[Slug, InfrastructureGroupShape]
    contested: tuple[Domain, ...] = ()

    def needed_names(self) -> frozenset[str]:
        """Return every name that many sites need, whether or not lists may name it."""
        groups = self.groups.values()
        return frozenset(
            (
                *self.contested,
                *(name for each in groups for name in (*each.all_whole(), *each.below)),
            )
        )


class TopGroupShape(Shape):
    """Sites that nearly everybody uses; blocklists/top.yaml explains the keys."""

    title: Text
    not_in: Annotated[tuple[Slug, ...], Field(min_length=1)]
    names: tuple[Domain, ...]


class TopShape(Shape):
    """The shape of blocklists/top.yaml."""

    groups: dict[Slug, TopGroupShape]


class MistakeShape(Shape):
    """A name that lists hold by mistake; blocklists/mistakes.yaml explains the keys."""

    name: Name
    not_in: Annotated[tuple[Slug, ...], Field(min_length=1)]
    why: SentenceText


class MistakesShape(Shape):
    """The shape of blocklists/mistakes.yaml."""

    mistakes: tuple[MistakeShape, ...]


class BundledServiceShape(Shape):
    """A service.

    contact: with whom a child comes into contact there.  beacons: names that devices ask for on
    their own.  affects: what else stops with one of its names, in words.  spares: those that may
    stay allowed.  called: how else people write its title.  in_words: the title has words in it,
    and is translated.
    """

    title: Text
    in_words: bool = False
    called: tuple[Text, ...] = ()
    group: Slug
    contact: Contact
    names: Annotated[tuple[Name, ...], Field(min_length=1)]
    beacons: tuple[Name, ...] = ()
    affects: dict[str, Text] = Field(default_factory=dict)
    spares: tuple[str, ...] = ()


class ServicesShape(Shape):
    """The shape of blocklists/services.yaml."""

    services: dict[Slug, BundledServiceShape]


class GeneratedShape(Shape):
    """Hosts that an engine has in many countries: each template with each suffix."""

    templates: tuple[Annotated[str, Field(pattern=r"\{suffix\}$")], ...]
    suffixes: tuple[Domain, ...]

    def names(self) -> frozenset[str]:
        """Return every template with every suffix."""
        return frozenset(
            domain(template.replace("{suffix}", suffix))
            for template in self.templates
            for suffix in self.suffixes
        )


class EngineShape(Shape):
    """A search engine.  modes: the target of its hosts, by mode of safe search.  in_words: the
    title has words in it, and is translated."""

    title: Text
    in_words: bool = False
    for_children: bool
    modes: Annotated[dict[Slug, Domain], Field(min_length=1)]
    hosts: tuple[Domain, ...] = ()
    generated: GeneratedShape | None = None
    note: str = ""

    def all_hosts(self) -> frozenset[str]:
        """Return its hosts, also those of countries."""
        return frozenset(self.hosts) | (self.generated.names() if self.generated else frozenset())


class WithoutSafeSearchShape(Shape):
    """A search engine that has no safe search."""

    name: Name
    title: Text


class SafeSearchShape(Shape):
    """The shape of blocklists/safesearch.yaml."""

    engines: dict[Slug, EngineShape]
    no_safe_search: tuple[WithoutSafeSearchShape, ...]


class CanaryShape(Shape):
    """A signal: names that tell a program not to go around the filter."""

    title: Text
    about: Text
    names: Annotated[tuple[Domain, ...], Field(min_length=1)]


class BypassNameShape(Shape):
    """A name by which the filter is gone around, of one kind of way."""

    name: Name
    kind: Literal["resolver", "vpn", "proxy", "circumvention"]
    operator: Text


class BypassShape(Shape):
    """The shape of blocklists/bypass.yaml."""

    canaries: dict[Slug, CanaryShape]
    names: tuple[BypassNameShape, ...]


class BeaconGroupShape(Shape):
    """Names that devices ask for on their own, which are no use of anybody."""

    title: Text
    names: Annotated[tuple[Name, ...], Field(min_length=1)]


class BeaconsShape(Shape):
    """The shape of blocklists/beacons.yaml."""

    groups: dict[Slug, BeaconGroupShape]


class FilteringShape(Shape):
    """Resolvers of one operator that filter."""

    operator: str
    names: tuple[Domain, ...] = ()
    addresses: tuple[Address, ...] = ()


class KnownResolverShape(Shape):
    """A public resolver that a household can choose.  name: of its certificate.  filters: it blocks
    some names of its own accord."""

    id: Slug
    title: str
    name: Domain
    addresses: tuple[Address, ...] = Field(min_length=1)
    filters: bool = False

    def servers(self, scheme: str) -> tuple[str, ...]:
        """Return how its servers are written.  scheme: "tls", "https", or "" for plain DNS."""
        found = tuple(f"[{each}]" if ":" in str(each) else str(each) for each in self.addresses)
        return tuple(f"{scheme}://{self.name}@{each}" for each in found) if scheme else found


class PublicResolverShape(Shape):
    """Further networks at which resolvers of one operator answer encrypted DNS."""

    operator: Text
    addresses: tuple[CidrText, ...] = Field(min_length=1)


class ResolversShape(Shape):
    """The shape of blocklists/resolvers.yaml."""

    filtering: tuple[FilteringShape, ...] = Field(min_length=1)
    known: tuple[KnownResolverShape, ...] = Field(min_length=1)
    public: tuple[PublicResolverShape, ...] = Field(min_length=1)


Day = Annotated[str, Field(pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$")]
Label = Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]
Number = Annotated[int, Field(ge=0)]


class BlockedShape(Shape):
    """Of how many domains how many were blocked."""

    of: Number
    blocked: Number

    @property
    def percent(self) -> float:
        return 100 * self.blocked / self.of if self.of else 0.0


class MeasuredListShape(Shape):
    """What a list caught of its subject, and took of everything else."""

    version: Day
    entries: Number
    wanted: tuple[Label, ...]
    caught: BlockedShape | None = None
    others: BlockedShape
    blocked: dict[Label, Number]


class ScoresShape(Shape):
    """The shape of blocklists/scores.yaml, which explains the keys."""

    measured: Day
    domains: Number
    labels: dict[Label, Number]
    lists: dict[Slug, MeasuredListShape]


PublicKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FactsShape(Shape):
    """The shape of blocklists/facts.yaml, which explains the keys."""

    number: Annotated[int, Field(ge=1)]
    made_at: Annotated[int, Field(ge=0)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    keys: Annotated[dict[Slug, PublicKey], Field(min_length=2)]


class DiscreetShape(Shape):
    """The shape of blocklists/discreet.yaml."""

    groups: dict[str, tuple[Domain, ...]] = Field(min_length=1)
