"""Keep the lists that a household pasted: `<data>/own-lists/`, their texts and a book of them.

The book names the file of each text, which has the text's digest in its name.  So a list is there
as it was or as it is, never half, and what is compiled from it follows by itself.  Beside each file
lies a copy of it; whichever of the two is damaged is written anew from the other.
`own_list_edits.py` has what people do with them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from copdns.lists.own_lists import (
    MAX_LETTERS,
    MAX_LISTS,
    MAX_TITLE,
    OwnChange,
    OwnList,
)
from copdns.lists.parse import ListFormat
from copdns.lists.sealed_text import seal, unseal
from copdns.lists.source import ListSource
from copdns.model.addresses import slug as read_slug
from copdns.model.errors import BackupError, HouseholdError, ListError
from copdns.model.matchers import MatchKind

FOLDER: Final = "own-lists"
PART: Final = "own-lists.json"  # of a backup
_BOOK, _LOCK, _NEW, _COPY = "book.json", "lock", ".new", ".copy"
_BOOK_STEM: Final = "book"  # no list's text is called so: its digest is in the name
_DAMAGED = "the file of your own lists cannot be read; restore a backup, or remove {path}"


class OwnLists:
    """The lists that the household of a data folder pasted."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER

    # --- reading --------------------------------------------------------------------------------

    def all(self) -> tuple[OwnList, ...]:
        """Return the lists by their title; raise ListError where the book is damaged."""
        return tuple(each for each, _ in self._read().values())

    def find(self, slug: str) -> OwnList | None:
        """Return a list; None where there is none of this slug.  Raises ListError."""
        found = self._read().get(slug)
        return found[0] if found else None

    def text(self, slug: str) -> str:
        """Return the text of a list; raise ListError where there is none."""
        own = self._read().get(slug)
        return self._read_text(own[1]) if own else ""

    def _read_text(self, file: str) -> str:
        text = next((_text_of(each) for each in self._twins(file) if _is_whole(each)), None)
        if text is None:
            raise ListError(_DAMAGED.format(path=self.folder / file))
        return text

    def _twins(self, file: str) -> tuple[Path, Path]:
        """Return the paths of a file and of its copy."""
        path = self.folder / file
        return path, path.with_suffix(_COPY)

    def sources(self) -> tuple[ListSource, ...]:
        """Return the lists as sources on disk, without those whose texts are damaged; raise
        ListError where the book is."""
        found = (
            (own, next(filter(_is_whole, self._twins(file)), None))
            for own, file in self._read().values()
        )
        return tuple(
            ListSource(
                *(each.slug, each.category, each.format, each.match),
                title=each.title,
                path=str(path),
                keeps_name=True,
            )
            for each, path in found
            if path
        )

    def _read(self) -> dict[str, tuple[OwnList, str]]:
        """Return each list and the name of its file, by slug."""
        paths = self._twins(_BOOK)
        damage: Exception | None = None
        for path in paths:
            try:
                return _read_book(unseal(path.read_text(encoding="utf-8")))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, LookupError, TypeError, OverflowError) as error:
                damage = error
        if damage is not None:
            raise ListError(_DAMAGED.format(path=paths[0])) from damage
        return {}

    def damage(self) -> str:
        """Return which text is damaged and left out; "" where all can be used.  Raises ListError
        where the book is damaged."""
        for _, file in self._read().values():
            if not any(map(_is_whole, self._twins(file))):
                return _DAMAGED.format(path=self.folder / file)
        return ""

    def mark(self) -> object:
        """Return a value that changes when the book does, without reading it."""
        found = []
        for path in self._twins(_BOOK):
            with suppress(OSError):
                about = path.stat()
                found.append((about.st_ino, about.st_size, about.st_mtime_ns))
        return found

    def mend(self) -> None:
        """Write anew what is damaged, or gone, of a file or of its copy; each minute.

        Nothing is written for what is damaged twice.  Raises ListError where that is the book, and
        HouseholdError where the disk cannot be written.
        """
        if not self._damaged_files(self._read()):
            return
        with self._changing() as found:
            for file in self._damaged_files(found) - {_BOOK}:
                with suppress(ListError):
                    self._write(file, self._read_text(file))

    def _damaged_files(self, book: Mapping[str, tuple[OwnList, str]]) -> set[str]:
        """Return the names of the files that are there whole, but not twice."""
        files = {file: [*map(_is_whole, self._twins(file))] for _, file in book.values()}
        found = {file for file, whole in files.items() if any(whole) and not all(whole)}
        texts = {_text_of(each) for each in self._twins(_BOOK)}
        return found | ({_BOOK} if texts not in ({_book_text(book)}, {None}) else set())

    # --- changing -------------------------------------------------------------------------------

    def put(self, own: OwnList, text: str) -> None:
        """Keep a list; it takes the place of the one with its slug.

        Raises HouseholdError where there are too many, or the disk cannot be written.
        """
        with self._changing() as found:
            if own.slug not in found and len(found) >= MAX_LISTS:
                raise HouseholdError(
                    "there are %(most)s lists of your own already; remove one first, or add to"
                    " one that is there",
                    most=MAX_LISTS,
                )
            file = _file_name(own, text)
            self._write(file, text)
            found[own.slug] = own, file

    def remove(self, slug: str) -> None:
        """Remove a list; nothing happens where it is gone.  Raises HouseholdError."""
        with self._changing() as found:
            found.pop(slug, None)

    def take_back(self, change: OwnChange) -> None:
        """Put a list back as it was before a change.

        Raises HouseholdError where it is not as that change left it: another process may have
        changed it a moment ago.
        """
        slug = next(each[0].slug for each in change if each is not None)
        with self._changing() as found:
            own, file = found.get(slug, (None, ""))
            if (None if own is None else (own, self._read_text(file))) != change.after:
                raise HouseholdError(
                    "something else was changed since then, so this can no longer be undone; "
                    "nothing was changed now"
                )
            if change.before is None:
                del found[slug]
            else:
                file = _file_name(*change.before)
                self._write(file, change.before[1])
                found[slug] = change.before[0], file

    @contextmanager
    def _changing(self, *, anew: bool = False) -> Iterator[dict[str, tuple[OwnList, str]]]:
        """Yield the book, and write it as it is afterwards.  anew: yield an empty one."""
        try:
            self._make_folder()
            with (self.folder / _LOCK).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._give_to_owner(self.folder / _LOCK)
                found = {} if anew else self._read()
                is_known = anew or any(each.exists() for each in self._twins(_BOOK))
                yield found
                self._write(_BOOK, _book_text(found))
                self._sync_folder()  # else a power cut could leave an older book, without its texts
                if is_known:  # where both files of the book were gone, somebody may need the texts
                    self._clear(
                        {each.name for _, file in found.values() for each in self._twins(file)}
                    )
        except OSError as error:
            raise HouseholdError(
                "the list could not be saved (%(why)s)", why=error.strerror or str(error)
            ) from error
        except ListError as error:
            raise HouseholdError(
                "the file of your own lists is damaged; restore a backup"
            ) from error

    def _sync_folder(self) -> None:
        """Have it on the disk which files there are."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True)
            self._give_to_owner(self.folder)

    def _write(self, name: str, text: str) -> None:
        """Write a file and its copy, the copy first: once it is there, nothing is lost."""
        for path in reversed(self._twins(name)):
            new = path.with_name(f"{path.name}{_NEW}")
            new.unlink(missing_ok=True)
            with new.open("xb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            self._give_to_owner(new)
            new.replace(path)

    def _give_to_owner(self, path: Path) -> None:
        """Give a file to the owner of the data folder, if root wrote it."""
        if os.geteuid() == 0:
            owner = self.folder.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _clear(self, used: Collection[str]) -> None:
        """Remove texts that no list has; one that cannot be removed is removed next time."""
        with suppress(OSError):
            for path in self.folder.iterdir():
                is_text = path.suffix in (".txt", _COPY, _NEW) and path.stem != _BOOK_STEM
                if is_text and path.name not in used:
                    path.unlink(missing_ok=True)

    # --- backups --------------------------------------------------------------------------------

    def dump(self) -> str:
        """Return all lists with their texts, for a backup; raise ListError."""
        lists = [{**_own_json(own), "text": self.text(own.slug)} for own in self.all()]
        return json.dumps({"lists": lists}, ensure_ascii=False)

    def restore(self, lists: Iterable[tuple[OwnList, str]]) -> None:
        """Put the lists of a backup in place of those that are here, each with its text.

        Raises HouseholdError where they cannot be written; those that are here stay then.
        """
        with self._changing(anew=True) as found:
            for own, text in lists:
                file = _file_name(own, text)
                self._write(file, text)
                found[own.slug] = own, file


def _file_name(own: OwnList, text: str) -> str:
    return f"{own.slug}{_end_of_name(text)}"


def _end_of_name(text: str) -> str:
    """Return the end of the name of a text's file, by which damage to it is seen."""
    return f"-{hashlib.sha256(text.encode()).hexdigest()[:16]}.txt"


