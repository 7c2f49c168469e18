"""Unpack what a server sent as a list, and read it as it will be read: `python -m
copdns.list_files.unpack`.

A process of its own, at the lowest priority and the first to go when memory is short: a file that
was made to do harm, or is just huge, costs neither answers nor memory.  It is told what to do as
one line of JSON on stdin and tells the outcome as one on stdout.  Nothing is written but the one
text, whatever an archive says.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from copdns.lists.download import GZIP, MIB, Copy, looks_wrong
from copdns.lists.parse import ListFormat, parse
from copdns.model.errors import CopdnsError, FetchError
from copdns.model.matchers import Match

CHUNK = 256 << 10
LAYERS = 2  # a .gz file may be packed once more for the way
BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True)
class UnpackJob:
    """What to do.  raw: the file as it came; text: the one to write, which is not there yet.

    member: the file to take out of a tar; "": there is no tar.  limit: octets, unpacked.
    """

    raw: str
    text: str
    member: str
    format: str
    match: str
    limit: int


def unpack_list(job: UnpackJob) -> Copy:
    """Write the text of a job and read it; raise FetchError, ListError, or OSError of the disk."""
    digest, octets = hashlib.sha256(), 0
    with Path(job.raw).open("rb") as raw, Path(job.text).open("xb") as text:
        for chunk in _chunks(raw, job):
            if not octets and (trouble := looks_wrong(chunk[:BLOCK])):
                raise FetchError(trouble)
            digest.update(chunk)
            octets += len(chunk)
            text.write(chunk)
    found = parse(
        Path(job.text).read_text(encoding="utf-8", errors="replace"),
        ListFormat(job.format),
        Match(job.match),
    )
    lines = found.used + sum(found.unused.values())
    return Copy(octets, digest.hexdigest(), found.used, lines)


def _chunks(raw: IO[bytes], job: UnpackJob) -> Iterator[bytes]:
    stream = _Bounded(raw, job.limit).buffered()
    try:
        for _ in range(LAYERS):
            if stream.peek(2).startswith(GZIP):
                stream = _Bounded(gzip.GzipFile(fileobj=stream), job.limit).buffered()
        yield from _member(stream, job.member) if job.member else _all(stream)
    except EOFError:
        raise FetchError("the download was cut off (gzip ends too early)") from None
    except (gzip.BadGzipFile, zlib.error):
        raise FetchError("the download was damaged (broken gzip)") from None


def _all(stream: io.BufferedReader) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


class _Bounded(io.RawIOBase):
    """A stream that breaks off where more comes out of it than a list can have."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile, limit: int) -> None:
        self._source = source
        self._limit = self._left = limit

    def buffered(self) -> io.BufferedReader:
        return io.BufferedReader(self, CHUNK)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # never None
        chunk = self._source.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise FetchError(
                f"the unpacked file is larger than {self._limit / MIB:g} MiB, which is too large "
                "for a list; check the address"
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)


# --- tar ------------------------------------------------------------------------------------------


def _member(stream: io.BufferedReader, wanted: str) -> Iterator[bytes]:
    """Yield the content of one file of a tar.

    Headers are walked by hand, one block at a time: `tarfile` would take a long name, of whatever
    length, into memory, and it knows how to write files.
    """
    seen: list[str] = []
    first = True
    while (header := _header(stream, first=first)) is not None:
        first = False
        name = header.name.removeprefix("./")
        if name == wanted and not header.isreg():
            raise FetchError(
                f"{wanted} is not a regular file in the archive; check what the archive contains"
            )
        pieces = _pieces(stream, header.size)
        if name == wanted:
            yield from pieces
            return
        for _ in pieces:
            pass  # of what is not wanted nothing is kept
        if header.isreg():
            seen.append(ascii(name)[1:-1][:60])
    holds = ", ".join(seen[:5]) + (" ..." if len(seen) > 5 else "")
    raise FetchError(
        f"the archive has no {wanted} (it contains {holds or 'nothing'}); correct `member`"
    )


def _header(stream: io.BufferedReader, *, first: bool) -> tarfile.TarInfo | None:
    """Return the next header, None at the end."""
    block = stream.read(BLOCK)
    if not block or not block.strip(b"\0"):
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError:
        if first:
            trouble = looks_wrong(block.replace(b"\0", b" "))  # it need not be text
            raise FetchError(trouble or "this is not a tar archive; leave out `member`") from None
        raise FetchError("the archive is damaged or was cut off") from None


def _pieces(stream: io.BufferedReader, size: int) -> Iterator[bytes]:
    """Yield the content that follows a header, and skip what fills its last block."""
    padding = -size % BLOCK
    while size > 0:
        chunk = stream.read(min(size, CHUNK))
        if not chunk:
            raise FetchError("the archive was cut off")
        size -= len(chunk)
        yield chunk
    stream.read(padding)


# --- the process ----------------------------------------------------------------------------------


def main() -> None:
    os.nice(19)
    with suppress(OSError):  # not Linux, or a jail without /proc
        Path("/proc/self/oom_score_adj").write_text("1000")
    job = UnpackJob(**json.loads(sys.stdin.readline()))
    outcome: dict[str, object]
    try:
        outcome = asdict(unpack_list(job))
    except (CopdnsError, OSError) as error:
        outcome = {"error": _told(error)}
    except MemoryError:
        outcome = {
            "error": "the list is too large for this machine's memory; see sources.max_names"
        }
    print(json.dumps(outcome))  # noqa: T201 - what the parent reads


def _told(error: CopdnsError | OSError) -> str:
    if isinstance(error, OSError):
        return (
            f"the list could not be saved: {error.strerror}; free some space on the disk of the "
            "data folder"
        )
    return str(error)


if __name__ == "__main__":
    main()
