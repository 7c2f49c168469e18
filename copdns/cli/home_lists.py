"""The lists of one installation, as commands read them: files, and what is compiled of them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from copdns.list_files.choose import AvailableLists, ChosenLists, available_lists, choose_for
from copdns.list_files.copies import Copies, sources_on_disk
from copdns.list_files.index_store import IndexStore
from copdns.list_files.load import bundled_files, own_sources
from copdns.list_files.log_only_lists import LogOnlyLists
from copdns.list_files.memory import available_memory
from copdns.list_files.own_lists import OwnLists
from copdns.lists.catalogue import Catalogue
from copdns.lists.source import ListSource
from copdns.model.household import Household
from copdns.settings.config import Settings


class HomeLists:
    """The lists that settings and households choose from."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Path(settings.data)
        self._catalogues: dict[tuple[ListSource, ...], Catalogue] = {}

    @cached_property
    def copies(self) -> Copies:
        """The fetched lists on disk."""
        return Copies(self._folder)

    @cached_property
    def log_only(self) -> LogOnlyLists:
        """The lists that only count for now."""
        return LogOnlyLists(self.copies, lambda: self._settings)

    @cached_property
    def available(self) -> AvailableLists:
        """The lists that copdns knows, which a household can choose from."""
        return available_lists(bundled_files())

    def choose_for(self, *households: Household) -> ChosenLists:
        """Return the downloaded lists that these households use."""
        slugs = {each.slug for each in self.available.sources}
        slugs |= {each.slug for each in self._settings.sources.own}
        known = {slug: each.names for slug, each in self.copies.states(slugs).items()}
        return choose_for(
            self._settings.sources, self.available, households, available_memory(), known
        )

    def build_catalogue(self, chosen: ChosenLists) -> Catalogue:
        """Return the catalogue of chosen lists; compiled once, which takes time."""
        sources = self.sources_of(chosen)
        if sources not in self._catalogues:
            self._catalogues[sources] = IndexStore(self._folder).read(sources)
        return self._catalogues[sources]

    def sources_of(self, chosen: ChosenLists) -> tuple[ListSource, ...]:
        """Return where the texts of chosen lists are, those of the settings first."""
        states = self.copies.states(each.slug for each in chosen.sources)
        return (
            *own_sources(self._settings.lists),
            *self.own.sources(),
            *sources_on_disk(chosen, self.copies, states),
        )

    @property
    def own(self) -> OwnLists:
        """The lists that the household pasted."""
        return OwnLists(self._folder)
