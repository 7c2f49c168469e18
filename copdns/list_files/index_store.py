"""Load the lists: compiled in `<data>/lists/index`, or read at once where they are small.

The key of an index covers all that it was compiled from, so an index that exists is only mapped.
One compile runs at a time, and one process writes here.
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
from copdns.list_files.compiling import CompileJob, memory_limit
from copdns.list_files.facts import SHIPPED, Facts, load_facts
from copdns.list_files.list_text import read_text
from copdns.list_files.load import files_of, load_catalogue
from copdns.list_files.resources import find_folder
from copdns.lists import trie
from copdns.lists.catalogue import Catalogue, build_catalogue
from copdns.lists.compiled_index import FORMAT, CompiledIndex, pack, unpack
from copdns.lists.drafts import all_drafts
from copdns.lists.index import ListKind
from copdns.lists.merge import merge
from copdns.lists.source import ListSource
from copdns.model.errors import ListError

# Octets of text, some 15,000 names: read at once, in a fraction of a second.
MAX_UNCOMPILED = 256 << 10
PENDING = "the list is being prepared"
FAILED = "failed.json"
COMPILE_TIMEOUT = 1200.0  # seconds; a small machine needs one for 50,000 names


@dataclass(frozen=True, slots=True)
class LoadedLists:
    """A catalogue with its lists.

    key: of the lists that were asked for.  is_current: the catalogue has them; otherwise it has
    those of before, or only the bundled ones.  problems: files that could not be used, and why.
    facts: those in force.
    """

    catalogue: Catalogue
    key: str
    is_current: bool = True
    problems: tuple[str, ...] = ()
    facts: Facts = SHIPPED


@dataclass(frozen=True, slots=True)
class UncompiledLists:
    """Lists that are here but not compiled, and the catalogue that a running copdns uses instead.

    slugs: lists that are new or have changed since that was compiled.  compiled_at: when it was,
    seconds since the epoch.  why: the error of the last try to compile; "" for none.
    """

    catalogue: Catalogue
    slugs: tuple[str, ...]
    compiled_at: float
    why: str = ""

    def __str__(self) -> str:
        """Return the message for people."""
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
    """The compiled indexes of one installation.  data: the data folder.

    Each method reads once which facts are in force (`facts.py`), so that all of what it returns is
    made from the same ones.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self.folder = data / "lists" / "index"
        self._marks: dict[str, object] = {}  # of the file in use, by its key

    def load_available(self, sources: Sequence[ListSource]) -> LoadedLists:
        """Return what can be used at once; raise ConfigError or ListError for a bundled file."""
        facts = load_facts(self._data)
        key = index_key(sources, facts)
        problems: list[str] = []
        catalogue = self._load_ready(key, sources, problems, facts)
        if catalogue is not None:
            return LoadedLists(catalogue, key, problems=tuple(problems), facts=facts)
        # A household may block the category of a list that is not compiled yet.
        named = [replace(each, error=each.error or PENDING) for each in sources]
        catalogue = self._load_older(sources, problems, facts) or load_catalogue(named, facts)
        return LoadedLists(catalogue, key, False, tuple(problems), facts)

    async def compile(
        self, sources: Sequence[ListSource], before: LoadedLists | None = None
    ) -> LoadedLists:
        """Return the catalogue of these lists, compiled by another process where that takes long.

        before: what is in force; returned itself where nothing changed.
        Raises ListError where the lists cannot be compiled; existing files stay.
        """
        problems: list[str] = []
        facts = await asyncio.to_thread(load_facts, self._data)
        key = await asyncio.to_thread(index_key, sources, facts)
        if before is not None and before.is_current and before.key == key:
            return before
        catalogue = await asyncio.to_thread(self._load_ready, key, sources, problems, facts)
        if catalogue is None:
            try:
                await asyncio.to_thread(self._make_folder)
                place = str(self._data), facts.digest
                await _compile(
                    CompileJob(str(self._path(key)), key, tuple(sources), _memory(sources), *place)
                )
            except ListError as error:
                await asyncio.to_thread(self._note_failure, key, str(error))
                raise
            found = await asyncio.to_thread(index_file.read, self._path(key))
            catalogue = await asyncio.to_thread(_catalogue_of, found, sources, facts)
        return LoadedLists(catalogue, key, problems=tuple(problems), facts=facts)

    def read(self, sources: Sequence[ListSource]) -> Catalogue:
        """Return the catalogue of these lists for a command.

        Writes nothing, even where compiling in memory takes long.
        """
        facts = load_facts(self._data)
        key = index_key(sources, facts)
        return self._load_ready(key, sources, [], facts) or _compile_here(key, sources, facts)

    def find_uncompiled(self, sources: Sequence[ListSource]) -> UncompiledLists | None:
        """Return what is in force instead of these lists; None where they are, or nothing is.

        For commands, which cannot ask the running copdns: it maps the newest index.
        """
        facts = load_facts(self._data)
        key = index_key(sources, facts)
        if self._path(key).exists() or _octets(sources) <= MAX_UNCOMPILED:
            return None
        for path in self._paths():
            with suppress(ListError, OSError):
                made_at = path.stat().st_mtime
                catalogue = _catalogue_of(index_file.read(path), sources, facts)
                slugs = _changed_slugs(sources, catalogue, made_at)
                return UncompiledLists(catalogue, slugs, made_at, self._failure(key))
        return None

    def _note_failure(self, key: str, why: str) -> None:
        with suppress(OSError):  # a full disk: the log and /readyz have the error
            (self.folder / FAILED).write_text(json.dumps({"key": key, "why": why}))

    def _failure(self, key: str) -> str:
        """Return why these lists could not be compiled; "" where no compile of them failed."""
        try:
            failure = json.loads((self.folder / FAILED).read_text())
            return str(failure["why"]) if failure["key"] == key else ""
        except (OSError, ValueError, LookupError, TypeError):
            return ""

    def drop_damaged(self, key: str) -> bool:
        """Remove the index in use where something changed its file; tell whether that was so.

        It is read only where its size or time differ from the last call's.
        """
        path = self._path(key)
        mark = _mark(path)
        if mark == self._marks.get(key):
            return False
        self._marks = {key: mark}
        if not index_file.is_damaged(path):
            return False
        with suppress(OSError):  # it has a wrong checksum, so nobody will use it
            path.unlink()
        return True

    def clear(self, key: str) -> None:
        """Remove every index but one; a process keeps an index that it has mapped."""
        with suppress(OSError):  # one that cannot be removed is removed next time
            (self.folder / FAILED).unlink(missing_ok=True)
            for path in (*self._paths(), *self.folder.glob(f"*{index_file.UNFINISHED}")):
                if path != self._path(key):
                    path.unlink(missing_ok=True)

    def _load_ready(
        self, key: str, sources: Sequence[ListSource], problems: list[str], facts: Facts
    ) -> Catalogue | None:
        """Return the catalogue of these lists if it is compiled or small, else None."""
        path = self._path(key)
        if path.exists():
            try:
                return _catalogue_of(index_file.read(path), sources, facts)
            except ListError as error:
                problems.append(str(error))
        return load_catalogue(sources, facts) if _octets(sources) <= MAX_UNCOMPILED else None

    def _load_older(
        self, sources: Sequence[ListSource], problems: list[str], facts: Facts
    ) -> Catalogue | None:
        """Return the catalogue of the newest usable index of other lists, or None."""
        for path in self._paths():
            try:
                catalogue = _catalogue_of(index_file.read(path), sources, facts)
            except ListError as error:
                problems.append(str(error))
                continue
            if _has_all_groups(catalogue):
                return catalogue
        return None

    def _paths(self) -> list[Path]:
        """Return the paths of all indexes, the newest first."""
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


