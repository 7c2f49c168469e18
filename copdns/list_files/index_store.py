"""Have the lists at hand: compiled in `<data>/lists/index`, or small enough to read at once.

An index has a key over all that it was made from, so what was compiled once is only mapped at the
next start.  There is one compile at a time, and one process that writes here.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from copdns import __version__
from copdns.list_files import index_file
from copdns.list_files.compiling import Job, memory_for
from copdns.list_files.load import bundled_text, load_library, text_of
from copdns.list_files.resources import folder
from copdns.lists import trie
from copdns.lists.catalogue import Catalogue, assembled, files
from copdns.lists.compiled import FORMAT, Compiled, pack, unpack
from copdns.lists.drafts import added, bundled
from copdns.lists.index import ListKind
from copdns.lists.merge import merge
from copdns.lists.source import ListSource
from copdns.model.errors import ListError

SMALL = 256 << 10  # octets of text, some 15,000 names: read at once, in a fraction of a second
PENDING = "the list is being prepared"
FAILED = "failed.json"
PATIENCE = 1200.0  # seconds for a compile: a small machine needs one for 50,000 names


@dataclass(frozen=True, slots=True)
class LoadedLists:
    """A library at hand.

    key: of the lists that were asked for.  current: it holds them; otherwise those of before, or
    only those that ship.  trouble: files that could not be used, and why.
    """

    library: Catalogue
    key: str
    current: bool = True
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UncompiledLists:
    """Lists that are here but not compiled, and what a running copdns answers by meanwhile.

    slugs: those that are new or other than when that was compiled.  made_at: when it was, seconds
    since the epoch.  why: what went wrong at the last try; "" when there was none yet.
    """

    library: Catalogue
    slugs: tuple[str, ...]
    made_at: float
    why: str = ""

    def __str__(self) -> str:
        """Say so, for people."""
        slugs = ", ".join(self.slugs) or "the lists that ship with copdns"
        if self.why:
            return (
                f"lists could not be compiled, so the previous ones stay active: {slugs} "
                f"({self.why})"
            )
        return (
            "a running copdns has yet to compile these lists, so the previous ones stay active: "
            f"{slugs}"
        )


class IndexStore:
    """The compiled indexes of one installation.  data: its folder."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "lists" / "index"

    def load_available(self, sources: Sequence[ListSource]) -> LoadedLists:
        """Return what there is, at once; raise ConfigError or ListError for a bundled file."""
        key = key_of(sources)
        trouble: list[str] = []
        library = self._ready(key, sources, trouble)
        if library is not None:
            return LoadedLists(library, key, trouble=tuple(trouble))
        # A household may block by the category of a list that has yet to be compiled.
        named = [replace(each, error=each.error or PENDING) for each in sources]
        library = self._older(sources, trouble) or load_library(named)
        return LoadedLists(library, key, current=False, trouble=tuple(trouble))

    async def compile(
        self, sources: Sequence[ListSource], before: LoadedLists | None = None
    ) -> LoadedLists:
        """Return the library of these lists, compiled by another process where that takes long.

        before: what is in force, returned itself when nothing changed.  Raises ListError when it
        cannot be done; what was there stays.
        """
        trouble: list[str] = []
        key = await asyncio.to_thread(key_of, sources)
        if before is not None and before.current and before.key == key:
            return before
        library = await asyncio.to_thread(self._ready, key, sources, trouble)
        if library is None:
            try:
                await asyncio.to_thread(self._make_folder)
                await _compile(Job(str(self._path(key)), key, tuple(sources), _memory(sources)))
            except ListError as error:
                await asyncio.to_thread(self._note_failure, key, str(error))
                raise
            found = await asyncio.to_thread(index_file.read, self._path(key))
            library = await asyncio.to_thread(_library, found, sources)
        return LoadedLists(library, key, trouble=tuple(trouble))

    def read(self, sources: Sequence[ListSource]) -> Catalogue:
        """Return the library of these lists for a command: nothing is written, however long it
        takes."""
        key = key_of(sources)
        return self._ready(key, sources, []) or _read_here(key, sources)

    def find_uncompiled(self, sources: Sequence[ListSource]) -> UncompiledLists | None:
        """Return what is in force in place of these lists, or None where nothing is.

        A command asks, which cannot ask the running copdns: it maps the newest index there is.
        """
        key = key_of(sources)
        if self._path(key).exists() or _octets(sources) <= SMALL:
            return None
        for path in self._paths():
            with suppress(ListError, OSError):
                made_at = path.stat().st_mtime
                library = _library(index_file.read(path), sources)
                slugs = _changed(sources, library, made_at)
                return UncompiledLists(library, slugs, made_at, self._failure(key))
        return None

    def _note_failure(self, key: str, why: str) -> None:
        with suppress(OSError):  # a full disk: the log and /readyz tell
            (self.folder / FAILED).write_text(json.dumps({"key": key, "why": why}))

    def _failure(self, key: str) -> str:
        """Return why these lists could not be compiled; "" when nobody tried, or it went well."""
        try:
            noted = json.loads((self.folder / FAILED).read_text())
            return str(noted["why"]) if noted["key"] == key else ""
        except (OSError, ValueError, LookupError, TypeError):
            return ""

    def clear(self, key: str) -> None:
        """Remove every index but one; those that are mapped stay readable until they are not."""
        with suppress(OSError):  # what cannot be removed now is at the next time
            (self.folder / FAILED).unlink(missing_ok=True)
            for path in (*self._paths(), *self.folder.glob(f"*{index_file.UNFINISHED}")):
                if path != self._path(key):
                    path.unlink(missing_ok=True)

    def _ready(
        self, key: str, sources: Sequence[ListSource], trouble: list[str]
    ) -> Catalogue | None:
        """Return the library of these lists if that takes no time, or None."""
        path = self._path(key)
        if path.exists():
            try:
                return _library(index_file.read(path), sources)
            except ListError as error:
                trouble.append(str(error))
        return load_library(sources) if _octets(sources) <= SMALL else None

    def _older(self, sources: Sequence[ListSource], trouble: list[str]) -> Catalogue | None:
        """Return the library of the newest index of other lists that can be used, or None."""
        for path in self._paths():
            try:
                library = _library(index_file.read(path), sources)
            except ListError as error:
                trouble.append(str(error))
                continue
            if _has_all_groups(library):
                return library
        return None

    def _paths(self) -> list[Path]:
        """Return the files that are there, the newest first."""
        try:
            found = [(path.stat().st_mtime_ns, path) for path in self.folder.glob(_ANY)]
        except OSError:
            return []
        return [path for _, path in sorted(found, reverse=True)]

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{index_file.SUFFIX}"

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ListError(f"{self.folder}: {error.strerror}") from error


