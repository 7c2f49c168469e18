"""Keep out of memory what a server does not need, and the garbage collector out of its way.

What is not needed is what libraries import by themselves, several of the 60 MB of a copdns, and
what only the start needs.

Queries and answers make no reference cycles, so the collector finds nothing in them; with thousands
of pending queries it took half of the time.  It runs on new objects by itself, and on older ones
when the housekeeping calls `collect_young`.

Imports nothing of copdns: it comes before everything else.
"""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

GC_THRESHOLDS = (10_000, 1_000_000, 1_000_000)
_M_ARENA_MAX = -8  # of malloc.h
_TRIM_REST = 20_000  # times as long as a trim took, until the next
_MADV_DONTNEED = 4  # of sys/mman.h
# A line of smaps that begins a mapping: its addresses, what may be done with it, and the file.
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)")


def leave_out_extras() -> None:
    """Let libraries be imported without what they import only for extras.

    To be called before anything else is imported; aiohttp comes when it is needed.
    """
    share_refusals()
    import_structlog()
    leave_out_plugins()
    import_schemas()
    sys.meta_path.insert(0, _ConnectorFinder())


def import_structlog() -> None:
    """Import structlog without rich, which it would use for tracebacks in colour.

    That is 5 MB, and a tenth of the time that a short command takes.
    """
    with _absent("rich"):
        import structlog  # noqa: F401


def leave_out_plugins() -> None:
    """Let pydantic be imported without a search for its plugins, of which we use none.

    It would read the metadata of every package that is installed, with modules that nothing else
    needs: a tenth of the time that a start or a short command takes, and 2 MB.
    """
    loader = ModuleType("pydantic.plugin._loader")
    loader.get_plugins = tuple  # type: ignore[attr-defined]  # when called, it finds none
    sys.modules.setdefault(loader.__name__, loader)


def import_schemas() -> None:
    """Import pydantic's schemas without the fields of their types, which only type checkers read.

    That is half a megabyte, and 8 ms.
    """
    origin = import_module("typing" if sys.version_info >= (3, 12) else "typing_extensions")
    usual = origin.TypedDict
    origin.TypedDict = _Untyped  # type: ignore[attr-defined]
    try:
        import pydantic_core.core_schema  # noqa: F401
    finally:
        origin.TypedDict = usual  # type: ignore[attr-defined]


def share_refusals() -> None:
    """Let frozen dataclasses refuse changes by two functions whose code all of them share.

    The standard library writes, compiles and keeps source text of these for each class: a tenth of
    a start.  A Python that does so in another way keeps its own.
    """
    if sys.version_info < (3, 15) and hasattr(dataclasses, "_frozen_get_del_attr"):
        dataclasses._frozen_get_del_attr = _refuse_changes


def _refuse_changes(
    cls: type, fields: Iterable[dataclasses.Field[object]], target: object
) -> tuple[Callable[..., None], ...]:
    """Make what refuses to change fields, for a class that `dataclasses` is making.

    target: the globals until Python 3.12, whose caller adds what is returned; from 3.13 what adds
    compiled functions, and nothing is expected back.
    """
    names = frozenset(field.name for field in fields)

    def __setattr__(self: object, name: str, value: object) -> None:  # noqa: N807 - its name
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)  # type: ignore[arg-type]

    def __delattr__(self: object, name: str) -> None:  # noqa: N807 - its name
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)  # type: ignore[arg-type]

    functions = (__setattr__, __delattr__)
    if isinstance(target, dict):
        return functions
    for function in functions:
        if function.__name__ in vars(cls):
            raise TypeError(f"Cannot overwrite attribute {function.__name__} in {cls.__name__}")
        function.__qualname__ = f"{cls.__qualname__}.{function.__name__}"
        setattr(cls, function.__name__, function)
    return ()


class _Untyped(dict[str, object]):
    """What a TypedDict is at run time, without its fields."""

    def __init_subclass__(cls, total: bool = True) -> None:
        cls.__annotations__ = {}


