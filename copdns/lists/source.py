"""Lists that others keep: what the catalogue says of each, and what is to be read from disk.

Only addresses are shipped, never copies.  Fetching a source is left to the shell.  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from copdns.lists.parse import ListFormat
from copdns.lists.shapes import CatalogueShape, SourceShape
from copdns.model.matchers import Match


@dataclass(frozen=True, slots=True)
class Source:
    """One list to fetch.

    slug: unique among all lists.
    category: a category, `bypass`, or the slug of a service.
    member: the file to take out of a .tar.gz; "" for a plain text.
    licence: an SPDX id, or `unclear`.
    report: a page where mistakes are told.
    names: about how many it held when it was looked at, to judge what a small box can carry.
    default: used without being named, when a profile blocks its category.
    about: a sentence for parents.
    """

    slug: str
    title: str
    category: str
    url: str
    format: ListFormat
    match: Match
    licence: str
    maintainer: str
    homepage: str
    report: str
    names: int
    default: bool
    about: str
    member: str = ""


@dataclass(frozen=True, slots=True)
class ListSource:
    """A list on disk, besides those that ship: a user's own file, or a source that was fetched.

    format, match: as in the settings.  text: "" where it is still to be read from `path`.
    error: why there is no text.  title: "" takes the slug.
    fetched_at: seconds since the epoch; 0 for a user's own file.
    catalogued: it stands in the catalogue, whose lists may also be about a service.
    """

    slug: str
    category: str
    format: str
    match: str
    text: str = ""
    error: str = ""
    title: str = ""
    path: str = ""
    licence: str = ""
    maintainer: str = ""
    report: str = ""
    fetched_at: int = 0
    catalogued: bool = False


def sources_of(catalogue: CatalogueShape) -> tuple[Source, ...]:
    """Return the catalogue's sources, in its order."""
    return tuple(map(_source, catalogue.sources))


def _source(shape: SourceShape) -> Source:
    return Source(
        slug=shape.slug,
        title=shape.title,
        category=shape.category,
        url=shape.url,
        format=shape.format,
        match=Match(shape.match),
        licence=shape.licence,
        maintainer=shape.maintainer,
        homepage=shape.homepage,
        report=shape.report,
        names=shape.names,
        default=shape.default,
        about=shape.about,
        member=shape.member or "",
    )
