"""Compile lists into an index: `python -m copdns.list_files.compiling`.

A process of its own, of low priority and the first to go when memory is short: reading a million
names takes seconds and hundreds of megabytes, which answering must neither wait for nor keep.  It
is told what to do as one line of JSON on stdin, and ends when its parent does.  Nothing is written
but the one file; what went wrong it says on stderr.
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
from copdns.list_files.load import bundled_text, text_of
from copdns.lists.catalogue import files
from copdns.lists.compiled import pack
from copdns.lists.drafts import added, bundled
from copdns.lists.merge import merge
from copdns.lists.source import ListSource
from copdns.model.errors import CopdnsError

# Measured: 1,000,000 names in 15 MB of text take 290 MB in all, 5,000,000 take 1,050 MB.
_BASE, _FOR_EACH_OCTET = 256 << 20, 24


@dataclass(frozen=True, slots=True)
class Job:
    """What to do.  path: where the index is to be.  key: stands in it.

    memory: octets that it may take.
    """

    path: str
    key: str
    sources: tuple[ListSource, ...]
    memory: int

    def line(self) -> bytes:
        """Return the job as it is told to the process."""
        return f"{json.dumps(asdict(self))}\n".encode()


def memory_for(octets: int) -> int:
    """Return how much memory, in octets, texts of this size may take."""
    return _BASE + _FOR_EACH_OCTET * octets


def compile_lists(path: Path, key: str, sources: Sequence[ListSource]) -> None:
    """Compile the bundled lists and these; raise ListError or ConfigError.

    A list that cannot be used is a status with its error.
    """
    found = files(bundled_text)
    merged = merge(list(bundled(found, bundled_text)), added(found, sources, text_of))
    index_file.write(path, pack(merged, key))


def main() -> None:
    """Do the job on stdin; exit 0 when the index is there."""
    os.nice(10)
    with suppress(OSError):  # not Linux, or a jail without /proc
        Path("/proc/self/oom_score_adj").write_text("1000")
    gc.disable()  # nothing here goes in circles
    told = json.loads(sys.stdin.readline())
    sources = tuple(ListSource(**each) for each in told["sources"])
    job = Job(**{**told, "sources": sources})
    path = Path(job.path)
    Thread(target=_end_with_the_parent, args=[path], daemon=True).start()
    _bound(job.memory)
    try:
        compile_lists(path, job.key, job.sources)
    except CopdnsError as error:
        sys.exit(str(error))
    except MemoryError:
        _bound(resource.RLIM_INFINITY)  # to say so takes some too
        sys.exit(
            f"the lists need more than {job.memory >> 20} MiB of memory; use fewer or smaller lists"
        )


def _bound(memory: int) -> None:
    with suppress(OSError, ValueError):  # the service manager may forbid it, and bound us itself
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, hard))


def _end_with_the_parent(path: Path) -> None:
    sys.stdin.read()  # until the other end is closed
    path.with_suffix(index_file.UNFINISHED).unlink(missing_ok=True)
    os._exit(1)


if __name__ == "__main__":
    main()
