"""What a machine is told of lines while PostgreSQL is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from copdns.app.node.journal import FILE, BindingJournal, JournalEntry, JournalReader, MovedBlock
from copdns.model.errors import StoreError
from copdns.provider.address_blocks import read_block
from copdns.provider.bindings import SessionChange, SessionEvent
from copdns.provider.radius_accounting import Restart

NOW = 1_770_000_000.0


def entry(line: str, address: str = "192.0.2.7") -> JournalEntry:
    blocks = (read_block(address),)
    told = SessionEvent(SessionChange.START, "bng", f"s {line}", line, NOW, blocks)
    return JournalEntry((told, Restart("bng", NOW)), (MovedBlock(address, line, True),))


def test_what_was_put_there_is_read_in_its_order_also_after_a_start(tmp_path: Path) -> None:
    journal = BindingJournal(tmp_path)
    assert journal.is_empty
    journal.begin(NOW)
    written = [entry("l1"), entry("l2", "2001:db8:0:100::/56"), entry("l3", "192.0.2.9:1024-2047")]
    for each in written:
        journal.append(each)
    again = BindingJournal(tmp_path)
    assert again.since == NOW
    assert list(again.read()) == written
    again.clear()
    assert not (tmp_path / FILE).exists()
    assert list(BindingJournal(tmp_path).read()) == []


def test_a_line_that_was_cut_off_was_not_confirmed_and_harms_no_other(tmp_path: Path) -> None:
    journal = BindingJournal(tmp_path)
    journal.begin(NOW)
    journal.append(entry("l1"))
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"told": [{"kind": "st')
    again = BindingJournal(tmp_path)
    again.append(entry("l2"))
    assert list(again.read()) == [entry("l1"), entry("l2")]


def test_what_has_no_room_is_refused_as_a_whole(tmp_path: Path) -> None:
    journal = BindingJournal(tmp_path, 400)
    journal.begin(NOW)
    journal.append(entry("l1"))
    with pytest.raises(StoreError, match="is full"):
        journal.append(entry("l2"))
    assert list(journal.read()) == [entry("l1")]


def test_a_reader_gets_what_is_new_and_notices_another_file(tmp_path: Path) -> None:
    reader, journal = JournalReader(tmp_path), BindingJournal(tmp_path)
    assert reader.take() == []
    journal.begin(NOW)
    for each in (entry("l1"), entry("l2")):
        journal.append(each)
        assert reader.take() == [each]
    assert reader.is_there
    journal.clear()
    assert reader.take() == []
    assert not reader.is_there
    journal.begin(NOW + 1)  # most file systems give it the number of the one that went
    journal.append(entry("l3"))
    assert reader.take() == [entry("l3")]


def test_a_reader_that_saw_no_gap_notices_another_file_with_the_same_number(tmp_path: Path) -> None:
    reader, journal = JournalReader(tmp_path), BindingJournal(tmp_path)
    journal.begin(NOW)
    journal.append(entry("l1"))
    assert reader.take() == [entry("l1")]
    octets = (tmp_path / FILE).read_bytes().replace(b"1770000000.0}", b"1770000009.0}")
    (tmp_path / FILE).write_bytes(octets.replace(b"l1", b"l2"))
    journal.append(entry("l3"))
    assert [each.moved[0].line for each in reader.take()] == ["l2", "l3"]


def test_a_loss_is_known_after_a_start_and_also_where_the_beginning_is_damaged(
    tmp_path: Path,
) -> None:
    journal = BindingJournal(tmp_path)
    journal.begin(NOW)
    journal.append(entry("l1"))
    journal.note_loss(NOW + 50)
    journal.append(entry("l2"))
    journal.touch(NOW + 60)
    again = BindingJournal(tmp_path)
    assert (again.since, again.heard) == (NOW + 50, NOW + 60)
    assert list(again.read()) == [entry("l1"), entry("l2")]
    for begin in (b"[]", b"{}", b'{"since": null}', b'{"since": NaN}', b"[" * 100_000, b"\xff"):
        (tmp_path / FILE).write_bytes(begin + b"\n")
        damaged = BindingJournal(tmp_path)
        assert damaged.since == damaged.heard  # of before nothing is known


@pytest.mark.parametrize(
    "line",
    [
        '{"told": [], "moved": [[7, "l9", true]]}',
        '{"told": [], "moved": [["192.0.2.9", 7, true]]}',
        '{"told": [], "moved": [["192.0.2.9", "\\ud800", true]]}',
        '{"told": [], "moved": [["\\ud800", "l9", true]]}',
        '{"told": [{"kind": "stop", "blocks": [5]}], "moved": []}',
        "[" * 100_000,
        "\0" * (17 << 20),
    ],
)
def test_a_damaged_entry_harms_no_other(tmp_path: Path, line: str) -> None:
    journal = BindingJournal(tmp_path)
    journal.begin(NOW)
    with (tmp_path / FILE).open("a") as file:
        file.write(line + "\n")
    journal.append(entry("l1"))
    assert list(journal.read()) == [entry("l1")]
