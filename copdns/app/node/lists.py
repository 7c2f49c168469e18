"""The lists of a node: those that its settings name, as they are on its disk now.

`copdns run` on the same machine fetches them, into the same folder; this only reads.
"""

from __future__ import annotations

from pathlib import Path

from copdns.list_files.choose import available_lists, choose_for
from copdns.list_files.copies import Copies, sources_on_disk
from copdns.list_files.facts import load_facts
from copdns.list_files.index_store import index_key
from copdns.list_files.list_text import read_text
from copdns.list_files.load import bundled_files, files_of, own_sources
from copdns.list_files.memory import available_memory
from copdns.lists.catalogue import build_catalogue
from copdns.lists.drafts import all_drafts
from copdns.lists.small_index import build_index
from copdns.lists.source import ListSource
from copdns.provider.plane.list_slugs import ListSlugs, read_drafts
from copdns.provider.plane.snapshot import ListedNames
from copdns.settings.config import Settings


class NodeLists:
    """The lists that settings choose."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Path(settings.data)
        self._copies = Copies(self._folder)

    def key(self) -> str:
        """Return a text that differs whenever a list does; reads no list."""
        return index_key(self._sources(), load_facts(self._folder))

    def read(self) -> tuple[ListedNames, ListSlugs]:
        """Return all names, and which lists are about what; raise ConfigError or ListError."""
        facts = load_facts(self._folder)
        found, sources = files_of(facts), self._sources()
        services = build_catalogue(found, sources, *build_index([])).services
        drafts = all_drafts(found, facts.read, sources, read_text)
        return read_drafts(drafts, found, services)

    def _sources(self) -> tuple[ListSource, ...]:
        settings = self._settings
        available = available_lists(bundled_files())
        slugs = {each.slug for each in available.sources}
        slugs |= {each.slug for each in settings.sources.own}
        states = self._copies.states(slugs)
        known = {slug: each.names for slug, each in states.items()}
        chosen = choose_for(settings.sources, available, (), available_memory(), known)
        return (
            *own_sources(settings.lists),
            *sources_on_disk(chosen, self._copies, states),
        )
