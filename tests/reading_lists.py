"""In a process of tests, lists are read once, as long as nothing about them differs.

Most commands and many pages read the bundled lists, which takes as long as all else that their
tests do.  What is read stays as it is: a `Catalogue` is frozen.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

from copdns.list_files import index_store, load
from copdns.list_files.facts import SHIPPED, Facts
from copdns.list_files.resources import find_folder
from copdns.lists import drafts
from copdns.lists.catalogue import BundledFiles, Catalogue, ReadText
from copdns.lists.gate import GateRules
from copdns.lists.source import ListSource
from copdns.model.errors import ListError

MOST = 8  # catalogues that are kept

_read_catalogue, _read_rules = load.load_catalogue, drafts.read_gate_rules
_catalogues: OrderedDict[object, Catalogue] = OrderedDict()
_rules: list[tuple[BundledFiles, GateRules]] = []  # the last ones


def keep_what_is_read() -> None:
    """Put this module's functions in place of what reads; before tests import that."""
    load.load_catalogue = index_store.load_catalogue = load_catalogue
    drafts.read_gate_rules = read_gate_rules


def load_catalogue(sources: Sequence[ListSource], facts: Facts = SHIPPED) -> Catalogue:
    key = (facts.digest, *_bundled(), *map(_content, sources))
    found = _catalogues.get(key) or _read_catalogue(sources, facts)
    _catalogues[key] = found
    _catalogues.move_to_end(key)
    if len(_catalogues) > MOST:
        _catalogues.popitem(last=False)
    return found


def _bundled() -> Iterator[object]:
    """Yield what differs when a bundled file does."""
    for folder, _, names in os.walk(find_folder("blocklists")):
        for name in names:
            path = os.path.join(folder, name)
            found = os.stat(path)
            yield path, found.st_size, found.st_mtime_ns


def _content(source: ListSource) -> object:
    """Return what differs when a list does, wherever it is: each test has folders of its own."""
    try:
        text = load.read_text(source)
    except ListError:  # its status names the file
        return source
    return replace(source, path="", fetched_at=0), sha256(text.encode()).digest()


def read_gate_rules(found: BundledFiles, read: ReadText) -> GateRules:
    if read not in (load.bundled_text, SHIPPED.read):
        return _read_rules(found, read)
    if not _rules or _rules[0][0] is not found:
        _rules[:] = [(found, _read_rules(found, read))]
    return _rules[0][1]
