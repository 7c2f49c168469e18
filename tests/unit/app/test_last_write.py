"""What a program keeps of the one that writes addresses, over a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from copdns.app.node.last_write import NOTE_EVERY, LastWrite
from copdns.store.postgres.lines import UNKNOWN, Writer

WRITER = Writer(10.0, "7 7 00000001", 3, 4)


@pytest.mark.parametrize("waits", [True, False])
def test_what_was_seen_is_there_after_a_start(tmp_path: Path, waits: bool) -> None:
    path = tmp_path / "data" / "seen.json"
    last = LastWrite(path, waits=waits)
    assert last.writer == UNKNOWN
    last.note(WRITER)
    last.note(WRITER._replace(at=10.0 + NOTE_EVERY / 2))
    assert LastWrite(path).writer == WRITER
    later = WRITER._replace(at=10.0 + NOTE_EVERY)
    last.note(later)
    assert LastWrite(path).writer == later
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_read_is_told_of_and_none_is_usual(tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    with capture_logs() as logged:
        assert LastWrite(path).writer == UNKNOWN
        assert logged == []
        path.write_bytes(b"")
        assert LastWrite(path).writer == UNKNOWN
    (line,) = logged
    assert (line["log_level"], "cannot be read" in line["event"]) == ("warning", True)
