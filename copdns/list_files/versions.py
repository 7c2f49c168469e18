"""Keep versions of fetched lists: the last ones that were in force, and one that is held.

Each version is a compressed text, named by its digest and written once:

    lists/versions/<slug>/<digest>.gz   a version
    lists/versions/<slug>/book.json     which of them were in force, which is held, which refused
    lists/versions/<slug>/book.copy     the same, in case the other is damaged

The book is replaced as a whole after the text that it names is on the disk, so that whatever stops
the program, neither the version in force nor the one that is held is lost.  All that changes
something needs `Copies.hold_lock`.  `lists/versions.py` decides what is held.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from copdns.household.presets import Preset
from copdns.list_files.copies import PACKED, PACKED_BEFORE, TEXT, Copies
from copdns.list_files.unpack import CHUNK
from copdns.lists.download import CopyState, after_rollback, read_state
from copdns.lists.version_book import HeldVersion, VersionBook, VersionChoice, version_id
from copdns.lists.versions import HoldReason, diff_json, read_diff
from copdns.model.errors import FetchError, HouseholdError
from copdns.model.household import Household, RuleAction
from copdns.model.matchers import Matcher
from copdns.model.sentences import sentence

KEPT: Final = 3  # earlier versions, besides the one in force
MAX_REFUSED: Final = 20
_BOOK, _COPY = "book.json", "book.copy"


class Versions:
    """The versions of the lists of one installation."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    def book(self, slug: str) -> VersionBook:
        """Return what is known of the versions of a list."""
        for name in (_BOOK, _COPY):
            with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
                return _read_book((self._folder(slug) / name).read_text(encoding="utf-8"))
        return VersionBook()

    def held_versions(self, slugs: Iterable[str]) -> dict[str, HeldVersion]:
        """Return the versions that are held, by the slug of their list."""
        found = ((slug, self.book(slug).held) for slug in slugs)
        return {slug: held for slug, held in found if held is not None}

    def earlier(self, slug: str) -> tuple[CopyState, ...]:
        """Return the versions that one can go back to, the newest first."""
        now = self._copies.state(slug).sha256
        return tuple(each for each in self.book(slug).kept if each.sha256 != now)

    def packed_path(self, slug: str, state: CopyState) -> Path:
        """Return the path of the compressed text of a version, which need not exist."""
        return self._folder(slug) / f"{state.sha256}.gz"

    def _folder(self, slug: str) -> Path:
        return self._copies.folder / "versions" / slug

    # --- what the server sent -----------------------------------------------------------------

    def heal(self, slug: str) -> None:
        """Finish what a killed process began, and restore what is damaged; raise OSError."""
        self._copies.finish_replacing(slug)
        state = self._copies.read_noted_state(slug)
        if state.has_copy and self._copies.digest(slug) != state.sha256:
            with suppress(FetchError, OSError):  # no such version: the list is fetched again
                self._restore(slug, state)
        book = self.book(slug)
        if book.held is not None and book.held.state.sha256 == state.sha256:
            self._write(slug, replace(book, held=None))  # accepted, and then it was killed
            return
        if book.held is None or self._is_whole(slug, book.held.state):
            return
        held = _without_validators(book.held)
        if held != book.held:  # asked for without them, the server sends it again
            self._write(slug, replace(book, held=held))

    def take(self, slug: str, before: CopyState, state: CopyState) -> None:
        """Put the unfinished text in force; raise OSError.  before: the state in force."""
        self._store(slug, PACKED, state)
        self._store(slug, PACKED_BEFORE, before)
        self._copies.replace_copy(slug, state)
        book = self.book(slug)
        self._write(slug, VersionBook(_versions_to_keep(book, before, state), refused=book.refused))

    def hold(self, slug: str, before: CopyState, held: HeldVersion) -> None:
        """Hold the unfinished text; raise OSError.  The version in force stays."""
        self._store(slug, PACKED, held.state)
        self._store(slug, PACKED_BEFORE, before)
        book = self.book(slug)
        self._write(slug, replace(book, held=held, kept=_versions_to_keep(book, before)))

    def drop_held(self, slug: str) -> None:
        """Forget a held version: its maintainer went back to the one in force; raise OSError."""
        book = self.book(slug)
        if book.held is not None:
            self._write(slug, replace(book, held=None))

    def mark_told(self, slug: str, version: str) -> None:
        """Note that an event about a held version was published; raise OSError."""
        book = self.book(slug)
        if book.held is not None and book.held.version == version:
            self._write(slug, replace(book, held=replace(book.held, is_told=True)))

    # --- what a person decides ------------------------------------------------------------------

    def state_if_decided(self, choice: VersionChoice, slug: str, version: str) -> CopyState | None:
        """Return the state in force if a version stands as it was decided, else None.

        So it is after the first of two taps on a button.  version: the beginning of its digest.
        """
        state, book = self._copies.state(slug), self.book(slug)
        if choice is VersionChoice.REFUSE:
            is_decided = any(each.startswith(version) for each in book.refused)
        else:
            is_asked_for = choice is VersionChoice.ACCEPT or book.is_rolled_back
            is_decided = is_asked_for and version == version_id(state)
        return state if is_decided else None

    def accept(self, slug: str, version: str = "") -> CopyState:
        """Put the held version in force, and return its state.

        Raises FetchError or HouseholdError.
        version: the one that was looked at; "" for whichever is held.
        """
        book, held = self._require_held(slug, version)
        before = self._copies.state(slug)
        with self._plain_errors(slug):
            self._restore(slug, held.state)
            self._write(
                slug, VersionBook(_versions_to_keep(book, before, held.state), refused=book.refused)
            )
        return held.state

    def refuse(self, slug: str, version: str = "") -> CopyState:
        """Forget the held version, and return the state in force.

        The same text is not held again.  Raises FetchError or HouseholdError.
        """
        book, held = self._require_held(slug, version)
        refused = (held.state.sha256, *book.refused)[:MAX_REFUSED]
        with self._plain_errors(slug):
            self._write(slug, replace(book, held=None, refused=refused))
        return self._copies.state(slug)

    def roll_back(self, slug: str, now: float, version: str = "") -> CopyState:
        """Put an earlier version in force, and return its state.

        Raises FetchError or HouseholdError.
        version: the beginning of its digest; "" for the one that was fetched before the one in
        force.  Until a person accepts one, every other version is held then.
        """
        before, book = self._copies.state(slug), self.book(slug)
        found = [
            each
            for each in self.earlier(slug)
            if each.sha256.startswith(version)
            and (version or (each.fetched_at or 0.0) <= (before.fetched_at or now))
        ]
        if not found:
            raise HouseholdError(
                sentence("there is no such earlier version of the list %(list)s", list=slug)
            )
        state = after_rollback(max(found, key=lambda each: each.fetched_at or 0.0), now)
        with self._plain_errors(slug):
            self._restore(slug, state)
            kept = _versions_to_keep(book, before, state)
            self._write(slug, replace(book, kept=kept, is_rolled_back=True))
        return state

    def _require_held(self, slug: str, version: str) -> tuple[VersionBook, HeldVersion]:
        book = self.book(slug)
        if book.held is None:
            raise HouseholdError(
                sentence("no version of the list %(list)s is waiting for you", list=slug)
            )
        if version and book.held.version != version:
            raise HouseholdError(
                sentence("a newer version of the list %(list)s came; look at it first", list=slug)
            )
        return book, book.held

    # --- files ----------------------------------------------------------------------------------

    def _restore(self, slug: str, state: CopyState) -> None:
        """Put a stored version in force; raise FetchError for a damaged one, or OSError."""
        path, digest = self.packed_path(slug, state), hashlib.sha256()
        text = self._copies.scratch_path(slug, TEXT)
        try:
            with text.open("xb") as target:
                for chunk in _read_packed(path):
                    digest.update(chunk)
                    target.write(chunk)
            if digest.hexdigest() != state.sha256:
                raise FetchError(f"{path} is damaged")
            self._copies.replace_copy(slug, state)
        finally:
            self._copies.clear(slug)

    def _is_whole(self, slug: str, state: CopyState) -> bool:
        digest = hashlib.sha256()
        with suppress(OSError, FetchError):
            for chunk in _read_packed(self.packed_path(slug, state)):
                digest.update(chunk)
        return digest.hexdigest() == state.sha256

    def needs_packing(self, slug: str, state: CopyState) -> bool:
        """Tell whether the version in force has no compressed text yet."""
        return state.has_copy and not self.packed_path(slug, state).exists()

    def _store(self, slug: str, suffix: str, state: CopyState) -> None:
        """Give an unfinished compressed text its place, if there is one."""
        unfinished = self._copies.folder / f"{slug}{suffix}"
        if unfinished.exists():
            self._copies.make_folder(self._folder(slug))
            self._copies.give_to_owner(unfinished)
            unfinished.replace(self.packed_path(slug, state))

    def _write(self, slug: str, book: VersionBook) -> None:
        """Write a book, and delete texts that it does not name."""
        folder = self._folder(slug)
        self._copies.make_folder(folder)
        text = _dump_book(book)
        for name in (_COPY, _BOOK):
            self._copies.write_whole(folder / name, text)
        in_force = self._copies.read_noted_state(slug)
        named = {self.packed_path(slug, each) for each in (in_force, *_all_states(book))}
        for path in folder.glob("*.gz"):
            if path not in named:
                with suppress(OSError):  # deleted next time
                    path.unlink()

    @contextmanager
    def _plain_errors(self, slug: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FetchError(self._copies.write_error(error)) from error


def _all_states(book: VersionBook) -> Iterator[CopyState]:
    yield from book.kept
    if book.held is not None:
        yield book.held.state


def _versions_to_keep(book: VersionBook, *in_force: CopyState) -> tuple[CopyState, ...]:
    """Return the versions to keep after these were in force, the last of them now."""
    kept = list(book.kept)
    for state in in_force:
        if state.has_copy:
            kept = [state, *(each for each in kept if each.sha256 != state.sha256)]
    return tuple(kept[: KEPT + 1])


def _without_validators(held: HeldVersion) -> HeldVersion:
    return replace(held, state=replace(held.state, etag="", last_modified=""))


def _read_packed(path: Path) -> Iterator[bytes]:
    """Yield the text of a version in parts; raise FetchError for a damaged one, or OSError."""
    try:
        with gzip.open(path) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FetchError(f"{path} is damaged") from error


def _dump_book(book: VersionBook) -> str:
    held = book.held
    return (
        json.dumps(
            {
                "kept": [asdict(each) for each in book.kept],
                "held": held
                and {
                    "state": asdict(held.state),
                    "reasons": held.reasons,
                    "diff": diff_json(held.diff),
                    "held_at": held.held_at,
                    "is_told": held.is_told,
                },
                "refused": book.refused,
                "is_rolled_back": book.is_rolled_back,
            },
            indent=1,
        )
        + "\n"
    )


def _read_book(text: str) -> VersionBook:
    """Return the book of a text; raise ValueError, LookupError or TypeError."""
    found = json.loads(text)
    return VersionBook(
        tuple(map(_read_state, found["kept"])),
        _read_held(found["held"]) if found["held"] else None,
        tuple(map(str, found["refused"])),
        bool(found["is_rolled_back"]),
    )


def _read_held(found: Mapping[str, Any]) -> HeldVersion:
    return HeldVersion(
        _read_state(found["state"]),
        tuple(map(HoldReason, found["reasons"])),
        read_diff(found["diff"]),
        float(found["held_at"]),
        bool(found["is_told"]),
    )


def _read_state(found: Mapping[str, Any]) -> CopyState:
    """Return a state of a book; its digest becomes the name of a file."""
    state = read_state(json.dumps(found))
    if len(state.sha256) != 64 or not state.sha256.isalnum():
        raise ValueError("a version without a digest")
    return state


# --- names that are vouched for -------------------------------------------------------------------


def vouched_names(
    households: Iterable[Household], presets: Iterable[Preset]
) -> tuple[Matcher, ...]:
    """Return the names that a household protects or allows for everybody, or an age preset allows.

    What is allowed for one person is left out: a difference that shows it would tell of them.
    """
    found = {matcher for each in presets for matcher, _ in each.allowed_names}
    for household in households:
        found.update(map(Matcher, household.protected))
        found.update(
            rule.target
            for rule in household.rules
            if rule.action is RuleAction.ALLOW
            and not rule.scope
            and isinstance(rule.target, Matcher)
        )
    return tuple(sorted(found, key=str))
