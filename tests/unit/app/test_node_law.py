"""The law of a node, where its copy cannot be written, or is not what this machine saw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from copdns.app.node.copies import NodeCopies
from copdns.app.node.law import LawInForce
from copdns.provider.law.chain import FIRST, StoredEntry, head_of, to_stored
from copdns.provider.law.events import OrderConfirmed
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.provider.law.register_in_force import with_register
from copdns.provider.plane.name_sets import compile_names
from copdns.provider.plane.snapshot import Layer, ListedNames
from copdns.store.provider_db.register_rows import read_lines
from tests.provider_staff import NOW, Written, order


def stored(written: Written) -> list[StoredEntry]:
    lines: list[StoredEntry] = []
    for each in written.entries:
        lines.append(to_stored(each, lines[-1].digest if lines else FIRST))
    return lines


def test_an_order_is_in_force_also_where_it_cannot_be_copied(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    copies = NodeCopies(folder)
    copies.write_law([], [])
    law = LawInForce(None, tmp_path, copies)
    written = Written()
    written.add("ada", order("bad.example", begins=NOW + 60))
    lines = stored(written)
    entries: Any = SimpleNamespace(size=lambda: len(lines), lines=lambda: lines)
    desk: Any = SimpleNamespace(newest=lambda: (0, 0), load=tuple)
    law._stores = entries, desk
    (folder / "law.new").mkdir()  # so that nothing can be written there
    assert law.follow()
    assert law._register.size == len(lines)
    assert (law.follow(), copies.read_law()[0]) == (False, [])
    (folder / "law.new").rmdir()
    assert (law.follow(), copies.read_law()[0]) == (False, lines)


ORDERS = (order("bad.example", begins=NOW), order("worse.example", begins=NOW))


def two_orders() -> list[StoredEntry]:
    """A register with two orders in force, of which the second is its last lines."""
    written = Written()
    for each in ORDERS:
        number = written.add("ada", each)
        written.add("bo", OrderConfirmed(number))
    return stored(written)


def rows_of(lines: list[StoredEntry], keys: ProviderKeys) -> list[tuple[bytes, bytes]]:
    """Return the table of names as a node writes it by these lines."""
    listed = with_register(ListedNames(), read_lines(lines, keys), NOW + 1)
    return sorted(compile_names(listed).items())


def in_force(law: LawInForce, now: int = NOW + 1) -> set[str]:
    found = law.apply(ListedNames(), now)
    return {each.name for one in found.lists if one.layer is Layer.LAW for each in one.names}


def test_a_copy_that_lags_behind_is_begun_with_and_what_the_tables_have_beyond_it_stays(
    tmp_path: Path,
) -> None:
    copies, lines = NodeCopies(tmp_path / "tables"), two_orders()
    keys = ProviderKeys(tmp_path / KEYS_FOLDER)
    keys.make()
    keys.note_head(head_of(lines))
    rows = rows_of(lines, keys)
    copies.write_law(lines, [])
    law = LawInForce(None, tmp_path, copies, lambda: rows)
    assert (law.trouble, law.missing) == ("", 0)
    assert in_force(law) == {"bad.example", "worse.example"}
    copies.write_law(lines[:-2], [])
    law = LawInForce(None, tmp_path, copies, lambda: rows)
    assert law.missing == 2
    assert "2 newer lines" in law.trouble
    assert in_force(law) == {"bad.example", "worse.example"}
    # The order that the copy has ends at its second; of the other one nobody knows when it does.
    assert in_force(law, ORDERS[0].ends) == {"worse.example"}
    law = LawInForce(None, tmp_path, copies)  # the tables did not have it either
    assert in_force(law) == {"bad.example"}


@pytest.mark.parametrize("is_there", [True, False])
def test_with_a_copy_that_is_none_of_ours_the_law_stays_as_the_tables_have_it(
    tmp_path: Path, is_there: bool
) -> None:
    copies, lines = NodeCopies(tmp_path / "tables"), two_orders()
    keys = ProviderKeys(tmp_path / KEYS_FOLDER)
    keys.make()
    keys.note_head(head_of(lines))
    rows = rows_of(lines, keys)
    if is_there:
        copies.write_law([*lines[:-1], replace(lines[-1], by="rev")], [])
    law = LawInForce(None, tmp_path, copies, lambda: rows)
    assert "as the tables have it" in law.trouble
    assert in_force(law, ORDERS[0].ends) == {"bad.example", "worse.example"}
    assert law.anchors(NOW) is None  # unbound keeps those that it has