def _is_whole(path: Path) -> bool:
    """Tell whether a file of a text, or its copy, is as it was written."""
    text = _text_of(path)
    return text is not None and path.with_suffix(".txt").name.endswith(_end_of_name(text))


def _text_of(path: Path) -> str | None:
    """Return what a file has, line ends as they are; None for what cannot be read."""
    with suppress(OSError, ValueError):
        return path.read_bytes().decode()
    return None


def _book_text(book: Mapping[str, tuple[OwnList, str]]) -> str:
    return seal({"lists": [{**_own_json(own), "file": file} for own, file in book.values()]})


def _read_book(found: Mapping[str, Any]) -> dict[str, tuple[OwnList, str]]:
    """Return each list and the name of its file; raise ValueError, LookupError or TypeError."""
    if found.keys() != {"lists"}:
        raise ValueError("it has other parts")
    lists = [(_read_own(each), str(each["file"])) for each in found["lists"]]
    return {own.slug: (own, file) for own, file in sorted(lists, key=_by_title)}


def _by_title(pair: tuple[OwnList, str]) -> tuple[str, str]:
    return pair[0].title.casefold(), pair[0].slug


def _own_json(own: OwnList) -> dict[str, object]:
    return asdict(own)


def _read_own(found: Mapping[str, Any]) -> OwnList:
    """Return a list of a book; raise ValueError, LookupError or TypeError."""
    title, match = str(found["title"])[:MAX_TITLE], MatchKind(found["match"])
    return OwnList(
        read_slug(str(found["slug"])),
        title,
        read_slug(str(found["category"])),
        ListFormat(found["format"]),
        match,
        int(found["changed_at"]),
    )


def read_dumped(dumped: str) -> list[tuple[OwnList, str]]:
    """Return the lists of a backup with their texts; raise BackupError for what copdns did not
    write."""
    try:
        lists = [(_read_own(each), str(each["text"])) for each in json.loads(dumped)["lists"]]
        for own, text in lists:
            f"{own.title}{text}".encode()  # a half of a character cannot be written
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise BackupError(f"the {PART} in this backup is damaged; use another backup") from error
    sizes = all(len(text) <= MAX_LETTERS + 1 for _, text in lists)
    if len(lists) > MAX_LISTS or not sizes:
        raise BackupError(f"the {PART} in this backup was not written by copdns; use another one")
    return lists