def _catalogue_of(found: CompiledIndex, sources: Iterable[ListSource], facts: Facts) -> Catalogue:
    return build_catalogue(files_of(facts), sources, found.index, found.statuses)


def _has_all_groups(catalogue: Catalogue) -> bool:
    """Tell whether an index has exactly the protected groups of today."""
    infos = catalogue.index.infos
    groups = {info.subject for info in infos if info.kind is ListKind.PROTECTED}
    return groups == catalogue.protected.keys()


def _compile_here(key: str, sources: Sequence[ListSource], facts: Facts) -> Catalogue:
    found = files_of(facts)
    with _without_gc():
        merged = merge(all_drafts(found, facts.read, sources, read_text))
        octets = b"".join(pack(merged, key))
    return _catalogue_of(unpack(memoryview(octets)), sources, facts)


@contextmanager
def _without_gc() -> Iterator[None]:
    """Run without the garbage collector, which would search millions of names without cycles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _changed_slugs(
    sources: Iterable[ListSource], catalogue: Catalogue, made_at: float
) -> tuple[str, ...]:
    """Return the slugs of lists that a catalogue lacks, or that changed since it was compiled."""
    slugs = {each.info.slug for each in catalogue.statuses if not each.error}
    return tuple(
        each.slug
        for each in sources
        if not each.error and (each.slug not in slugs or _changed_at(each.path) > made_at)
    )


def _changed_at(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


# --- what an index is made from ---


def index_key(sources: Iterable[ListSource], facts: Facts = SHIPPED) -> str:
    """Return a text that differs whenever anything differs that an index is compiled from."""
    parts = [
        *(FORMAT, __version__, trie.key_form(), facts.digest),
        *_marks(Path(trie.__file__).parent, "*.py"),  # the code that parses and merges
        *(
            hashlib.sha256(path.read_bytes()).hexdigest()
            for path in _files(find_folder("blocklists"))
        ),
        *((asdict(replace(each, fetched_at=0)), _mark(Path(each.path))) for each in sources),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _files(where: Path) -> list[Path]:
    return sorted(path for path in where.rglob("*") if path.is_file())


def _marks(where: Path, pattern: str) -> list[object]:
    return [_mark(path) for path in sorted(where.glob(pattern))]


def _mark(path: Path) -> object:
    """Return a value that changes when a file does, without reading it."""
    try:
        found = path.stat()
    except OSError as error:
        return error.strerror
    return found.st_size, found.st_mtime_ns


def _octets(sources: Iterable[ListSource]) -> int:
    octets = 0
    for each in sources:
        with suppress(OSError):  # the list's status has the error
            octets += len(each.text) or os.stat(each.path).st_size
    return octets


def _memory(sources: Iterable[ListSource]) -> int:
    return memory_limit(_octets(sources))


# --- the other process ---


async def _compile(job: CompileJob) -> None:
    """Run a job in another process; raise ListError with its error."""
    # -P: import nothing from the working directory.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "copdns.list_files.compiling"),
        stdin=PIPE,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(COMPILE_TIMEOUT):
            output = await _send_job(process, job)
            code = await process.wait()
    except TimeoutError:
        raise ListError(f"the lists were not compiled within {COMPILE_TIMEOUT:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        why = f"the process ended with {code}, possibly because memory ran out"
        if code == 1 and output.strip():
            why = output.strip().splitlines()[-1]
        raise ListError(f"the lists were not compiled: {why}")


async def _send_job(process: Process, job: CompileJob) -> str:
    """Send a process its job and return its stderr; the process ends once its stdin is closed."""
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(job.line())
    # It has ended already: stderr or its exit code says why.
    with suppress(BrokenPipeError, ConnectionResetError):
        await process.stdin.drain()
    return (await process.stderr.read()).decode(errors="replace")
