"""What commands say of lists that are fetched: how old they are, and what keeps them from being
newer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from copdns.as_json.plain import utc
from copdns.cli.home import Home
from copdns.cli.output import counted
from copdns.list_files.choose import Chosen, missing_message
from copdns.lists.download import CopyState
from copdns.lists.source import Source

NOTHING = (
    "no lists are downloaded (sources.use is none): only the small bundled lists and your own are "
    "used"
)
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Fetched:
    """The lists that this household uses.  states: by slug.  now: seconds since the epoch."""

    chosen: Chosen
    states: Mapping[str, CopyState]
    now: float

    @classmethod
    def of(cls, home: Home) -> Fetched:
        slugs = [each.slug for each in home.chosen.sources]
        return cls(home.chosen, home.copies.states(slugs), home.now)

    def _source(self, slug: str) -> Source | None:
        return next((each for each in self.chosen.sources if each.slug == slug), None)

    def url(self, slug: str) -> str:
        source = self._source(slug)
        return source.url if source else ""

    def age(self, slug: str) -> str:
        """Return how long ago a copy was last confirmed; "" for what is not fetched."""
        state = self.states.get(slug)
        seconds = state.age(self.now) if state else None
        return "" if seconds is None else for_people(seconds)

    def as_json(self, slug: str) -> dict[str, object]:
        state = self.states.get(slug, CopyState())
        return {
            "url": self.url(slug),
            "fetched_at": utc(state.fetched_at),
            "checked_at": utc(state.checked_at),
            "age": state.age(self.now),
            "octets": state.octets,
            "fetch_error": state.error,
            "failures": state.failures,
        }

    @property
    def missing(self) -> str:
        """Say which chosen lists are not here; "" when all are."""
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
        """Say which names in the settings no list has; "" when all are known."""
        if not self.chosen.unknown:
            return ""
        return f"sources.use contains unknown lists: {', '.join(self.chosen.unknown)}"

    def errors(self) -> Iterator[str]:
        """Say why lists could not be fetched, and what is used instead."""
        for slug, state in self.states.items():
            if state.error:
                kept = f"using the copy from {self.age(slug)} ago" if state.has_copy else "not here"
                tries = f" (failed {state.failures} times in a row)" if state.failures > 1 else ""
                yield f"{slug}: {kept}: {state.error}{tries}"

    def lines(self) -> tuple[str, ...]:
        """Return everything that people should know."""
        nothing = "" if self.chosen.sources or self.chosen.too_large else NOTHING
        said = (*self.errors(), self.missing, self.left_out, self.unknown, nothing)
        return tuple(filter(None, said))


def for_people(seconds: float) -> str:
    """Return a stretch of time in its largest unit: `3 days`."""
    for size, unit in _UNITS:
        count = int(seconds // size)
        if count:
            return counted(count, unit)
    return f"{int(seconds)} seconds"
