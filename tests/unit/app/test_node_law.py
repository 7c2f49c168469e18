"""The law of a node, where its copy cannot be written, or is not what this machine saw."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from copdns.app.node.copies import NodeCopies
from copdns.app.node.law import LawInForce
from copdns.model.errors import RegisterError
from copdns.provider.law.chain import FIRST, StoredEntry, head_of, to_stored
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
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


def test_a_copy_that_lacks_lines_that_this_machine_saw_is_not_believed(tmp_path: Path) -> None:
    copies, lines = NodeCopies(tmp_path / "tables"), stored(Written())
    keys = ProviderKeys(tmp_path / KEYS_FOLDER)
    keys.make()
    keys.note_head(head_of(lines))
    copies.write_law(lines, [])
    LawInForce(None, tmp_path, copies)
    copies.write_law(lines[:-1], [])
    with pytest.raises(RegisterError, match="missing at the end"):
        LawInForce(None, tmp_path, copies)
