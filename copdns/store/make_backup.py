"""Make a backup of a data folder: by hand under any name, or by the schedule into its folder."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog

from copdns import __version__
from copdns.model.errors import BackupError
from copdns.store import archive, sealed_backup
from copdns.store.archive import Backup, pack
from copdns.store.backup import copy_databases
from copdns.store.backup_schedule import (
    MAKER,
    SEALED,
    BackupPlan,
    ScheduledBackup,
    backup_name,
    read_names,
    too_many,
)
from copdns.store.household_copy import write_whole
from copdns.store.sealed_backup import NO_LIBRARY, can_seal, seal

_log = structlog.get_logger("copdns.store")

MAKER_FILE = "backup-id"
_ABANDONED = 86_400  # seconds after which nobody works with what is not whole
_NEW = ".copdns-"  # begins the name of what is not whole yet


def temporary_folder(file: Path, maker: str = "") -> tempfile.TemporaryDirectory[str]:
    """Return a private folder in the file system of a file, deleted when it is left.

    maker: the id of the data folder, where the folder of the file may be another machine's too.
    Raises BackupError.
    """
    prefix = f"{_NEW}{maker}-" if maker else _NEW
    try:
        return tempfile.TemporaryDirectory(prefix=prefix, dir=file.absolute().parent)
    except OSError as error:
        raise BackupError(f"{file.parent}: {error.strerror}; choose another folder") from error


def make_backup(
    copy: Callable[[Path], dict[str, Path]],
    file: Path,
    texts: Mapping[str, str],
    now: int,
    maker: str = "",
) -> Backup:
    """Write a backup to a file; raise BackupError and StoreError.

    copy: writes the databases into a folder, and returns them by name.  texts: other parts by their
    names, such as the household's own lists.  maker: as `temporary_folder` takes it.
    """
    with temporary_folder(file, maker) as name:
        folder = Path(name)
        parts = copy(folder)
        for part, text in texts.items():
            parts[part] = folder / part
            parts[part].touch(mode=0o600)
            parts[part].write_text(text, encoding="utf-8")
        return pack(file, parts, now, __version__)


def read_maker(data: Path) -> str:
    """Return the id by which a data folder knows its backups; "" for none; raise BackupError."""
    path = data / MAKER_FILE
    try:
        found = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}; let copdns read this file") from error
    return found if MAKER.fullmatch(found) else ""


def ready_maker(data: Path) -> str:
    """Return the id of a data folder, made at the first call; raise BackupError."""
    found = read_maker(data)
    if not found:
        found = secrets.token_hex(4)
        try:
            write_whole(data / MAKER_FILE, found.encode("ascii"))
        except OSError as error:
            raise BackupError(f"{data / MAKER_FILE}: {error.strerror}; free some space") from error
    return found


def list_scheduled(folder: Path, maker: str) -> list[ScheduledBackup]:
    """Return the backups in a folder that a data folder made, the oldest first.

    maker: its id.  What only has the name of one, such as an empty file, is none.  Raises
    BackupError for no folder.
    """
    try:
        named = read_names((each.name for each in folder.iterdir()), maker)
        return [each for each in named if _is_backup(folder / each.name)]
    except OSError as error:
        raise BackupError(
            f"{folder}: {error.strerror}; make the folder, or correct backup.folder"
        ) from error


def _is_backup(path: Path) -> bool:
    magic = sealed_backup.MAGIC if path.name.endswith(SEALED) else archive.MAGIC
    try:
        if not path.is_file():
            return False  # reading a pipe would block
        with path.open("rb") as stream:
            return stream.read(len(magic)) == magic
    except FileNotFoundError:
        return False
    except PermissionError:
        return True  # made while the service's user had another number


def make_scheduled(
    data: Path,
    folder: Path,
    texts: Mapping[str, str],
    plan: BackupPlan,
    recipients: Sequence[str],
    now: int,
) -> Path:
    """Write a backup into the folder of the schedule, delete older ones, and return its file.

    recipients: public keys; () leaves it unencrypted.  Raises BackupError and StoreError; the older
    ones stay then.
    """
    maker = ready_maker(data)
    list_scheduled(folder, maker)
    _remove_unfinished(data, folder, maker, now)
    file = folder / backup_name(now, maker, is_sealed=bool(recipients))
    if not recipients:
        make_backup(partial(copy_databases, data, with_log=False), file, texts, now, maker)
    else:
        _make_sealed(data, file, texts, recipients, now, maker)
    for each in too_many(list_scheduled(folder, maker), plan, now):
        try:
            (folder / each.name).unlink(missing_ok=True)
        except OSError as error:  # the next backup tries again
            _tell_left(folder / each.name, error)
    return file


def _remove_unfinished(data: Path, folder: Path, maker: str, now: int) -> None:
    """Remove what a kill or a power cut left of backups: whole households, not encrypted."""
    made = r"[a-z0-9_]{8}"  # by tempfile
    file = rf"\d{{8}}T\d{{6}}Z-{maker}\.backup\.\d+{re.escape(archive.UNFINISHED)}"
    here = re.compile(rf"{re.escape(_NEW)}(?:{MAKER.pattern}-)?{made}")
    there = re.compile(rf"{re.escape(_NEW)}(?:{maker}-{made}|{file})")
    for place, name in ((data, here), (folder, there)):
        for path in place.iterdir():
            if name.fullmatch(path.name):
                _remove_old(path, now)


def _remove_old(path: Path, now: int) -> None:
    try:
        if path.lstat().st_mtime >= now - _ABANDONED:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return  # a command that runs beside was done with it
    except OSError as error:
        _tell_left(path, error)


def _tell_left(path: Path, error: OSError) -> None:
    _log.warning("an old backup could not be deleted", file=str(path), error=error.strerror)


def _make_sealed(
    data: Path,
    file: Path,
    texts: Mapping[str, str],
    recipients: Sequence[str],
    now: int,
    maker: str,
) -> None:
    """What is not encrypted lies beside the databases only: the other disk may be anybody's."""
    if not can_seal():  # before anything is copied
        raise BackupError(NO_LIBRARY)
    with temporary_folder(data / "backup") as name, temporary_folder(file, maker) as beside:
        plain, sealed = Path(name) / "plain", Path(beside) / file.name
        make_backup(partial(copy_databases, data, with_log=False), plain, texts, now)
        seal(plain, sealed, recipients)
        try:
            os.replace(sealed, file)
        except OSError as error:
            raise BackupError(f"{file}: {error.strerror}; name another folder") from error
