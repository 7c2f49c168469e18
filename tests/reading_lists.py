"""In a process of tests, lists are read once, as long as nothing about them differs.

Most commands and many pages read the bundled lists, which takes as long as all else that their
tests do.  What is read stays as it is: a `Catalogue` is frozen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from copdns.list_files import index_store, load
from copdns.list_files.facts import SHIPPED, Facts
from copdns.list_files.index_store import index_key
from copdns.lists import drafts
from copdns.lists.catalogue import BundledFiles, Catalogue, ReadText
from copdns.lists.gate import GateRules
from copdns.lists.source import ListSource

MOST = 8  # catalogues that are kept

_read_catalogue, _read_rules = load.load_catalogue, drafts.read_gate_rules
_catalogues: OrderedDict[object, Catalogue] = OrderedDict()
_rules: list[tuple[BundledFiles, GateRules]] = []  # the last ones


def keep_what_is_read() -> None:
    """Put this module's functions in place of what reads; before tests import that."""
    load.load_catalogue = index_store.load_catalogue = load_catalogue
    drafts.read_gate_rules = read_gate_rules


def load_catalogue(sources: Sequence[ListSource], facts: Facts = SHIPPED) -> Catalogue:
    key = index_key(sources, facts), tuple(sources)
    found = _catalogues.get(key) or _read_catalogue(sources, facts)
    _catalogues[key] = found
    _catalogues.move_to_end(key)
    if len(_catalogues) > MOST:
        _catalogues.popitem(last=False)
    return found


def read_gate_rules(found: BundledFiles, read: ReadText) -> GateRules:
    if read not in (load.bundled_text, SHIPPED.read):
        return _read_rules(found, read)
    if not _rules or _rules[0][0] is not found:
        _rules[:] = [(found, _read_rules(found, read))]
    return _rules[0][1]
