"""Notes that an older version stored are still shown in the reader's language."""

from __future__ import annotations

import pytest

from copdns.appeals.list_errors import NOTE
from copdns.appeals.opening import _AFTER_A_REQUEST, _MEANWHILE
from copdns.model.household import Band
from copdns.words.former_notes import NOW, note_now
from tests.unit.households import shipped


@pytest.mark.parametrize(("before", "now"), NOW.items())
def test_a_note_of_before_is_one_that_is_written_now(before: str, now: str) -> None:
    written = {line.why for band in Band for line in shipped(band).lines}
    assert now in written | {NOTE, _MEANWHILE, _AFTER_A_REQUEST}
    assert note_now(before) == now != before


@pytest.mark.parametrize("note", ["", "Because Ada said so."])
def test_what_a_person_wrote_stays_as_it_is(note: str) -> None:
    assert note_now(note) == note
