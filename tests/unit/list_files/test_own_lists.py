"""The lists that a household pasted, as they are kept on disk."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from copdns.list_files.facts_store import FactsStore
from copdns.list_files.load import load_catalogue
from copdns.list_files.own_list_edits import Kept, Wanted, keep_list, remove_list, report_lines
from copdns.list_files.own_lists import OwnLists, read_dumped
from copdns.lists.own_lists import MAX_LISTS, LineOutcome, OwnChange, OwnList
from copdns.lists.parse import ListFormat
from copdns.model.errors import BackupError, HouseholdError, ListError
from copdns.model.household import Household
from copdns.model.matchers import MatchKind
from tests.household import MIA, family, library
from tests.unit.list_files.test_facts_store import NOW, PUBLIC, add, bundle

HOUSE = family(MIA)
CATALOGUE = library(categories={"games": ["games.example"]}, services={"tube": []})
OWN = OwnList("boards", "Boards", "games", ListFormat.DOMAINS, MatchKind.SUBTREE, 7)


@pytest.fixture
def kept(tmp_path: Path) -> OwnLists:
    return OwnLists(tmp_path)


def keep(
    kept: OwnLists, title: str = "Board games", text: str = "chess.example", category: str = ""
) -> Kept:
    return keep_list(kept, Wanted(title, category, text), CATALOGUE, HOUSE, 7)


def test_without_a_list_nothing_is_there(kept: OwnLists) -> None:
    assert kept.all() == ()
    assert kept.sources() == ()
    assert not kept.folder.exists()


def test_a_list_is_kept_with_its_text_and_follows_its_edits(kept: OwnLists) -> None:
    kept.put(OWN, "chess.example\n")
    again = OwnLists(kept.folder.parent)
    assert again.all() == (OWN,)
    assert again.text("boards") == "chess.example\n"
    (before,) = again.sources()
    kept.put(replace(OWN, title="More"), "chess.example\ngo.example\n")
    (after,) = again.sources()
    assert after.title == "More"
    assert after.path != before.path  # so what is compiled follows
    assert not Path(before.path).exists()
    assert Path(after.path).read_text() == "chess.example\ngo.example\n"
    kept.remove("boards")
    kept.remove("boards")
    assert again.all() == ()
    assert not list(kept.folder.glob("*.txt"))


def test_it_is_one_of_the_lists_and_its_own_category_has_its_name(kept: OwnLists) -> None:
    found = keep(kept)
    assert (found.own.slug, found.own.category) == ("board-games", "board-games")
    catalogue = load_catalogue(kept.sources())
    assert catalogue.categories["board-games"].title == "Board games"
    (entry,) = catalogue.index.find("a.chess.example")
    assert catalogue.index.infos[entry.list].slug == "board-games"


def test_a_slug_that_another_list_or_category_has_is_not_taken(kept: OwnLists) -> None:
    assert keep(kept, "Games").own.slug == "games-2"
    assert keep(kept, "Tube").own.slug == "tube-2"
    assert keep(kept, "Ut1 vpn").own.slug == "ut1-vpn-2"
    assert keep(kept, "字").own.slug == "list"


def test_what_cannot_be_a_list_is_refused_and_nothing_is_kept(kept: OwnLists) -> None:
    for values in (
        {"title": " "},
        {"title": "x" * 61},
        {"text": "what is this"},
        {"category": "nothing"},
        {"category": "tube"},
    ):
        with pytest.raises(HouseholdError):
            keep(kept, **values)
    assert kept.all() == ()


def test_a_line_is_held_against_the_facts_in_force(kept: OwnLists) -> None:
    text = "newhelp.example\nchess.example\n"
    found = keep(kept, text=text)
    assert [each.outcome for each in found.lines] == [LineOutcome.TAKEN] * 2
    FactsStore(kept.folder.parent).receive(bundle(add), [PUBLIC], NOW)
    lines = report_lines(kept, found.own, text)
    assert [each.outcome for each in lines] == [LineOutcome.REFUSED, LineOutcome.TAKEN]


def test_there_are_twenty_at_most_but_those_can_be_changed(kept: OwnLists) -> None:
    for n in range(MAX_LISTS):
        kept.put(replace(OWN, slug=f"l{n}"), "chess.example\n")
    with pytest.raises(HouseholdError):
        kept.put(replace(OWN, slug="more"), "chess.example\n")
    kept.put(replace(OWN, slug="l3"), "go.example\n")
    assert kept.text("l3") == "go.example\n"


def test_a_list_whose_category_something_uses_stays(kept: OwnLists) -> None:
    own = keep(kept).own
    house: Household = family(replace(MIA, categories=frozenset({"board-games"})))
    with pytest.raises(HouseholdError, match="Mia"):
        remove_list(kept, house, own)
    with pytest.raises(HouseholdError, match="Mia"):
        keep_list(kept, Wanted("B", "games", "go.example"), CATALOGUE, house, 7, own)
    keep_list(kept, Wanted("B", own.slug, "go.example"), CATALOGUE, house, 7, own)
    remove_list(kept, HOUSE, own)
    assert kept.all() == ()


@pytest.mark.parametrize("broken", ["", "[]", '{"lists": [{}]}', '{"lists": [{"slug": "../x"}]}'])
def test_a_damaged_book_is_told_and_never_counts_as_empty(kept: OwnLists, broken: str) -> None:
    kept.put(OWN, "chess.example\n")
    for name in ("book.json", "book.copy"):
        (kept.folder / name).write_text(broken)
    with pytest.raises(ListError):
        kept.all()
    with pytest.raises(HouseholdError):
        kept.put(OWN, "go.example\n")
    assert len(list(kept.folder.glob("*.txt"))) == 1


def test_a_text_that_is_gone_is_told(kept: OwnLists) -> None:
    kept.put(OWN, "chess.example\n")
    kept.put(replace(OWN, slug="more"), "go.example\n")
    for path in kept.folder.glob("boards-*"):
        path.unlink()
    with pytest.raises(ListError):
        kept.text("boards")
    assert "own-lists/boards-" in kept.damage()
    kept.mend()
    assert [each.slug for each in kept.sources()] == ["more"]  # the others go on


@pytest.mark.parametrize("name", ["book.json", "book.copy", "boards-*.txt", "boards-*.copy"])
def test_damage_to_one_file_loses_nothing_and_is_mended(kept: OwnLists, name: str) -> None:
    kept.put(OWN, "chess.example\n")
    written = {each: each.read_bytes() for each in kept.folder.iterdir()}
    (path,) = kept.folder.glob(name)
    # A word that still is one, an octet that is none, half of it, nothing.
    octets = written[path]
    some = bytearray(octets)
    some[octets.index(b"e")] ^= 0x10
    for damaged in (bytes(some), octets[:9] + b"\xff" + octets[10:], octets[:-9], b""):
        path.write_bytes(damaged)
        assert kept.all() == (OWN,)
        assert kept.text("boards") == "chess.example\n"
        assert Path(kept.sources()[0].path).read_text() == "chess.example\n"
        kept.mend()
        assert {each: each.read_bytes() for each in kept.folder.iterdir()} == written
    path.unlink()
    kept.mend()
    assert {each: each.read_bytes() for each in kept.folder.iterdir()} == written


def test_a_text_stays_as_it_was_sent(kept: OwnLists) -> None:
    """Also one of a backup, which was not tidied here."""
    kept.restore([(OWN, "chess.example\r\ngo.example")])
    assert kept.text("boards") == "chess.example\r\ngo.example"


def test_all_of_them_come_back_from_a_backup(kept: OwnLists, tmp_path: Path) -> None:
    kept.put(OWN, "chess.example\n")
    dumped = kept.dump()
    other = OwnLists(tmp_path / "other")
    (tmp_path / "other").mkdir()
    other.put(replace(OWN, slug="gone"), "go.example\n")
    other.restore(read_dumped(dumped))
    assert other.all() == (OWN,)
    assert other.text("boards") == "chess.example\n"


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[]",
        '{"lists": [1]}',
        json.dumps({"lists": [{"slug": "a", "title": "b"}]}),
        json.dumps({"lists": [{**asdict(OWN), "text": "chess.example\ud800"}]}),
        json.dumps({"lists": [{**asdict(OWN), "text": "", "changed_at": float("inf")}]}),
    ],
)
def test_a_damaged_backup_is_refused(broken: str) -> None:
    with pytest.raises(BackupError):
        read_dumped(broken)


def test_a_backup_of_too_much_is_refused(kept: OwnLists) -> None:
    kept.put(OWN, "chess.example\n")
    found = json.loads(kept.dump())
    found["lists"][0]["text"] = "x" * 300_000
    with pytest.raises(BackupError):
        read_dumped(json.dumps(found))


def test_what_is_damaged_twice_is_not_written_each_minute(kept: OwnLists) -> None:
    kept.put(OWN, "chess.example\n")
    for each in kept.folder.glob("boards-*"):
        each.write_text("damaged")
    before = kept.mark()
    kept.mend()
    assert kept.mark() == before


def test_the_book_of_no_list_is_mended_too(kept: OwnLists) -> None:
    kept.put(OWN, "chess.example\n")
    kept.remove("boards")
    for name in ("book.copy", "book.json"):  # the second one has only the first to be read from
        (kept.folder / name).write_text("{")
        kept.mend()
    assert kept.all() == ()


@pytest.mark.parametrize("title", ["Mia's games", "Not for MIA", "Mias Spiele", "mia"])
def test_a_slug_that_answers_name_is_nobodys_name(kept: OwnLists, title: str) -> None:
    """The plain text of an extended error has it, in clear text (docs/reasons.md)."""
    own = keep(kept, title).own
    assert (own.slug, own.title) == ("list", title)
    assert keep(kept, "Miami").own.slug == "miami"


def test_a_change_is_taken_back_only_where_nobody_made_another_one(kept: OwnLists) -> None:
    kept.put(OWN, "chess.example\n")
    first, second = (OWN, "chess.example\n"), (replace(OWN, changed_at=8), "go.example\n")
    kept.put(*second)
    OwnLists(kept.folder.parent).put(replace(OWN, changed_at=9), "poker.example\n")
    with pytest.raises(HouseholdError, match="no longer be undone"):
        kept.take_back(OwnChange(first, second))
    assert kept.text("boards") == "poker.example\n"
    kept.put(*second)
    kept.take_back(OwnChange(first, second))
    assert (kept.all(), kept.text("boards")) == ((OWN,), "chess.example\n")
    kept.take_back(OwnChange(None, first))
    assert kept.all() == ()
    kept.take_back(OwnChange(first, None))
    assert kept.text("boards") == "chess.example\n"


def test_without_both_files_of_the_book_the_texts_stay(kept: OwnLists) -> None:
    kept.put(OWN, "chess.example\n")
    for name in ("book.json", "book.copy"):
        (kept.folder / name).unlink()
    kept.put(replace(OWN, slug="more"), "go.example\n")
    assert len(list(kept.folder.glob("boards-*"))) == 2