_ANY = f"*{index_file.SUFFIX}"


def _library(found: Compiled, sources: Iterable[ListSource]) -> Catalogue:
    return assembled(files(bundled_text), sources, found.index, found.statuses)


def _has_all_groups(library: Catalogue) -> bool:
    """Tell whether nothing is protected today that an older index does not know, or otherwise."""
    infos = library.index.infos
    groups = {info.subject for info in infos if info.kind is ListKind.PROTECTED}
    return groups == library.protected.keys()


def _read_here(key: str, sources: Sequence[ListSource]) -> Catalogue:
    found = files(bundled_text)
    with _without_collector():
        merged = merge(list(bundled(found, bundled_text)), added(found, sources, text_of))
        octets = b"".join(pack(merged, key))
    return _library(unpack(memoryview(octets)), sources)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Let nothing be looked for among millions of names, which go in no circles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _changed(sources: Iterable[ListSource], library: Catalogue, made_at: float) -> tuple[str, ...]:
    """Return which lists are not as they are in a library that was compiled then."""
    held = {each.info.slug for each in library.statuses if not each.error}
    return tuple(
        each.slug
        for each in sources
        if not each.error and (each.slug not in held or _changed_at(each.path) > made_at)
    )


def _changed_at(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


# --- what an index is made from ---


def key_of(sources: Iterable[ListSource]) -> str:
    """Return a text that differs once anything does that an index is made from."""
    parts = [
        *(FORMAT, __version__, trie.form()),
        *_marks(Path(__file__).with_name("lists"), "*.py"),
        *(hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(folder("blocklists"))),
        *((asdict(replace(each, fetched_at=0)), _mark(Path(each.path))) for each in sources),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _files(where: Path) -> list[Path]:
    return sorted(path for path in where.rglob("*") if path.is_file())


def _marks(where: Path, pattern: str) -> list[object]:
    return [_mark(path) for path in sorted(where.glob(pattern))]


def _mark(path: Path) -> object:
    """Return what changes when a file does, without reading it."""
    try:
        found = path.stat()
    except OSError as error:
        return error.strerror
    return found.st_size, found.st_mtime_ns


def _octets(sources: Iterable[ListSource]) -> int:
    octets = 0
    for each in sources:
        with suppress(OSError):  # told by the list's status
            octets += len(each.text) or os.stat(each.path).st_size
    return octets


def _memory(sources: Iterable[ListSource]) -> int:
    return memory_for(_octets(sources))


# --- the other process ---


async def _compile(job: Job) -> None:
    """Have a job done; raise ListError with what went wrong."""
    # -P: nothing is imported from the folder that we happen to be in.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "copdns.list_files.compiling"),
        stdin=PIPE,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            said = await _told(process, job)
            code = await process.wait()
    except TimeoutError:
        raise ListError(f"the lists were not compiled within {PATIENCE:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        why = f"the process ended with {code}, possibly because memory ran out"
        if code == 1 and said.strip():
            why = said.strip().splitlines()[-1]
        raise ListError(f"the lists were not compiled: {why}")


async def _told(process: Process, job: Job) -> str:
    """Tell a process its job and return what it says; it ends when its stdin does."""
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(job.line())
    with suppress(
        BrokenPipeError, ConnectionResetError
    ):  # it is gone: it said why, or its code does
        await process.stdin.drain()
    return (await process.stderr.read()).decode(errors="replace")
