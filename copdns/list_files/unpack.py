"""Unpack and parse a list as a server sent it: `python -m copdns.list_files.unpack`.

Runs as a process of its own, with the lowest priority, that the kernel kills first when memory is
short: a malicious or huge file then neither delays answers nor takes memory of the server.  It
reads its job as one line of JSON on stdin and prints the outcome as one on stdout.  It writes
nothing but the one text and what was compressed of it, whatever an archive contains.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from copdns.lists.download import GZIP, MIB, CopySummary, content_error
from copdns.lists.gate import Gate
from copdns.lists.index import ListKind
from copdns.lists.parse import ListFormat, ParsedList, parse_list
from copdns.lists.small_index import Draft
from copdns.lists.versions import (
    MAX_NEEDED,
    VersionDiff,
    compare,
    diff_json,
    find_reasons,
    read_diff,
    read_version,
)
from copdns.model.errors import CopdnsError, FetchError
from copdns.model.matchers import MatchKind, parse_matcher

if TYPE_CHECKING:
    import tarfile

CHUNK = 256 << 10
MAX_LAYERS = 2  # a .gz file may be compressed once more for the transfer
PACK_LEVEL = 6  # of gzip
BLOCK = 512  # octets; an archive in tar's format consists of blocks


@dataclass(frozen=True, slots=True)
class UnpackJob:
    """A job for the process.  raw: path of the file as received; text: path of the one to write.

    member: the file to take out of a tar archive; "" for no archive.  limit: octets, unpacked.
    packed: path of the compressed text to write; "" for none.
    before: the text in force, to compare with; "" for none.  before_sha256: its digest.
    before_packed: as `packed`, for the text in force.
    subject: what the list is about.  opens: it is an allow-list.
    vouched: names that a person or a preset allows.
    may_shrink, was_rolled_back: as of `versions.find_reasons`.
    data, facts: the data folder, and which of its facts are in force, by their digest.
    """

    raw: str
    text: str
    member: str
    format: str
    match: str
    limit: int
    packed: str = ""
    before: str = ""
    before_sha256: str = ""
    before_packed: str = ""
    subject: str = ""
    vouched: tuple[str, ...] = ()
    may_shrink: bool = False
    was_rolled_back: bool = False
    opens: bool = False
    data: str = ""
    facts: str = ""


def unpack_list(job: UnpackJob) -> CopySummary:
    """Write the text of a job and parse it; raise FetchError, ListError, or OSError of the disk."""
    digest, octets = hashlib.sha256(), 0
    with Path(job.raw).open("rb") as raw, Path(job.text).open("xb") as text:
        for chunk in _read_chunks(raw, job):
            if not octets and (trouble := content_error(chunk[:BLOCK])):
                raise FetchError(trouble)
            digest.update(chunk)
            octets += len(chunk)
            text.write(chunk)
    found = _parse(job, job.text)
    lines = found.used_count + sum(found.unused.values())
    sha256 = digest.hexdigest()
    if sha256 == job.before_sha256:
        return CopySummary(octets, sha256, found.used_count, lines)
    diff = _compare(job, octets, found) if job.before else None
    for text_path, packed in ((job.text, job.packed), (job.before, job.before_packed)):
        if packed:
            pack_text(Path(text_path), Path(packed))
    return CopySummary(octets, sha256, found.used_count, lines, diff)


def _parse(job: UnpackJob, path: str) -> ParsedList:
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return parse_list(text, ListFormat(job.format), MatchKind(job.match))


def _compare(job: UnpackJob, octets: int, after: ParsedList) -> VersionDiff | None:
    """Return how the text of a job differs from the one in force; None where that is unreadable."""
    try:
        before, octets_before = _parse(job, job.before), Path(job.before).stat().st_size
    except (CopdnsError, OSError):  # damaged: there is nothing to protect
        return None

    def compare_by(gate: Gate | None) -> VersionDiff:
        draft = Draft("", ListKind.CATEGORY, job.subject, "", opens=job.opens)
        vouched = [parse_matcher(each) for each in job.vouched]
        return compare(
            read_version(octets_before, before, draft, gate, vouched),
            read_version(octets, after, draft, gate, vouched),
        )

    # The gate takes a second to build, and tells nothing of what is taken on an ordinary day.
    diff = compare_by(None)
    is_taken = diff.added < MAX_NEEDED and not find_reasons(
        diff, may_shrink=job.may_shrink, was_rolled_back=job.was_rolled_back
    )
    return diff if is_taken else compare_by(_build_gate(job))


def _build_gate(job: UnpackJob) -> Gate:
    # Imported here: it would slow down each fetch.
    from copdns.list_files.facts import load_facts_of
    from copdns.lists.catalogue import read_files
    from copdns.lists.drafts import bundled_drafts, read_gate_rules

    read = load_facts_of(Path(job.data), job.facts).read
    found = read_files(read)
    return Gate(bundled_drafts(found, read), read_gate_rules(found, read))


def pack_text(text: Path, packed: Path) -> None:
    """Write a compressed copy of a text; raise OSError."""
    with text.open("rb") as source, packed.open("xb") as target:
        with gzip.GzipFile("", "wb", PACK_LEVEL, target, mtime=0) as packer:
            shutil.copyfileobj(source, packer, CHUNK)
        target.flush()
        os.fsync(target.fileno())


def _read_chunks(raw: IO[bytes], job: UnpackJob) -> Iterator[bytes]:
    stream = _Bounded(raw, job.limit).open_buffered()
    try:
        for _ in range(MAX_LAYERS):
            if stream.peek(2).startswith(GZIP):
                stream = _Bounded(gzip.GzipFile(fileobj=stream), job.limit).open_buffered()
        yield from _read_member(stream, job.member) if job.member else _read_all(stream)
    except EOFError:
        raise FetchError("the download was cut off (gzip ends too early)") from None
    except (gzip.BadGzipFile, zlib.error):
        raise FetchError("the download was damaged (broken gzip)") from None


def _read_all(stream: io.BufferedReader) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


class _Bounded(io.RawIOBase):
    """A stream that raises FetchError after `limit` octets."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile, limit: int) -> None:
        self._source = source
        self._limit = self._left = limit

    def open_buffered(self) -> io.BufferedReader:
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


