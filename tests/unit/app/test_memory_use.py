"""Tests of what a server leaves out of memory, each in a process of its own."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from copdns.app.memory_use import Trimmer, read_only_pages

BEGIN = """from copdns.app.memory_use import leave_out_extras
leave_out_extras()
import os, sys
"""


def said(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_server_without_visitors_has_nothing_that_only_pages_and_downloads_need() -> None:
    later = {"aiohttp", "babel", "cryptography", "icalendar", "jinja2", "prometheus_client"}
    code = f"import copdns.app.app; print(sorted({later} & sys.modules.keys()))"
    assert said(code) == "[]"


def test_what_only_colours_tracebacks_is_not_there_and_can_still_be_imported() -> None:
    assert said("print('rich' in sys.modules)") == "False"
    assert said("import rich; print(rich.__name__)") == "rich"


def test_pydantic_looks_for_no_plugins_and_has_types_without_fields() -> None:
    code = """
from typing import TypedDict
from pydantic_core import core_schema
import copdns.app.app
print("importlib.metadata" in sys.modules, len(core_schema.ModelSchema.__annotations__))
class Bag(TypedDict):
    apples: int
print(sorted(Bag.__annotations__), Bag(apples=2))
"""
    assert said(code).splitlines() == ["False 0", "['apples'] {'apples': 2}"]


def test_frozen_dataclasses_refuse_changes_as_ever_with_code_that_they_share() -> None:
    code = """
from dataclasses import FrozenInstanceError, dataclass, field, replace

@dataclass(frozen=True, slots=True)
class Fruit:
    name: str
    seeds: int = 0
    eaten: list = field(default_factory=list)

@dataclass(frozen=True)
class Tree:
    name: str

class Apple(Tree):
    pass

def attempt(what, *given):
    try:
        what(*given)
        return "done"
    except (FrozenInstanceError, TypeError) as error:
        return f"{type(error).__name__}: {error}"

fruit, apple = Fruit("pear"), Apple("Cox")
print(Fruit.__setattr__.__code__ is Tree.__setattr__.__code__, Fruit.__setattr__.__qualname__)
print(attempt(setattr, fruit, "seeds", 3), attempt(delattr, fruit, "seeds"), sep=", ")
print(attempt(setattr, apple, "name", "Gala"), attempt(setattr, apple, "age", 3), sep=", ")
print(attempt(setattr, Tree("ash"), "age", 3), attempt(delattr, apple, "age"), sep=", ")
print(hash(fruit.name) == hash(replace(fruit, seeds=2).name), fruit)

def define():
    @dataclass(frozen=True)
    class Twice:
        def __setattr__(self, name, value): ...

print(attempt(define).split(":")[0])
"""
    assert said(code).splitlines() == [
        "True Fruit.__setattr__",
        "FrozenInstanceError: cannot assign to field 'seeds', "
        "FrozenInstanceError: cannot delete field 'seeds'",
        "FrozenInstanceError: cannot assign to field 'name', done",
        "FrozenInstanceError: cannot assign to field 'age', done",
        "True Fruit(name='pear', seeds=0, eaten=[])",
        "TypeError",
    ]


def test_a_client_without_certificates_of_its_own_trusts_nobody() -> None:
    code = "from aiohttp import connector; print(connector._SSL_CONTEXT_VERIFIED.get_ca_certs())"
    assert said(code) == "[]"


@pytest.mark.parametrize("value", [None, "/etc/ssl/ours.pem"])
def test_the_environment_is_as_it_was(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", value)
    assert said("import aiohttp; print(os.environ.get('SSL_CERT_FILE'))") == str(value)


HEAPS = """
import ctypes, sys, threading
from copdns.app.memory_use import share_one_heap
if sys.argv[1:] == ["shared"]:
    share_one_heap()
allocated, end = threading.Barrier(5), threading.Event()

def allocate():
    held = [bytes(5_000) for _ in range(100)]
    allocated.wait()
    end.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
for each in threads:
    each.start()
allocated.wait()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, file)
libc.fflush(file)
end.set()
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc")
def test_threads_allocate_from_one_heap() -> None:
    def count(*options: str) -> int:
        command = [sys.executable, "-c", HEAPS, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.count("<heap nr=")

    assert count() > 1
    assert count("shared") == 1


SMAPS = """\
1000-3000 r-xp 00000000 fe:00 7          /usr/lib/libssl.so.3
Rss:                   8 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
3000-4000 r--p 00002000 fe:00 7          /usr/lib/libssl.so.3
Rss:                   4 kB
Anonymous:             4 kB
Swap:                  0 kB
VmFlags: rd mr mw me ac
4000-5000 r--p 00003000 fe:00 8          /usr/lib/lib z.so
Rss:                   0 kB
Anonymous:             0 kB
Swap:                  4 kB
VmFlags: rd mr mw me ac
5000-6000 rw-p 00004000 fe:00 8          /usr/lib/lib z.so
Rss:                   0 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me ac
6000-7000 r--p 00000000 00:00 0
Rss:                   0 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr mw me
7000-8000 r-xp 00000000 00:00 0          [vdso]
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me de
8000-a000 r--s 00000000 fe:00 9          /srv/some lists.index
Rss:                   8 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr me ms
"""


def test_only_pages_that_are_in_a_file_as_they_are_in_memory_are_let_go_of() -> None:
    assert list(read_only_pages(SMAPS)) == [(0x1000, 0x3000), (0x8000, 0xA000)]


LIBRARIES = """
import hashlib, sqlite3, ssl
from pathlib import Path
from copdns.app.memory_use import let_go_of_libraries

def kib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile:"))

ssl.create_default_context()
before = kib()
let_go_of_libraries()
after = kib()
ssl.create_default_context()
sqlite3.connect(":memory:").execute("select 1")
print(before - after > 2_000, hashlib.sha256(b"games.example").hexdigest()[:8])
"""


def test_libraries_go_on_after_their_code_was_let_go_of() -> None:
    assert said(LIBRARIES) == "True b4b13436"


@pytest.mark.parametrize(("takes", "times"), [(0.0002, 60), (0.011, 3)])
async def test_memory_is_trimmed_the_less_often_the_longer_that_takes(
    takes: float, times: int
) -> None:
    now, trimmed = 0.0, 0

    def trim() -> None:
        nonlocal now, trimmed
        now, trimmed = now + takes, trimmed + 1

    trimmer = Trimmer(lambda: now, trim)
    for second in range(0, 600, 10):
        now = float(second)
        await trimmer.run_once()
    assert trimmed == times
