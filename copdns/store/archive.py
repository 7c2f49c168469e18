"""A backup as one file: databases and what is to be known of them, packed and taken apart again.

The file is a ZIP archive that holds `backup.json` and databases by their names, and nothing else.
It is written beside its name and takes it when it is whole.  What is read may come from anybody:
no name in it is a path, nothing is larger than it says, and what differs from what it says of
itself is refused before anything is done with it.
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

ABOUT = "backup.json"
FORMAT = 1
MOST = {"household.db": 512 << 20, "log.db": 8 << 30}  # octets, unpacked
_ABOUT_MOST = 64 << 10
_BLOCK = 1 << 20
_OURS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # other ways take memory as the file likes
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, OverflowError),
)
_LATEST = 1 << 37  # seconds: the year 6325, well before calendars end


@dataclass(frozen=True, slots=True)
class Part:
    """A database in a backup.  octets: unpacked; digest: SHA-256 of them, in hex."""

    octets: int
    digest: str


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup says of itself.  made: seconds since the epoch; version: of copdns."""

    made: int
    version: str
    parts: Mapping[str, Part]


def pack(file: Path, databases: Mapping[str, Path], made: int, version: str) -> Backup:
    """Write a backup, readable by its owner only; raise BackupError.

    A file of that name is replaced when the new one is whole, and stays as it was until then.
    """
    if file.exists() and not file.is_file():
        raise BackupError(
            f"{file}: this cannot be replaced, because it is not a regular file; name another file"
        )
    try:
        parts = {name: _part(path) for name, path in databases.items()}
        found = Backup(made, version, parts)
        with _replacing(file) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr(ABOUT, json.dumps(_as_json(found), indent=1))
            for name, path in databases.items():
                out.write(path, name)
    except OSError as error:
        raise BackupError(f"{file}: {error.strerror or error}; {_remedy(error)}") from error
    return found


def unpack(file: Path, folder: Path) -> Backup:
    """Write the databases of a backup into an empty folder; return what they are.

    Raises BackupError for what is no whole backup, or of a later format than this.
    """
    try:
        if file.exists() and not file.is_file():
            raise BackupError(
                f"{file}: this is not a file; name a backup"
            )  # a pipe would be waited for
        with zipfile.ZipFile(file) as archive:
            found = _about(file, archive)
            free = shutil.disk_usage(folder).free
            if sum(each.octets for each in found.parts.values()) > free:
                raise BackupError(
                    f"{file}: there is not enough disk space to unpack it next to the databases; "
                    "free some space"
                )
            for name, part in found.parts.items():
                _take(file, archive, name, part, folder / name)
    except _BROKEN as error:
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


def _about(file: Path, archive: zipfile.ZipFile) -> Backup:
    """Return what an archive says of itself; raise BackupError, and ValueError for no JSON."""
    names = archive.namelist()
    if any(each.compress_type not in _OURS for each in archive.infolist()):
        raise BackupError(
            f"{file}: this is not a backup of copdns: it is compressed in another way"
        )
    strange = [each for each in names if each != ABOUT and each not in MOST]
    if strange or len(set(names)) != len(names) or ABOUT not in names:
        said = f"it holds {strange[0]!a}" if strange else "it does not hold the parts of a backup"
        raise BackupError(f"{file}: this is not a backup of copdns: {said}")
    with archive.open(ABOUT) as stream:
        found = json.loads(stream.read(_ABOUT_MOST))
    try:
        if found["format"] != FORMAT:
            raise BackupError(
                f"{file}: this backup has format {found['format']!r}, but this version of copdns "
                f"reads format {FORMAT}; restore it with the version that made it"
            )
        parts = {
            str(name): Part(int(each["octets"]), str(each["sha256"]))
            for name, each in found["parts"].items()
        }
        backup = Backup(int(found["made"]), str(found["copdns"]), parts)
    except (KeyError, TypeError, AttributeError) as error:
        raise BackupError(
            f"{file}: its {ABOUT} was not written by copdns; use another backup"
        ) from error
    too_large = [n for n, each in parts.items() if not 0 <= each.octets <= MOST.get(n, -1)]
    if not 0 <= backup.made < _LATEST:
        raise BackupError(f"{file}: its {ABOUT} was not written by copdns; use another backup")
    if too_large or set(parts) != set(names) - {ABOUT} or "household.db" not in parts:
        raise BackupError(
            f"{file}: it holds other parts than its {ABOUT} lists; use another backup"
        )
    return backup


def _take(file: Path, archive: zipfile.ZipFile, name: str, part: Part, to: Path) -> None:
    digest, left = hashlib.sha256(), part.octets
    with archive.open(name) as source, open(to, "xb", opener=_private) as target:
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


def _part(path: Path) -> Part:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Part(path.stat().st_size, digest)


@contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    """Give a new file that takes a name when it is whole, and goes when it is not."""
    new = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with open(new, "xb", opener=_private) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _remedy(error: OSError) -> str:
    full = "free some space on that disk, or name another; an older backup there is unchanged"
    return full if error.errno in _FULL else "name another file"


_FULL = {errno.ENOSPC, errno.EDQUOT}
