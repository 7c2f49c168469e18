"""Lists of other people in the running program: they come, and broken ones stay out."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from copdns.list_files.copies import Copies
from copdns.list_files.versions import Versions
from tests.e2e.house import LONG, House, eventually, house
from tests.list_server import End, ListServer, list_server
from tests.running import READY

CHESS, CARDS = "www.chess.example", "www.solitaire.example"
NOT_YET = "not fully protected yet"
FAMILY = {
    "household": "Example family",
    "profiles": {
        "mia": {"name": "Mia", "band": "7-9", "categories": ["games"], "devices": {"t": ["::1"]}},
        "tom": {"name": "Tom", "band": "13-15", "devices": {"p": ["127.0.0.1"]}},
    },
}


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server() as made:
        yield made


@contextmanager
def home(folder: Path, server: ListServer, *slugs: str) -> Iterator[House]:
    """Start the family, for whom lists of games are to be fetched; Tom asks from 127.0.0.1."""
    form = {"category": "games", "format": "domains", "match": "subtree"}
    own: list[dict[str, Any]] = [
        {"slug": slug, "url": server.url(f"/{slug}"), **form} for slug in slugs
    ]
    people = {**FAMILY["profiles"], "tom": {**FAMILY["profiles"]["tom"], "categories": ["games"]}}
    with house(folder, {"sources": {"own": own}}, {**FAMILY, "profiles": people}) as made:
        yield made


def is_blocked(house: House, name: str) -> bool:
    return house.ask(name).data == []


def test_a_first_start_answers_at_once_and_says_so_until_all_lists_are_here(
    tmp_path: Path, server: ListServer
) -> None:
    server.put("/toys", "chess.example\n")
    server.open.clear()
    with home(tmp_path, server, "toys", "cards") as made:
        assert f"{NOT_YET}: 2 of 2" in made.program.get("/readyz")
        assert not is_blocked(made, CHESS)
        server.open.set()
        eventually(lambda: is_blocked(made, CHESS), within=LONG)
        assert (f"{NOT_YET}: 1 of 2 lists is not downloaded yet (cards)") in made.program.get(
            "/readyz"
        )
        assert made.metrics()["copdns_lists_absent"] == 1
        server.put("/cards", "solitaire.example\n")
        made.command("lists", "update", "cards")
        eventually(lambda: is_blocked(made, CARDS), within=LONG)
        assert made.program.get("/readyz") == READY
        assert made.metrics()["copdns_lists_absent"] == 0
        code, said = made.program.stop()
    assert (code, "Traceback" in said) == (0, False)
    assert said.count(f'{NOT_YET}: 1 of 2 lists is not downloaded yet (cards)"') == 1
    assert '"all lists are downloaded"' in said


def test_a_second_start_blocks_from_the_first_answer_on_without_any_server(
    tmp_path: Path, server: ListServer
) -> None:
    server.put("/toys", "chess.example\n")
    with home(tmp_path, server, "toys") as made:
        eventually(lambda: is_blocked(made, CHESS), within=LONG)
    server.pages.clear()
    with home(tmp_path, server, "toys") as made:
        assert is_blocked(made, CHESS)
        assert made.program.get("/readyz") == READY


def test_a_server_that_breaks_changes_nothing(tmp_path: Path, server: ListServer) -> None:
    server.put("/toys", "chess.example\n")
    with home(tmp_path, server, "toys") as made:
        eventually(lambda: is_blocked(made, CHESS), within=LONG)
        server.put("/toys", "<!doctype html>")
        done = made.program.command("lists", "update")
        assert done.returncode == 1
        assert "a web page" in done.stdout
        assert is_blocked(made, CHESS)
        eventually(lambda: made.metrics()["copdns_lists_failing"] == 1)
        assert " ago: this is a web page" in made.command("lists", "status")


def test_a_version_that_differs_too_much_is_told_and_waits(
    tmp_path: Path, server: ListServer
) -> None:
    server.put("/toys", "chess.example\n")
    with home(tmp_path, server, "toys") as made:
        eventually(lambda: is_blocked(made, CHESS), within=LONG)
        server.put("/toys", "".join(f"n{n}.example\n" for n in range(50)))
        assert "toys  held" in made.command("lists", "update")
        versions = Versions(Copies(tmp_path / "data"))

        def is_told() -> bool:
            held = versions.book("toys").held
            return held is not None and held.is_told

        eventually(is_told, within=LONG)
        assert is_blocked(made, CHESS)
        assert not is_blocked(made, "n7.example")
        made.command("lists", "accept", "toys")
        eventually(lambda: is_blocked(made, "n7.example"), within=LONG)
        assert not is_blocked(made, CHESS)
        _, said = made.program.stop()
    assert said.count('"list held"') == 1


def test_a_program_that_is_killed_while_a_list_comes_starts_again_with_the_old_copy(
    tmp_path: Path, server: ListServer
) -> None:
    server.put("/toys", "chess.example\n")
    with home(tmp_path, server, "toys") as made:
        eventually(lambda: is_blocked(made, CHESS), within=LONG)
    copies = Copies(tmp_path / "data")
    server.put("/cards", "solitaire.example\n" * 1000, end=End.SILENT)
    with home(tmp_path, server, "toys", "cards") as made:
        assert server.begun.wait(30)
        os.kill(made.program.process.pid, signal.SIGKILL)
        made.program.process.wait()
    assert copies.text_path("toys").read_text() == "chess.example\n"
    assert not copies.state("cards").has_copy
    server.put("/cards", "solitaire.example\n")
    with home(tmp_path, server, "toys", "cards") as made:
        assert is_blocked(made, CHESS)
        eventually(lambda: is_blocked(made, CARDS), within=LONG)


def test_a_list_that_the_settings_name_now_is_fetched_after_a_reload(
    tmp_path: Path, server: ListServer
) -> None:
    server.put("/toys", "chess.example\n")
    with home(tmp_path, server) as made:
        text = (tmp_path / "copdns.yaml").read_text()
        one = f'{{"slug": "toys", "url": "{server.url("/toys")}", "category": "games", '
        one += '"format": "domains", "match": "subtree"}'
        assert '"own": []' in text
        (tmp_path / "copdns.yaml").write_text(text.replace('"own": []', f'"own": [{one}]'))
        assert not is_blocked(made, CHESS)
        made.program.reload()
        eventually(lambda: is_blocked(made, CHESS), within=LONG)


def test_a_stop_while_a_list_comes_is_a_stop_in_good_order(
    tmp_path: Path, server: ListServer
) -> None:
    server.put("/toys", "chess.example\n" * 1000, end=End.SILENT)
    with home(tmp_path, server, "toys") as made:
        assert server.begun.wait(30)
        code, said = made.program.stop()
    assert (code, "Traceback" in said) == (0, False)
    assert '"stopped"' in said
    assert sorted(each.name for each in (tmp_path / "data" / "lists").iterdir()) == ["lock"]
