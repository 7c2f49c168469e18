"""Versions on disk: none is lost, whatever stops the program, and each decision holds."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from copdns.household.presets import Preset
from copdns.list_files.copies import PACKED, TEXT, Copies
from copdns.list_files.load import bundled_presets
from copdns.list_files.versions import KEPT, Versions, vouched_names
from copdns.lists.download import CopyState, CopySummary, after_fetch
from copdns.lists.version_book import HeldVersion, version_id
from copdns.lists.versions import HoldReason, VersionDiff
from copdns.model.errors import FetchError, HouseholdError
from copdns.model.household import Rule, RuleAction
from copdns.model.matchers import Matcher
from tests.household import family

NOW = 1_800_000_000.0
URL = "https://lists.example/toys"


class Shelf:
    """The versions of one list.  texts: by what a test calls them: their letter."""

    def __init__(self, data: Path, slug: str = "toys") -> None:
        self.slug = slug
        self.copies = Copies(data)
        self.versions = Versions(self.copies)

    def arrive(self, letter: str) -> CopyState:
        """Let a version lie there as the fetcher leaves it: unpacked, and compressed."""
        octets = f"{letter}.example\n".encode()
        self.copies.scratch_path(self.slug, TEXT).write_bytes(octets)
        self.copies.scratch_path(self.slug, PACKED).write_bytes(gzip.compress(octets, mtime=0))
        copy = CopySummary(len(octets), hashlib.sha256(octets).hexdigest(), 1, 1)
        return after_fetch(URL, {"ETag": f'"{letter}"'}, copy, NOW + ord(letter))

    def take(self, letter: str) -> CopyState:
        before, state = self.copies.state(self.slug), self.arrive(letter)
        self.versions.take(self.slug, before, state)
        return state

    def hold(self, letter: str, **fields: Any) -> HeldVersion:
        state = self.arrive(letter)
        held = HeldVersion(state, (HoldReason.GROWTH,), VersionDiff(added=7), NOW, **fields)
        self.versions.hold(self.slug, self.copies.state(self.slug), held)
        self.copies.clear(self.slug)
        return held

    @property
    def in_force(self) -> str:
        """The letter of the version in force, "" where its text and its state do not fit."""
        if self.copies.digest(self.slug) != self.copies.state(self.slug).sha256:
            return ""
        return self.copies.text_path(self.slug).read_text()[:1]

    @property
    def held(self) -> str:
        """The letter of the version that is held; "" for none, and for one without its text."""
        held = self.versions.book(self.slug).held
        if held is None:
            return ""
        with suppress(OSError, EOFError, gzip.BadGzipFile):
            return gzip.decompress(
                self.versions.packed_path(self.slug, held.state).read_bytes()
            ).decode()[:1]
        return ""

    @property
    def earlier(self) -> str:
        states = self.versions.earlier(self.slug)
        texts = [self.versions.packed_path(self.slug, each).read_bytes() for each in states]
        return "".join(gzip.decompress(each).decode()[:1] for each in texts)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path)
    with made.copies.hold_lock(wait=False):
        return made


def test_the_last_three_versions_are_kept(shelf: Shelf) -> None:
    for letter in "abcdef":
        shelf.take(letter)
    assert (shelf.in_force, shelf.earlier) == ("f", "edc")
    assert len(list((shelf.copies.folder / "versions" / "toys").glob("*.gz"))) == KEPT + 1


def test_a_held_version_changes_nothing_until_it_is_accepted(shelf: Shelf) -> None:
    shelf.take("a")
    held = shelf.hold("b")
    assert (shelf.in_force, shelf.held) == ("a", "b")
    assert shelf.versions.held_versions(["toys", "other"]) == {"toys": held}
    assert shelf.versions.accept("toys", held.version) == held.state
    assert (shelf.in_force, shelf.held, shelf.earlier) == ("b", "", "a")
    assert shelf.copies.state("toys") == held.state


def test_a_refused_version_is_known_again(shelf: Shelf) -> None:
    shelf.take("a")
    held = shelf.hold("b")
    assert version_id(shelf.versions.refuse("toys")) == version_id(shelf.copies.state("toys"))
    assert (shelf.in_force, shelf.held) == ("a", "")
    assert shelf.versions.book("toys").refused == (held.state.sha256,)


def test_a_decision_is_about_the_version_that_was_looked_at(shelf: Shelf) -> None:
    shelf.take("a")
    looked_at = shelf.hold("b").version
    shelf.hold("c")
    for decide in (shelf.versions.accept, shelf.versions.refuse):
        with pytest.raises(HouseholdError, match="a newer version of the list toys came"):
            decide("toys", looked_at)
    assert (shelf.in_force, shelf.held) == ("a", "c")
    shelf.versions.accept("toys")
    with pytest.raises(HouseholdError, match="no version of the list toys is waiting"):
        shelf.versions.accept("toys")


def test_going_back_goes_one_version_further_each_time(shelf: Shelf) -> None:
    for letter in "abc":
        shelf.take(letter)
    for letter in "ba":
        state = shelf.versions.roll_back("toys", NOW)
        assert shelf.in_force == letter
        assert (state.etag, state.tried_at) == ("", NOW)
    with pytest.raises(HouseholdError, match="no such earlier version"):
        shelf.versions.roll_back("toys", NOW)
    assert shelf.versions.book("toys").is_rolled_back
    newest = hashlib.sha256(b"c.example\n").hexdigest()
    shelf.versions.roll_back("toys", NOW, newest[:12])
    assert shelf.in_force == "c"


def test_an_accepted_version_ends_what_a_rollback_began(shelf: Shelf) -> None:
    for letter in "ab":
        shelf.take(letter)
    shelf.versions.roll_back("toys", NOW)
    shelf.hold("c")
    assert shelf.versions.book("toys").is_rolled_back
    shelf.versions.accept("toys")
    assert not shelf.versions.book("toys").is_rolled_back


def test_it_is_noted_that_a_version_was_told_of(shelf: Shelf) -> None:
    shelf.take("a")
    held = shelf.hold("b")
    shelf.versions.mark_told("toys", "another")
    assert shelf.versions.book("toys").held == held
    shelf.versions.mark_told("toys", held.version)
    assert shelf.versions.book("toys").held == replace(held, is_told=True)


# --- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("damaged", [None, b"", b"a.exam", b"x.example\n"])
def test_a_damaged_copy_is_restored(shelf: Shelf, damaged: bytes | None) -> None:
    state = shelf.take("a")
    path = shelf.copies.text_path("toys")
    path.unlink() if damaged is None else path.write_bytes(damaged)
    shelf.versions.heal("toys")
    assert shelf.in_force == "a"
    assert shelf.copies.state("toys") == state


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"kept": [], "held": 7}', "[" * 100_000])
def test_a_damaged_book_is_read_from_its_copy(shelf: Shelf, text: str) -> None:
    shelf.take("a")
    shelf.take("b")
    shelf.hold("c")
    (shelf.copies.folder / "versions" / "toys" / "book.json").write_text(text)
    assert (shelf.held, shelf.earlier) == ("c", "a")


def test_a_version_whose_file_is_damaged_is_not_put_in_force(shelf: Shelf) -> None:
    shelf.take("a")
    held = shelf.hold("b")
    path = shelf.versions.packed_path("toys", held.state)
    for octets in (b"", path.read_bytes()[:-9], gzip.compress(b"other.example\n")):
        path.write_bytes(octets)
        with pytest.raises(FetchError, match="is damaged"):
            shelf.versions.accept("toys")
        assert shelf.in_force == "a"
    path.unlink()
    with pytest.raises(FetchError, match="No such file"):
        shelf.versions.accept("toys")


def test_a_held_version_whose_file_is_damaged_is_asked_for_again(shelf: Shelf) -> None:
    shelf.take("a")
    held = shelf.hold("b")
    shelf.versions.heal("toys")
    assert shelf.versions.book("toys").held == held
    shelf.versions.packed_path("toys", held.state).write_bytes(b"")
    shelf.versions.heal("toys")
    again = shelf.versions.book("toys").held
    assert again == replace(held, state=replace(held.state, etag=""))


class KilledError(BaseException):
    """The process ends here."""


def killed_at(monkeypatch: pytest.MonkeyPatch, step: int) -> Callable[[], bool]:
    """Let the program end before its nth change of a file; return whether it came to that."""
    left = [step]

    def before(real: Any) -> Any:
        def change(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] <= 0:  # and whatever it would do on its way out
                raise KilledError
            return real(*args, **kwargs)

        return change

    for where, what in ((Path, "replace"), (Path, "unlink"), (Path, "open"), (os, "fsync")):
        monkeypatch.setattr(where, what, before(getattr(where, what)))
    return lambda: left[0] <= 0


def act_of(shelf: Shelf, what: str) -> Callable[[], object]:
    """Return what is stopped in the middle.  "b" is held before it, "a" in force."""
    before = shelf.copies.state("toys")
    if what == "accept":
        return lambda: shelf.versions.accept("toys")
    if what == "refuse":
        return lambda: shelf.versions.refuse("toys")
    state = shelf.arrive("c")
    if what == "take":
        return lambda: shelf.versions.take("toys", before, state)
    if what == "hold":
        held = HeldVersion(state, (HoldReason.LOSS,), VersionDiff(), NOW)
        return lambda: shelf.versions.hold("toys", before, held)
    return lambda: shelf.versions.roll_back("toys", NOW)


@pytest.mark.parametrize(
    ("what", "in_force", "held"),
    [
        ("take", {"a", "c"}, {"b", ""}),
        ("hold", {"a"}, {"b", "c"}),
        ("accept", {"a", "b"}, {"b", ""}),
        ("refuse", {"a"}, {"b", ""}),
        ("rollback", {"a", "0"}, {"b"}),
    ],
)
def test_a_kill_at_any_moment_loses_neither_version(
    tmp_path: Path, what: str, in_force: set[str], held: set[str]
) -> None:
    seen: set[tuple[str, str]] = set()
    for step in range(1, 200):
        shelf = Shelf(tmp_path / str(step))
        (tmp_path / str(step)).mkdir()
        with shelf.copies.hold_lock(wait=False):
            shelf.take("0")
            shelf.take("a")
            shelf.hold("b")
        act = act_of(shelf, what)
        with pytest.MonkeyPatch.context() as patched:
            was_killed = killed_at(patched, step)
            with suppress(KilledError):
                act()
        after = Shelf(tmp_path / str(step))
        after.versions.heal("toys")
        seen.add((after.in_force, after.held))
        if not was_killed():
            break
    assert {each for each, _ in seen} == in_force
    assert {each for _, each in seen} == held
    assert step > 3, "it was killed nowhere"


def test_a_full_disk_loses_neither_version(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.take("a")
    shelf.hold("b")

    def full(*_: object) -> Iterator[bytes]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shelf.copies, "_write_synced", full)
    with pytest.raises(FetchError, match="free some space"):
        shelf.versions.accept("toys")
    with pytest.raises(FetchError, match="free some space"):
        shelf.versions.refuse("toys")
    monkeypatch.undo()
    assert (shelf.in_force, shelf.held) == ("a", "b")
    assert not list(shelf.copies.folder.glob("toys.new"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")
def test_what_root_keeps_belongs_to_the_owner_of_the_data(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    shelf = Shelf(tmp_path)
    with shelf.copies.hold_lock(wait=False):
        shelf.take("a")
        shelf.hold("b")
    assert {each.stat().st_uid for each in tmp_path.rglob("*")} == {12345}


# --- names that are vouched for ------------------------------------------------------------------


def test_what_is_allowed_for_one_person_is_not_vouched_for() -> None:
    rules = (
        Rule("r1", RuleAction.ALLOW, Matcher("club.example")),
        Rule("r2", RuleAction.ALLOW, Matcher("diary.example"), scope="tom"),
        Rule("r3", RuleAction.BLOCK, Matcher("bets.example")),
        Rule("r4", RuleAction.ALLOW, "198.51.100.0/24"),
    )
    home = family(rules=rules, protected=("school.example",))
    assert vouched_names([home], []) == (Matcher("club.example"), Matcher("school.example"))


def test_what_a_preset_allows_is_vouched_for() -> None:
    presets: list[Preset] = list(bundled_presets().values())
    allowed = {matcher for each in presets for matcher, _ in each.allowed_names}
    assert set(vouched_names([], presets)) == allowed
    assert len(allowed) > 3