def _read_member(stream: io.BufferedReader, wanted: str) -> Iterator[bytes]:
    """Yield the content of one file of a tar archive.

    Reads headers by hand, one block at a time: `tarfile` would read a name of any length into
    memory, and it can write files.
    """
    seen: list[str] = []
    first = True
    while (header := _read_header(stream, first=first)) is not None:
        first = False
        name = header.name.removeprefix("./")
        if name == wanted and not header.isreg():
            raise FetchError(
                f"{wanted} is not a regular file in the archive; check what the archive contains"
            )
        pieces = _read_pieces(stream, header.size)
        if name == wanted:
            yield from pieces
            return
        for _ in pieces:
            pass  # skip it
        if header.isreg():
            seen.append(ascii(name)[1:-1][:60])
    holds = ", ".join(seen[:5]) + (" ..." if len(seen) > 5 else "")
    raise FetchError(
        f"the archive has no {wanted} (it contains {holds or 'nothing'}); correct `member`"
    )


def _read_header(stream: io.BufferedReader, *, first: bool) -> tarfile.TarInfo | None:
    """Return the next header; None at the end of the archive."""
    import tarfile  # here: the program itself only makes jobs and does without it

    block = stream.read(BLOCK)
    if not block or not block.strip(b"\0"):
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError:
        if first:
            trouble = content_error(block.replace(b"\0", b" "))  # it need not be text
            raise FetchError(trouble or "this is not a tar archive; leave out `member`") from None
        raise FetchError("the archive is damaged or was cut off") from None


def _read_pieces(stream: io.BufferedReader, size: int) -> Iterator[bytes]:
    """Yield the content that follows a header, and skip the padding of its last block."""
    padding = -size % BLOCK
    while size > 0:
        chunk = stream.read(min(size, CHUNK))
        if not chunk:
            raise FetchError("the archive was cut off")
        size -= len(chunk)
        yield chunk
    stream.read(padding)


def summary_json(copy: CopySummary) -> dict[str, object]:
    """Return a summary as the line that the parent reads (`read_summary`)."""
    return {**asdict(copy), "diff": copy.diff and diff_json(copy.diff)}


def read_summary(found: Mapping[str, Any]) -> CopySummary:
    """Return the summary that the process printed."""
    diff = found["diff"]
    return CopySummary(**{**found, "diff": read_diff(diff) if diff else None})


# --- the process ----------------------------------------------------------------------------------


def main() -> None:
    """Read a job from stdin, and write its outcome, or {"error": text}, to stdout."""
    os.nice(19)
    with suppress(OSError):  # not Linux, or a jail without /proc
        Path("/proc/self/oom_score_adj").write_text("1000")
    job = UnpackJob(**json.loads(sys.stdin.readline()))
    outcome: dict[str, object]
    try:
        outcome = summary_json(unpack_list(job))
    except (CopdnsError, OSError) as error:
        outcome = {"error": _error_text(error)}
    except MemoryError:
        outcome = {
            "error": "the list is too large for this machine's memory; see sources.max_names"
        }
    sys.stdout.write(json.dumps(outcome) + "\n")  # one line, which the parent reads


def _error_text(error: CopdnsError | OSError) -> str:
    if isinstance(error, OSError):
        return (
            f"the list could not be saved: {error.strerror}; free some space on the disk of the "
            "data folder"
        )
    return str(error)


if __name__ == "__main__":
    main()
