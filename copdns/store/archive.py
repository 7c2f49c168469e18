"""Pack databases into a backup file, and unpack one.

The file is a ZIP archive that holds `backup.json`, databases by their names and the household's own
lists, and nothing else.
It is written under another name and renamed when it is complete.  A backup may come from anybody:
no name in it may be a path, no part may be larger than `backup.json` says, and a backup that
differs from its `backup.json` is refused before anything in it is used.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from copdns.model.errors import BackupError

UNFINISHED = ".new"  # ends the name of what is not whole yet
MAGIC = b"PK\x03\x04"  # begins a file that `pack` wrote
ABOUT = "backup.json"
FORMAT = 1
# Octets, unpacked; the last are the lists that the household pasted.
MAX_OCTETS = {"household.db": 512 << 20, "log.db": 8 << 30, "own-lists.json": 32 << 20}
_MAX_ABOUT = 64 << 10
_BLOCK = 1 << 20
_COMPRESSIONS = {
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
}  # others let the file choose the memory used
_BROKEN_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, OverflowError),
)
_MAX_MADE = 1 << 37  # seconds: the year 6325, well before calendars end


@dataclass(frozen=True, slots=True)
class ArchivedDatabase:
    """A database in a backup.  octets: unpacked; digest: SHA-256 of them, in hex."""

    octets: int
    digest: str


@dataclass(frozen=True, slots=True)
class Backup:
    """The contents of `backup.json`.

    made: seconds since the epoch.  version: of the copdns that made it.  parts: the databases by
    file name.
    """

    made: int
    version: str
    parts: Mapping[str, ArchivedDatabase]


def pack(file: Path, databases: Mapping[str, Path], made: int, version: str) -> Backup:
    """Write a backup that only its owner can read; raise BackupError.

    A file of that name is replaced when the new one is complete.  databases: paths by file name.
    made: seconds since the epoch.
    """
    if file.exists() and not file.is_file():
        raise BackupError(
            f"{file}: this cannot be replaced, because it is not a regular file; name another file"
        )
    try:
        parts = {name: _describe(path) for name, path in databases.items()}
        found = Backup(made, version, parts)
        with (
            _replace_when_whole(file) as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out,
        ):
            out.writestr(ABOUT, json.dumps(_as_json(found), indent=1))
            for name, path in databases.items():
                out.write(path, name)
    except OSError as error:
        raise BackupError(f"{file}: {error.strerror or error}; {_remedy(error)}") from error
    return found


def unpack(file: Path, folder: Path) -> Backup:
    """Write the databases of a backup into an empty folder; return its `backup.json`.

    Raises BackupError for a backup that is damaged, or has another format.
    """
    try:
        if file.exists() and not file.is_file():
            raise BackupError(
                f"{file}: this is not a file; name a backup"
            )  # reading a pipe would block
        with zipfile.ZipFile(file) as archive:
            found = _read_about(file, archive)
            free = shutil.disk_usage(folder).free
            if sum(each.octets for each in found.parts.values()) > free:
                raise BackupError(
                    f"{file}: there is not enough disk space to unpack it next to the databases; "
                    "free some space"
                )
            for name, part in found.parts.items():
                _extract(file, archive, name, part, folder / name)
    except _BROKEN_ERRORS as error:
        raise BackupError(
            f"{file}: this backup of copdns is incomplete or damaged ({error}); use another one"
        ) from error
    except OSError as error:
        raise BackupError(f"{file}: {error.strerror or error}; name a backup") from error
    return found


def _as_json(backup: Backup) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "copdns": backup.version,
        "made": backup.made,
        "parts": {
            name: {"octets": each.octets, "sha256": each.digest}
            for name, each in backup.parts.items()
        },
    }


def _read_about(file: Path, archive: zipfile.ZipFile) -> Backup:
    """Return the `backup.json` of an archive; raise BackupError, and ValueError for no JSON."""
    names = archive.namelist()
    if any(each.compress_type not in _COMPRESSIONS for each in archive.infolist()):
        raise BackupError(
            f"{file}: this is not a backup of copdns: it is compressed in another way"
        )
    strange = [each for each in names if each != ABOUT and each not in MAX_OCTETS]
    if strange or len(set(names)) != len(names) or ABOUT not in names:
        reason = f"it holds {strange[0]!a}" if strange else "it does not hold the parts of a backup"
        raise BackupError(f"{file}: this is not a backup of copdns: {reason}")
    with archive.open(ABOUT) as stream:
        found = json.loads(stream.read(_MAX_ABOUT))
    try:
        if found["format"] != FORMAT:
            raise BackupError(
                f"{file}: this backup has format {found['format']!r}, but this version of copdns "
                f"reads format {FORMAT}; restore it with the version that made it"
            )
        parts = {
            str(name): ArchivedDatabase(int(each["octets"]), str(each["sha256"]))
            for name, each in found["parts"].items()
        }
        backup = Backup(int(found["made"]), str(found["copdns"]), parts)
    except (KeyError, TypeError, AttributeError) as error:
        raise BackupError(
            f"{file}: its {ABOUT} was not written by copdns; use another backup"
        ) from error
    too_large = [n for n, each in parts.items() if not 0 <= each.octets <= MAX_OCTETS.get(n, -1)]
    if not 0 <= backup.made < _MAX_MADE:
        raise BackupError(f"{file}: its {ABOUT} was not written by copdns; use another backup")
    if too_large or set(parts) != set(names) - {ABOUT} or "household.db" not in parts:
        raise BackupError(
            f"{file}: it holds other parts than its {ABOUT} lists; use another backup"
        )
    return backup


def _extract(
    file: Path, archive: zipfile.ZipFile, name: str, part: ArchivedDatabase, to: Path
) -> None:
    digest, left = hashlib.sha256(), part.octets
    with archive.open(name) as source, open(to, "xb", opener=_open_private) as target:
        while block := source.read(_BLOCK):
            left -= len(block)
            if left < 0:
                break  # before it fills the disk
            digest.update(block)
            target.write(block)
    if left or digest.hexdigest() != part.digest:
        raise BackupError(
            f"{file}: its {name} was changed or damaged after it was saved; use another backup"
        )


def _describe(path: Path) -> ArchivedDatabase:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return ArchivedDatabase(path.stat().st_size, digest)


@contextmanager
def _replace_when_whole(file: Path) -> Iterator[IO[bytes]]:
    """Yield a new file that replaces the one of this name; it is deleted after an error."""
    new = file.with_name(f".{file.name}.{os.getpid()}{UNFINISHED}")
    try:
        with open(new, "xb", opener=_open_private) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
    except BaseException:  # also Ctrl-C: half a file would look like a backup under way
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _remedy(error: OSError) -> str:
    full = "free some space on that disk, or name another; an older backup there is unchanged"
    return full if error.errno in _FULL else "name another file"


_FULL = {errno.ENOSPC, errno.EDQUOT}
