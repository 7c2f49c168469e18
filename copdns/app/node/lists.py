"""The lists of a node: those that its settings name, as they are on its disk now.

`copdns run` on the same machine fetches them, into the same folder; this only reads.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import structlog

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
from copdns.model.broad_names import listed_suffixes
from copdns.model.errors import ListError, RegisterError
from copdns.provider.law.hashed_list import (
    MOST_SEALED,
    HashedList,
    open_list,
    read_hashed,
    without_names,
)
from copdns.provider.law.keys import HASHED_LISTS, KEYS_FOLDER, ProviderKeys
from copdns.provider.plane.list_slugs import ListSlugs, read_drafts
from copdns.provider.plane.snapshot import ListedNames
from copdns.settings.config import Settings

log = structlog.get_logger("copdns.node")


class NodeLists:
    """The lists that settings choose."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Path(settings.data)
        self._copies = Copies(self._folder)
        self._keys = ProviderKeys(self._folder / KEYS_FOLDER)
        self._hashed: dict[str, HashedList] = {}  # by the path

    def key(self) -> str:
        """Return a text that differs whenever a list does; reads no list."""
        files = "".join(_stamp(each) for each in self._settings.node.hashed_lists)
        return index_key(self._sources(), load_facts(self._folder)) + files

    def read(self) -> tuple[ListedNames, ListSlugs]:
        """Return all names, and which lists are about what; raise ConfigError or ListError."""
        facts = load_facts(self._folder)
        found, sources = files_of(facts), self._sources()
        services = build_catalogue(found, sources, *build_index([])).services
        drafts = all_drafts(found, facts.read, sources, read_text)
        listed, slugs = read_drafts(drafts, found, services)
        return replace(listed, hashed=self._read_hashed_lists()), slugs

    def _read_hashed_lists(self) -> tuple[HashedList, ...]:
        """Return the lists of hashes; of a file that cannot be read, what it had before.

        It holds up no other list: without it a node answers, and an order whose list is not there
        is told (`LawInForce`).
        """
        for path in self._settings.node.hashed_lists:
            try:
                self._hashed[path] = _read_hashed(path, self._keys)
            except (ListError, RegisterError) as error:
                log.error("a list of hashes cannot be read", error=str(error))
        return tuple(self._hashed.values())

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


def _stamp(path: str) -> str:
    try:
        found = Path(path).stat()
    except OSError:
        return f" {path} missing"
    # A file that takes the place of another may have its size and the time of its copy.
    return f" {path} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino} {found.st_size}"


def _read_hashed(path: str, keys: ProviderKeys) -> HashedList:
    """Read a list of hashes, which may be sealed; raise ListError, and RegisterError without its
    key."""
    try:
        if not Path(path).is_file():  # reading a pipe would wait for whoever writes it
            raise ListError(f"{path}: there is no such file")
        with Path(path).open("rb") as file:
            octets = file.read(MOST_SEALED + 1)
        if len(octets) > MOST_SEALED:
            raise ListError(f"{path}: a list of hashes has at most {MOST_SEALED} octets")
        text = octets.decode("ascii")  # as it is: the checksum is that of the file
    except (OSError, UnicodeDecodeError) as error:
        raise ListError(f"{path}: {error}") from error
    opened = open_list(text, path, lambda sealed: keys.unseal(sealed, HASHED_LISTS))
    found = read_hashed(opened, path)
    # Nobody can read that it has one, and everybody's sites below it would be gone.
    less = without_names(found, listed_suffixes())
    if many := len(found) - len(less):
        log.error(
            "a list of hashes has public suffixes such as co.uk, which are passed over",
            file=path,
            many=many,
        )
    return less
