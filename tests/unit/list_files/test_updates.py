"""Lists beside the answering: fetched when due, in force once they are here, told while not."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from copdns.list_files.choose import AvailableLists
from copdns.list_files.copies import Copies
from copdns.list_files.updates import MAX_UNSETTLED_LOOKS, OWN_LISTS_DAMAGED, ListUpdater
from copdns.lists.download import HOUR
from copdns.lists.index import ListKind
from copdns.lists.small_index import Draft, build_index
from copdns.lists.source import ListSource, Source
from copdns.model.errors import HouseholdError, ListError
from copdns.model.matchers import MatchKind
from copdns.settings.config import Settings, SourceSettings
from tests.household import MIA, family, library
from tests.list_server import ListServer, list_server
from tests.unit.list_files.test_choose import source
from tests.unit.list_files.test_fetch import NOW, SMALL, TOYS

DAY = 24 * HOUR


class House:
    """A household that blocks games, and what an App does for its lists."""

    def __init__(self, data: Path, sources: Sequence[Source]) -> None:
        self.now = NOW
        self.settings = Settings(sources=SourceSettings(max_names=1000))
        mia = replace(MIA, categories=frozenset({"games"}), security=False)
        self.family = family(mia, guest="mia")
        self.lists = library(categories={"games": ()})
        self.compiled: list[list[str]] = []
        self.trouble = False
        self.told: list[str] = []
        self.copies = Copies(data)
        self.updates = ListUpdater(
            self.copies,
            AvailableLists(tuple(sources), frozenset(), {}),
            lambda: self.settings,
            lambda: [self.family],
            lambda: self.lists,
            lambda: self.now,
            self.swap,
            SMALL,
            self.told.append,
        )

    async def swap(self, here: Sequence[ListSource]) -> None:
        here = [each for each in here if not each.error]
        self.compiled.append([each.slug for each in here])
        if self.trouble:
            raise ListError("out of memory")
        texts = [(each, Path(each.path).read_text().split()) for each in here]
        drafts = [
            Draft(
                each.slug, ListKind.CATEGORY, "games", "", dict.fromkeys(names, MatchKind.SUBTREE)
            )
            for each, names in texts
        ]
        index, statuses = build_index(drafts)
        self.lists = replace(self.lists, index=index, statuses=statuses)

    async def look_twice(self) -> None:
        """What another process fetched is in force when a second look finds nothing new."""
        await self.updates.apply_available()
        await self.updates.apply_available()


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server() as made:
        yield made


def paths(server: ListServer) -> list[str]:
    return [each.path for each in server.asked]


async def house(tmp_path: Path, server: ListServer, *slugs: str, **fields: Any) -> House:
    """Return a house that began with these lists in its catalogue."""
    sources = [source(slug, url=server.url(f"/{slug}"), **fields) for slug in slugs]
    return await begun(House(tmp_path, sources))


async def begun(home: House) -> House:
    await home.updates.begin([home.family])
    return home


async def test_a_first_start_fetches_what_is_missing_and_says_so_until_it_is_in_force(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys", "cards")
    server.put("/toys", TOYS)
    await home.look_twice()
    assert "2 of 2 lists are not downloaded yet (toys, cards)" in home.updates.missing_text
    await home.updates.fetch()
    assert "1 of 2 lists is not downloaded yet (cards)" in home.updates.missing_text
    assert "1 of 2 lists is downloaded but not ready yet (toys)" in home.updates.missing_text
    await home.look_twice()
    assert "1 of 2 lists is not downloaded yet (cards)" in home.updates.missing_text
    server.put("/cards", "solitaire.example\n")
    home.now += 60
    await home.updates.fetch()
    await home.look_twice()
    assert home.updates.missing_text == ""
    assert home.compiled == [["toys"], ["toys", "cards"]]


async def test_a_damaged_file_of_own_lists_is_told_until_it_is_whole(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server)
    assert home.updates.own_warning == ""
    home.updates.own.folder.mkdir()
    book = home.updates.own.folder / "book.json"
    book.write_text("{")
    await home.updates.apply_available()
    assert home.updates.own_warning == OWN_LISTS_DAMAGED
    book.unlink()
    await home.updates.apply_available()
    assert home.updates.own_warning == ""


async def test_nothing_is_asked_before_it_is_due(tmp_path: Path, server: ListServer) -> None:
    home = await house(tmp_path, server, "toys")
    server.put("/toys", TOYS, headers={"ETag": '"1"'})
    for wait, asked in ((0.0, 1), (0.8 * DAY, 1), (0.2 * DAY, 2), (1.0, 2)):
        home.now += wait
        await home.updates.fetch()
        assert len(server.asked) == asked
    assert server.asked[-1].headers["If-None-Match"] == '"1"'


async def test_whoever_asks_has_it_looked_at_now_and_once_a_minute_at_most(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys")
    server.put("/toys", TOYS, headers={"ETag": '"1"'})
    for wait, asked in ((0.0, 1), (30.0, 1), (30.0, 2), (0.0, 2)):
        home.now += wait
        home.updates.request_fetch()
        assert home.updates.is_fetch_requested
        await home.updates.fetch()
        assert not home.updates.is_fetch_requested
        assert len(server.asked) == asked
    home.now += 3600
    await home.updates.fetch()
    assert len(server.asked) == 2, "what was asked for is done"


async def test_what_is_not_used_is_neither_fetched_nor_missed(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys", category="piracy")
    await home.updates.fetch()
    await home.look_twice()
    assert (paths(server), home.updates.missing_text) == ([], "")


async def test_a_change_of_the_household_is_followed(tmp_path: Path, server: ListServer) -> None:
    home = await house(tmp_path, server, "films", category="piracy")
    server.put("/films", TOYS)
    await home.updates.apply_available()
    mia = replace(MIA, categories=frozenset({"piracy"}), security=False)
    home.family = family(mia, guest="mia")
    await home.updates.apply_available()
    await home.updates.fetch()
    assert paths(server) == ["/films"]


async def test_a_copy_that_another_process_fetched_is_put_in_force(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys")
    other = await house(tmp_path, server, "toys")
    server.put("/toys", TOYS)
    await home.look_twice()
    await other.updates.fetch()
    await home.look_twice()
    assert home.compiled[-1] == ["toys"]
    await home.updates.fetch()  # and is not asked for once more
    assert paths(server) == ["/toys"]


async def test_a_process_that_fetches_has_the_right_of_way(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys")
    server.put("/toys", TOYS)
    with Copies(tmp_path).hold_lock(wait=False):
        await home.updates.fetch()
        assert paths(server) == []
    await home.updates.fetch()
    assert paths(server) == ["/toys"]


async def test_nothing_is_compiled_again_while_nothing_changes(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys")
    server.put("/toys", TOYS, headers={"ETag": '"1"'})
    await home.updates.fetch()
    await home.look_twice()
    home.now += DAY
    await home.updates.fetch()  # not changed
    await home.look_twice()
    assert home.compiled == [["toys"]]


async def test_lists_that_come_one_after_another_are_compiled_before_the_last(
    tmp_path: Path, server: ListServer
) -> None:
    home, other = await house(tmp_path, server, "toys"), await house(tmp_path, server, "toys")
    for count in range(MAX_UNSETTLED_LOOKS + 1):
        server.put("/toys", f"n{count}.example\n")
        other.now += DAY
        await other.updates.fetch()
        await home.updates.apply_available()
    assert len(home.compiled) == 1


async def test_what_was_fetched_here_is_in_force_at_once(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys")
    server.put("/toys", TOYS)
    await home.updates.fetch()
    await home.updates.apply_available()
    assert home.compiled == [["toys"]]


async def test_lists_that_cannot_be_compiled_are_not_tried_again_and_again(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys")
    server.put("/toys", TOYS)
    await home.updates.fetch()
    home.trouble = True
    with pytest.raises(ListError):
        await home.updates.apply_available()
    await home.look_twice()
    assert home.compiled == [["toys"]]
    assert "1 of 1" in home.updates.missing_text
    home.trouble = False
    server.put("/toys", "go.example\n")
    home.now += DAY
    await home.updates.fetch()
    await home.look_twice()
    assert home.updates.missing_text == ""


async def test_the_pauses_after_failures_grow_even_where_no_note_of_them_can_be_written(
    tmp_path: Path, server: ListServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    home = await house(tmp_path, server, "toys")
    server.put("/toys", TOYS)
    monkeypatch.setattr(home.copies, "_write_note", full)
    for wait, asked in ((0, 1), (2, 1), (60, 2), (60, 2), (120, 3), (180, 3), (360, 4)):
        home.now += wait
        await home.updates.fetch()
        await home.look_twice()
        assert len(server.asked) == asked
    monkeypatch.undo()
    home.now += 1620
    await home.updates.fetch()
    await home.look_twice()
    assert home.updates.missing_text == ""


async def test_where_no_folder_for_copies_can_be_made_that_is_told_once_and_nothing_is_asked(
    tmp_path: Path, server: ListServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lists").write_text("a file in the way")
    home = await house(tmp_path, server, "toys")
    for _ in range(3):
        await home.updates.apply_available()
        await home.updates.fetch()
        home.now += 2
    assert server.asked == []
    assert capsys.readouterr().out.count("a list could not be downloaded") == 1


async def test_monitoring_hears_of_age_size_and_failures(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys", "cards")
    server.put("/toys", TOYS)
    await home.updates.fetch()
    assert [each.is_failing for each in home.updates.metrics()] == [False, True]
    home.now += 5
    toys, cards = home.updates.metrics()
    assert toys == ("toys", 5.0, len(TOYS), False, False)
    assert cards == ("cards", None, 0, True, False)
    home.now += 5
    server.put("/toys", status=500)
    home.now += DAY
    await home.updates.fetch()
    assert home.updates.metrics()[0] == ("toys", DAY + 10, len(TOYS), True, False)


async def test_each_thing_is_told_once(
    tmp_path: Path, server: ListServer, capsys: pytest.CaptureFixture[str]
) -> None:
    toys, huge = source("toys", url=server.url("/toys")), source("huge", names=1001)
    home = await begun(House(tmp_path, [toys, huge]))
    server.put("/toys", TOYS)
    for _ in range(3):
        await home.updates.apply_available()
        await home.updates.fetch()
    await home.look_twice()
    said = capsys.readouterr().out
    assert said.count("not fully protected yet") == 1
    assert said.count("too large for this machine") == 1
    assert said.count("a list was downloaded") == 1
    assert said.count("all lists are downloaded") == 1


# --- versions ------------------------------------------------------------------------------------


def many(*counts: int) -> str:
    return "".join(f"n{n}.example\n" for n in range(*counts))


async def test_a_held_version_is_told_once_and_by_the_next_start_no_more(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys")
    for text in (many(100), many(200)):
        server.put("/toys", text)
        await home.updates.fetch()
        await home.look_twice()
        home.now += DAY
    assert home.told == ["toys"]
    assert home.updates.held_versions["toys"].diff.added == 100
    assert home.compiled == [["toys"]]
    await home.updates.fetch()
    await home.look_twice()
    again = await house(tmp_path, server, "toys")
    await again.look_twice()
    assert (home.told, again.told, list(again.updates.held_versions)) == (["toys"], [], ["toys"])
    await again.updates.decide(lambda versions: versions.accept("toys"))
    assert again.updates.held_versions == {}
    await again.look_twice()
    assert list(again.lists.index.find("n150.example"))
    assert again.compiled == [["toys"]], "the new one; the old one was in force at the start"


async def test_nobody_decides_while_lists_are_fetched(tmp_path: Path, server: ListServer) -> None:
    home = await house(tmp_path, server, "toys")
    with (
        Copies(tmp_path).hold_lock(wait=False),
        pytest.raises(HouseholdError, match="try again in a minute"),
    ):
        await home.updates.decide(lambda versions: versions.accept("toys"))


async def test_a_copy_that_is_gone_comes_back_without_a_server(
    tmp_path: Path, server: ListServer
) -> None:
    home = await house(tmp_path, server, "toys")
    server.put("/toys", TOYS)
    await home.updates.fetch()
    await home.look_twice()
    home.copies.text_path("toys").unlink()
    await home.look_twice()
    assert home.copies.text_path("toys").read_text() == TOYS
    assert home.updates.missing_text == ""
    assert len(server.asked) == 1
