"""Lists that others maintain: their descriptions in the catalogue, and lists on disk.

Only URLs are bundled, never copies.  `list_files/fetch.py` fetches sources.  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from copdns.lists.parse import ListFormat
from copdns.lists.shapes import CatalogueShape, SourceShape
from copdns.model.matchers import MatchKind


@dataclass(frozen=True, slots=True)
class Source:
    """One list to fetch.

    slug: unique among all lists.
    category: a category, `bypass`, or the slug of a service.
    member: the file to take out of a .tar.gz; "" for a plain text.
    licence: an SPDX id, or `unclear`.
    report: a page to report errors at.
    names: about how many it had when it was added, to choose what fits a small machine.
    opens: an allow-list (`Draft.opens`).
    default: used without being named in the settings, when a profile blocks its category.
    about: a sentence for parents.
    """

    slug: str
    title: str
    category: str
    url: str
    format: ListFormat
    match: MatchKind
    licence: str
    maintainer: str
    homepage: str
    report: str
    names: int
    default: bool
    about: str
    member: str = ""
    opens: bool = False


@dataclass(frozen=True, slots=True)
class ListSource:
    """A list on disk that is not bundled: a user's own file, or the copy of a source.

    format, match: as in the settings.  text: "" where it is to be read from `path`.
    error: why there is no text.  title: "" for the slug.
    fetched_at: seconds since the epoch; 0 for a user's own file.
    is_catalogued: it is in the catalogue, whose lists may also be about a service.
    opens: an allow-list (`Draft.opens`).
    keeps_name: a household's own list, called so before there was an app of that name
        (`without_taken_names`).
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
    is_catalogued: bool = False
    opens: bool = False
    keeps_name: bool = False


def sources_of(catalogue: CatalogueShape) -> tuple[Source, ...]:
    """Return the sources of the catalogue, in its order."""
    return tuple(map(_source, catalogue.sources))


def _source(shape: SourceShape) -> Source:
    return Source(
        slug=shape.slug,
        title=shape.title,
        category=shape.category,
        url=shape.url,
        format=shape.format,
        match=MatchKind(shape.match),
        licence=shape.licence,
        maintainer=shape.maintainer,
        homepage=shape.homepage,
        report=shape.report,
        names=shape.names,
        default=shape.default,
        about=shape.about,
        member=shape.member or "",
    )
