"""Lists that others keep: what the catalogue says of each.

Only addresses are shipped, never copies.  Fetching a source is left to the shell.  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from copdns.lists.parse import Form
from copdns.lists.shapes import CatalogueShape, SourceShape
from copdns.model import Match


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
    format: Form
    match: Match
    licence: str
    maintainer: str
    homepage: str
    report: str
    names: int
    default: bool
    about: str
    member: str = ""


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
