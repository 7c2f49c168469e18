"""What the bundled files protect is protected at dnsdist."""

from __future__ import annotations

import pytest

from copdns.list_files.load import bundled_files
from copdns.lists.catalogue import BundledFiles
from copdns.model.matchers import Matcher
from copdns.model.names import to_wire
from copdns.provider.plane.name_sets import HELP, UNTRACED, compile_names
from copdns.provider.plane.snapshot import Layer, ListedNames, NameList
from copdns.provider.plane.special_names import bundled_names, safe_targets


@pytest.fixture(scope="module")
def found() -> BundledFiles:
    return bundled_files()


def test_a_help_name_is_on_no_list_whoever_lists_it(found: BundledFiles) -> None:
    special = bundled_names(found)
    every = (*special.help, *(Matcher(f"chat.{each.name}") for each in special.help))
    lists = tuple(NameList(str(layer), layer, every) for layer in Layer)
    table = compile_names(ListedNames(lists, special))
    assert len(special.help) > 100
    for each in every:
        value = table[to_wire(each.name)].decode()
        assert HELP in value.partition(":")[2].split("/") or value == HELP, each


def test_hosts_that_only_measure_visitors_may_be_blocked_and_are_marked(
    found: BundledFiles,
) -> None:
    special = bundled_names(found)
    assert special.untraced
    trackers = NameList("trackers", Layer.FAMILY, special.untraced)
    table = compile_names(ListedNames((trackers,), special))
    for each in special.untraced:
        assert table[to_wire(each.name)].decode() == f"{UNTRACED},trackers"


def test_every_engine_has_hosts_and_a_safe_one(found: BundledFiles) -> None:
    special, targets = bundled_names(found), safe_targets(found)
    assert special.engines.keys() == targets.keys()
    assert all(special.engines.values())
    assert targets["google"] == "forcesafesearch.google.com"
