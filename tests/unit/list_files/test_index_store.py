"""Tests of having lists at hand: what is compiled once is mapped, what is not is compiled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.list_files import index_store
from copdns.list_files.index_store import IndexStore, index_key
from copdns.lists import catalogue
from copdns.lists.catalogue import Catalogue
from copdns.lists.index import DictIndex, ListKind
from copdns.lists.source import ListSource
from copdns.lists.trie import MappedIndex
from copdns.model.errors import ListError


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_store, "MAX_UNCOMPILED", 0)


@pytest.fixture
def shelf(tmp_path: Path) -> IndexStore:
    return IndexStore(tmp_path)


@pytest.fixture
def games(tmp_path: Path) -> ListSource:
    path = tmp_path / "games.txt"
    path.write_text("toys.example\n")
    return ListSource("mine", "games", "domains", "subtree", path=str(path))


def blocks(library: Catalogue, qname: str) -> bool:
    infos = library.index.infos
    return any(infos[entry.list].slug == "mine" for entry in library.index.find(qname))


def files(shelf: IndexStore) -> list[str]:
    return sorted(path.name for path in shelf.folder.iterdir())


async def test_the_category_of_a_list_that_is_not_compiled_yet_is_known(
    shelf: IndexStore, games: ListSource
) -> None:
    first = shelf.load_available([replace(games, category="toys")])
    assert not first.is_current
    assert "toys" in first.catalogue.categories


async def test_what_is_compiled_is_at_hand_at_the_next_start(
    shelf: IndexStore, games: ListSource
) -> None:
    first = shelf.load_available([games])
    assert not first.is_current
    assert not blocks(first.catalogue, "toys.example")
    compiled = await shelf.compile([games])
    assert compiled.is_current
    assert compiled.key == first.key
    again = shelf.load_available([games])
    assert again.is_current
    assert isinstance(again.catalogue.index, MappedIndex)
    assert blocks(again.catalogue, "www.toys.example")
    assert again.catalogue.statuses[-1].used_count == 1


async def test_the_lists_that_ship_are_in_an_index_too(
    shelf: IndexStore, games: ListSource
) -> None:
    library = (await shelf.compile([games])).catalogue
    read = shelf.read([])
    for info in read.index.infos:
        assert library.index.infos[info.number] == info
    assert library.index.open_below == read.index.open_below
    assert library.services == read.services


async def test_until_a_changed_list_is_compiled_the_one_before_counts(
    shelf: IndexStore, games: ListSource
) -> None:
    await shelf.compile([games])
    Path(games.path).write_text("cards.example\n")
    between = shelf.load_available([games])
    assert not between.is_current
    assert blocks(between.catalogue, "toys.example")
    after = await shelf.compile([games])
    assert blocks(after.catalogue, "cards.example")
    assert not blocks(after.catalogue, "toys.example")


async def test_other_protected_groups_make_an_older_index_useless(
    shelf: IndexStore, games: ListSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.compile([games])
    Path(games.path).write_text("cards.example\n")

    def with_one_group_more(*arguments: object) -> Catalogue:
        library = catalogue.build_catalogue(*arguments)  # type: ignore[arg-type]
        group = replace(next(iter(library.protected.values())), slug="new")
        return replace(library, protected={**library.protected, "new": group})

    monkeypatch.setattr(index_store, "build_catalogue", with_one_group_more)
    assert not blocks(shelf.load_available([games]).catalogue, "toys.example")


async def test_a_torn_index_is_told_of_and_made_anew(shelf: IndexStore, games: ListSource) -> None:
    await shelf.compile([games])
    (path,) = shelf.folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    found = shelf.load_available([games])
    assert not found.is_current
    assert str(path) in found.problems[0]
    assert blocks((await shelf.compile([games])).catalogue, "toys.example")
    assert path.read_bytes() == whole


async def test_a_broken_list_does_not_keep_the_others_out(
    shelf: IndexStore, games: ListSource, tmp_path: Path
) -> None:
    gone = replace(games, slug="gone", path=str(tmp_path / "gone.txt"))
    library = (await shelf.compile([gone, games])).catalogue
    assert blocks(library, "toys.example")
    assert "No such file" in library.statuses[-2].error


def test_a_small_list_is_read_at_once(
    shelf: IndexStore, games: ListSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_store, "MAX_UNCOMPILED", 100)
    found = shelf.load_available([games])
    assert found.is_current
    assert isinstance(found.catalogue.index, DictIndex)
    assert blocks(found.catalogue, "toys.example")
    assert not shelf.folder.exists()


def test_a_command_reads_any_list_and_writes_nothing(shelf: IndexStore, games: ListSource) -> None:
    assert blocks(shelf.read([games]), "toys.example")
    assert not shelf.folder.exists()


async def test_a_command_uses_what_is_compiled(shelf: IndexStore, games: ListSource) -> None:
    await shelf.compile([games])
    os.truncate(games.path, 0)
    os.utime(games.path, ns=(0, 0))
    kept = index_key([games])
    (path,) = shelf.folder.iterdir()
    path.rename(path.with_stem(kept))
    assert blocks(shelf.read([games]), "toys.example")


async def test_old_indexes_go_and_the_one_in_use_stays(
    shelf: IndexStore, games: ListSource
) -> None:
    await shelf.compile([games])
    Path(games.path).write_text("cards.example\n")
    after = await shelf.compile([games])
    (shelf.folder / "left.part").touch()
    assert len(files(shelf)) == 3
    shelf.clear(after.key)
    assert files(shelf) == [f"{after.key}.index"]


async def test_a_compile_that_fails_says_why_and_leaves_what_there_was(
    shelf: IndexStore, games: ListSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.compile([games])
    before = files(shelf)
    monkeypatch.setattr(index_store, "memory_limit", lambda _octets: 64 << 20)
    Path(games.path).write_text("\n".join(f"{number}.example" for number in range(500_000)))
    assert "has yet to compile" in str(shelf.find_uncompiled([games]))
    with pytest.raises(ListError, match="the lists need more than 64 MiB"):
        await shelf.compile([games])
    assert files(shelf) == ["failed.json", *before] or files(shelf) == [*before, "failed.json"]
    waiting = shelf.find_uncompiled([games])
    assert waiting is not None
    assert blocks(waiting.catalogue, "toys.example")
    assert ("so the previous ones stay active: mine (the lists were not compiled: the") in str(
        waiting
    )


async def test_what_is_compiled_waits_for_nothing_and_forgets_a_failure_of_before(
    shelf: IndexStore, games: ListSource
) -> None:
    assert shelf.find_uncompiled([games]) is None  # nothing was ever compiled
    found = await shelf.compile([games])
    (shelf.folder / "failed.json").write_text("no JSON")
    assert shelf.find_uncompiled([games]) is None
    shelf.clear(found.key)
    assert files(shelf) == [f"{found.key}.index"]


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, games: ListSource) -> None:
    (tmp_path / "lists").write_text("a file in the way")
    with pytest.raises(ListError, match="lists/index: "):
        await IndexStore(tmp_path).compile([games])


def changes(source: ListSource) -> Iterator[ListSource]:
    path = Path(source.path)
    yield replace(source, category="adult")
    yield replace(source, match="exact")
    yield replace(source, title="Toys")
    yield replace(source, error="never fetched")
    yield replace(source, path=str(path.with_name("gone.txt")))
    path.write_text("toys.example\ncards.example\n")
    yield source
    path.write_text("toys.example\nbooks.example\n")
    os.utime(path, ns=(5, 5))
    yield source


def test_the_key_changes_with_whatever_an_index_is_made_from(
    games: ListSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [index_key([]), index_key([games]), index_key([games, games])]
    keys += [index_key([changed]) for changed in changes(games)]
    for name, value in (("FORMAT", 0), ("__version__", "0.0")):
        monkeypatch.setattr(index_store, name, value)
        keys.append(index_key([games]))
    assert len({*keys}) == len(keys)


@pytest.mark.parametrize("module", ["parse.py", "line.py", "merge.py"])
def test_the_key_changes_with_the_code_that_reads_lists(
    games: ListSource, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    before, mark = index_key([games]), index_store._mark
    monkeypatch.setattr(
        index_store, "_mark", lambda path: "other" if path.name == module else mark(path)
    )
    assert index_key([games]) != before


def test_the_key_changes_with_nothing_else(games: ListSource) -> None:
    assert index_key([games]) == index_key([replace(games, fetched_at=1_774_800_000)])


def test_every_kind_of_list_that_ships_is_compiled(shelf: IndexStore) -> None:
    kinds = {info.kind for info in shelf.read([]).index.infos}
    assert kinds == {*ListKind} - {ListKind.LOCAL, ListKind.LEGAL}