def share_one_heap() -> None:
    """Let all threads allocate from one heap of the C library (mallopt(3)); before they begin.

    Each would get one of its own, whose free memory the others cannot use: after new lists of
    1,000,000 names that is 8 MB.
    """
    with suppress(AttributeError):  # as with musl
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def trim_memory() -> None:
    """Return free memory to the system, where the C library can (malloc_trim(3)).

    After the start that is 5 MB with 1,000 profiles; later up to 2 MB, as after a long batch of the
    log.
    """
    with suppress(AttributeError):  # as with musl
        ctypes.CDLL(None).malloc_trim(0)


class Trimmer:
    """Trims memory again and again: the longer that takes, the less often.

    Nobody gets memory meanwhile, so queries wait.  It takes a fifth of a millisecond, and 11 where
    the heap has 30,000 holes.
    """

    def __init__(
        self, monotonic: Callable[[], float], trim: Callable[[], None] = trim_memory
    ) -> None:
        self._monotonic = monotonic
        self._trim = trim
        self._due_at = 0.0

    async def run_once(self) -> None:
        """Trim, if it is time."""
        began = self._monotonic()
        if began >= self._due_at:
            self._trim()
            self._due_at = began + _TRIM_REST * (self._monotonic() - began)


def let_go_of_libraries() -> None:
    """Let go of the pages of mapped files that were only read, such as the code of libraries.

    The start runs much code once: OpenSSL, pydantic and SQLite prepare themselves.  What is needed
    again comes back from the page cache, 64 KiB at a time; the rest counts for nobody.
    """
    with suppress(OSError, AttributeError):  # a jail without /proc; a libc without madvise
        smaps = Path("/proc/self/smaps").read_text()
        madvise = ctypes.CDLL(None).madvise
        for begin, end in read_only_pages(smaps):
            madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_DONTNEED)


def read_only_pages(smaps: str) -> Iterator[tuple[int, int]]:
    """Yield where files are mapped that nobody can write to or has written to: first address, end.

    smaps: of /proc/self (proc(5)).  Data of libraries that the loader has relocated is read-only
    too, but has no copy in the file; the kernel counts it as anonymous, or as swapped out.
    """
    found = None
    changed = 0
    for line in smaps.splitlines():
        if mapping := _MAPPING.match(line):
            is_file = mapping[3].startswith("r-") and mapping[4].startswith("/")
            found = (int(mapping[1], 16), int(mapping[2], 16)) if is_file else None
            changed = 0
        elif line.startswith(("Anonymous:", "Swap:")):
            changed += int(line.split()[1])
        elif line.startswith("VmFlags:") and found is not None and not changed:  # the last line
            yield found


def configure_gc() -> None:
    """Let the collector run on new objects only."""
    gc.set_threshold(*GC_THRESHOLDS)


def collect_young() -> None:
    """Run the collector on the two younger generations."""
    gc.collect(1)


@contextmanager
def keep_from_gc() -> Iterator[None]:
    """Exclude what is made meanwhile, such as modules, lists and policies, from garbage collection.

    The collector runs on the youngest objects first, since what is frozen is never freed if it is
    a cycle.  Older cycles are frozen too: a few objects with each change, and none were found at a
    start, where looking for them takes 40 ms.
    """
    gc.collect(0)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _absent(package: str) -> Iterator[None]:
    """Let imports of an optional package fail, unless it was imported already."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # makes its import fail
    try:
        yield
    finally:
        del sys.modules[package]


class _ConnectorFinder:
    """Lets aiohttp read no certificates when it is imported: those of all authorities take 3 MB.

    So aiohttp's own TLS context trusts nobody; clients must make one of their own.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how aiohttp's connector is imported; None for every other module."""
        if fullname != "aiohttp.connector":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_without_certificates(module: ModuleType) -> None:
                with _without_certificates():
                    run(module)

            spec.loader.exec_module = run_without_certificates  # type: ignore[method-assign]
        return spec


@contextmanager
def _without_certificates() -> Iterator[None]:
    """Let OpenSSL find no certificates.

    Threads that make a context meanwhile find none either; but those have to import aiohttp first,
    and wait for it.
    """
    variables = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    os.environ.update(dict.fromkeys(variables, os.devnull))
    try:
        yield
    finally:
        for name, value in variables.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
