"""What the real program does with the answers for help names that its last run left in a file."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from copdns.app.help_chores import FILE
from tests.e2e.curious import ADDRESS, help_file, home_with_help
from tests.e2e.house import TOM
from tests.upstream_server import ADDRESS as FETCHED
from tests.upstream_server import silent


def test_after_a_start_help_resolves_though_no_upstream_answers(tmp_path: Path) -> None:
    with home_with_help(tmp_path, {"": silent}) as home:
        for name in ("www.childline.org.uk", "childline.org.uk", "147.ch"):
            assert home.ask(name).data == [ADDRESS]
            assert home.ask(name, source=TOM, over_tcp=True).data == [ADDRESS]
        assert home.ask("book.example").rcode == "SERVFAIL"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda file: file[:-1], id="cut"),
        pytest.param(lambda file: file.replace(b"childline", b"childlime"), id="changed"),
        pytest.param(lambda file: b"", id="empty"),
    ],
)
def test_a_damaged_file_of_help_answers_is_told_and_help_is_fetched(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    with home_with_help(tmp_path, file=damage(help_file())) as home:
        assert home.ask("www.childline.org.uk").data == [FETCHED]
        _, said = home.program.stop()
    assert str(tmp_path / "data" / FILE) in said
    assert "are ignored" in said


def test_a_program_that_stops_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "data" / FILE
    with home_with_help(tmp_path) as home:
        before = path.read_bytes()
        home.ask("www.childline.org.uk")
        assert home.program.stop()[0] == 0
        assert path.read_bytes() == before
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
