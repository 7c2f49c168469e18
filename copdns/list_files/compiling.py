"""Compile lists into an index: `python -m copdns.list_files.compiling`.

Runs as a process of its own, with low priority, that the kernel kills first when memory is short:
reading a million names takes seconds and hundreds of megabytes, which must not delay answers or
stay allocated.  It reads its job as one line of JSON on stdin, and ends when its parent does.  It
writes nothing but the index, and errors to stderr.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread

from copdns.list_files import index_file
from copdns.list_files.facts import SHIPPED, Facts, load_facts_of
from copdns.list_files.list_text import read_text
from copdns.lists.catalogue import read_files
from copdns.lists.compiled_index import pack
from copdns.lists.drafts import all_drafts
from copdns.lists.merge import merge
from copdns.lists.source import ListSource
from copdns.model.errors import CopdnsError

# Measured: 1,000,000 names in 26 MB of text take 210 MB in all, 5,000,000 take 790 MB.
_BASE, _FOR_EACH_OCTET = 256 << 20, 24


@dataclass(frozen=True, slots=True)
class CompileJob:
    """A job for the process.  path: of the index to write.  key: of `index_store.index_key`.

    memory: the limit in octets.  data, facts: the data folder, and the facts of it by their digest.
    """

    path: str
    key: str
    sources: tuple[ListSource, ...]
    memory: int
    data: str = ""
    facts: str = ""

    def line(self) -> bytes:
        """Return the job as the line that the process reads."""
        return f"{json.dumps(asdict(self))}\n".encode()


def memory_limit(octets: int) -> int:
    """Return the limit of memory, in octets, to compile texts of this many octets."""
    return _BASE + _FOR_EACH_OCTET * octets


def compile_lists(
    path: Path, key: str, sources: Sequence[ListSource], facts: Facts = SHIPPED
) -> None:
    """Compile the bundled lists and `sources`; raise ListError or ConfigError.

    A list that cannot be used gets a status with its error.
    """
    found = read_files(facts.read)
    merged = merge(all_drafts(found, facts.read, sources, read_text))
    index_file.write(path, pack(merged, key))


def main() -> None:
    """Do the job on stdin; exit with 0 once the index is written."""
    os.nice(10)
    with suppress(OSError):  # not Linux, or a jail without /proc
        Path("/proc/self/oom_score_adj").write_text("1000")
    gc.disable()  # no reference cycles arise here
    fields = json.loads(sys.stdin.readline())
    sources = tuple(ListSource(**each) for each in fields["sources"])
    job = CompileJob(**{**fields, "sources": sources})
    path = Path(job.path)
    Thread(target=_end_with_the_parent, args=[path], daemon=True).start()
    _limit_memory(job.memory)
    try:
        compile_lists(path, job.key, job.sources, load_facts_of(Path(job.data), job.facts))
    except CopdnsError as error:
        sys.exit(str(error))
    except MemoryError:
        _limit_memory(resource.RLIM_INFINITY)  # the message takes memory too
        sys.exit(
            f"the lists need more than {job.memory >> 20} MiB of memory; use fewer or smaller lists"
        )


def _limit_memory(memory: int) -> None:
    with suppress(OSError, ValueError):  # the service manager may forbid it, and limit us itself
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, hard))


def _end_with_the_parent(path: Path) -> None:
    sys.stdin.read()  # until the other end is closed
    path.with_suffix(index_file.UNFINISHED).unlink(missing_ok=True)
    os._exit(1)


if __name__ == "__main__":
    main()
