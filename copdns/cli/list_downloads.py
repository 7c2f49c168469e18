"""What commands say of downloaded lists: how old they are, and why they are not newer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from copdns.as_json.plain import utc
from copdns.as_json.versions import held_version_json
from copdns.cli.home import Home
from copdns.cli.output import count_text
from copdns.list_files.choose import ChosenLists, missing_message
from copdns.list_files.versions import Versions
from copdns.lists.download import CopyState
from copdns.lists.source import Source
from copdns.lists.version_book import HeldVersion

NO_DOWNLOADS = (
    "no lists are downloaded (sources.use is none): only the small bundled lists and your own are "
    "used"
)
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class ListDownloads:
    """The lists that this household uses, and their copies here.

    states: by slug.  held: versions that wait for a person.  now: seconds since the epoch.
    """

    chosen: ChosenLists
    states: Mapping[str, CopyState]
    held: Mapping[str, HeldVersion]
    now: float

    @classmethod
    def of(cls, home: Home) -> ListDownloads:
        """Return those of a household at the moment of a command."""
        slugs = [each.slug for each in home.chosen_lists.sources]
        held = Versions(home.lists.copies).held_versions(slugs)
        return cls(home.chosen_lists, home.lists.copies.states(slugs), held, home.now)

    def _source(self, slug: str) -> Source | None:
        return next((each for each in self.chosen.sources if each.slug == slug), None)

    def url(self, slug: str) -> str:
        """Return from where a list is downloaded; "" for one that is not."""
        source = self._source(slug)
        return source.url if source else ""

    def age(self, slug: str) -> str:
        """Return how long ago a copy was last confirmed; "" for a list that is not downloaded."""
        state = self.states.get(slug)
        seconds = state.age(self.now) if state else None
        return "" if seconds is None else duration_text(seconds)

    def as_json(self, slug: str) -> dict[str, object]:
        """Return what programs get of a list's copy; zeros and null without one."""
        state = self.states.get(slug, CopyState())
        return {
            "url": self.url(slug),
            "fetched_at": utc(state.fetched_at),
            "checked_at": utc(state.checked_at),
            "age": state.age(self.now),
            "octets": state.octets,
            "fetch_error": state.error,
            "failures": state.failures,
            "waiting": held_version_json(slug, self.held[slug]) if slug in self.held else None,
        }

    @property
    def missing(self) -> str:
        """Say which chosen lists have no copy here; "" when all have one."""
        absent = [slug for slug, state in self.states.items() if not state.has_copy]
        return missing_message(absent, len(self.states))

    @property
    def left_out(self) -> str:
        """Say which lists are too large for this machine; "" when none is."""
        if not self.chosen.too_large:
            return ""
        slugs = ", ".join(each.slug for each in self.chosen.too_large)
        return (
            f"left out, because all lists together may contain {self.chosen.max_names:,} domains "
            f"(sources.max_names): {slugs}"
        )

    @property
    def unknown(self) -> str:
        """Say which names in sources.use are no list; "" when all are lists."""
        if not self.chosen.unknown:
            return ""
        return f"sources.use contains unknown lists: {', '.join(self.chosen.unknown)}"

    def errors(self) -> Iterator[str]:
        """Yield why lists could not be downloaded, and what is used instead."""
        for slug, state in self.states.items():
            if state.error:
                use = f"using the copy from {self.age(slug)} ago" if state.has_copy else "not here"
                tries = f" (failed {state.failures} times in a row)" if state.failures > 1 else ""
                yield f"{slug}: {use}: {state.error}{tries}"

    def held_versions(self) -> Iterator[tuple[str, str]]:
        """Yield which lists have a version that waits for a person, and what to do about it."""
        for slug, held in self.held.items():
            why = ", ".join(held.reasons)
            yield f"{slug}: a new version is held ({why})", f"see copdns lists diff {slug}"

    def lines(self) -> tuple[str, ...]:
        """Return all of these that are not empty."""
        nothing = "" if self.chosen.sources or self.chosen.too_large else NO_DOWNLOADS
        lines = (
            *self.errors(),
            *("; ".join(each) for each in self.held_versions()),
            self.missing,
            self.left_out,
            self.unknown,
            nothing,
        )
        return tuple(filter(None, lines))


def duration_text(seconds: float) -> str:
    """Return a length of time in its largest unit: `3 days`."""
    for size, unit in _UNITS:
        count = int(seconds // size)
        if count:
            return count_text(count, unit)
    return f"{int(seconds)} seconds"
