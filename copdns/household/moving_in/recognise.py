"""Tell from its octets what a file is, open archives within bounds, and read it.

Archives are opened in memory, and nothing of them is written: names of files in them lead nowhere.
A gravity.db is opened by whoever may (`read_gravity`), since SQL stands in the store.  Pure.
"""

from __future__ import annotations

import json
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import BytesIO
from typing import Final

from copdns.household.moving_in.adguard import read_adguard
from copdns.household.moving_in.hosts import is_hosts, read_hosts
from copdns.household.moving_in.nextdns import read_nextdns
from copdns.household.moving_in.pi_hole import PiHoleParts, Row, Table, read_pi_hole
from copdns.household.moving_in.wishes import FoundSettings
from copdns.model.errors import MoveInError

MAX_FILE: Final = 32 << 20  # octets of what is given
MAX_TEXT: Final = 8 << 20  # octets of one text in an archive
MAX_UNPACKED: Final = 64 << 20  # octets of all that is taken out of an archive
MAX_MEMBERS: Final = 500  # files of an archive
DATABASE: Final = b"SQLite format 3\0"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_GRAVITY: Final = "gravity.db"
_TEXTS: Final = (".json", ".conf", ".list", ".toml", "/hosts")

ReadGravity = Callable[[bytes], Mapping[str, list[Row]]]


def read_file(octets: bytes, name: str, read_gravity: ReadGravity) -> FoundSettings:
    """Return what a file of another program says.

    name: of the file, for errors.  read_gravity: returns the tables of a database; raises
    MoveInError.  Raises MoveInError for a file that is none, damaged, or too large.
    """
    if len(octets) > MAX_FILE:
        raise MoveInError(
            "this file is larger than %(most)s MiB; export a Teleporter archive, which is small",
            name="file",
            most=MAX_FILE >> 20,
        )
    if octets.startswith(DATABASE):
        return read_database(read_gravity(octets), name)
    if octets.startswith((_GZIP, _ZIP)):
        return _read_archive(octets, read_gravity)
    return _read_text(octets, name)


def read_database(tables: Mapping[str, list[Row]], name: str = _GRAVITY) -> FoundSettings:
    """Return what the tables of a gravity.db say."""
    return read_pi_hole(PiHoleParts(_tables(tables, name), {}), read_json)


def _tables(tables: Mapping[str, list[Row]], place: str) -> dict[str, Table]:
    return {name: Table(place, rows) for name, rows in tables.items()}


def _read_text(octets: bytes, name: str) -> FoundSettings:
    text = _decode(octets, name)
    if text.lstrip()[:1] in ("{", "["):
        return read_nextdns(read_json(text, name))
    if is_hosts(text) and ":" not in text.lstrip().partition("\n")[0].partition("#")[0][:1]:
        return read_hosts(text)
    if "schema_version" in text or "user_rules:" in text or "dns:" in text:
        return read_adguard(text, name)
    return read_hosts(text)


def _decode(octets: bytes, name: str) -> str:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MoveInError(
            "%(file)s is no text that can be read; choose the file as that program wrote it",
            name="file",
            file=name,
        ) from None


def read_json(text: str, name: str) -> object:
    """Return what a text in JSON says; raise MoveInError, with the line, where it is damaged."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise MoveInError(
            "%(file)s is damaged in line %(line)s; export it again",
            name="file",
            file=name,
            line=error.lineno,
        ) from None
    except (ValueError, RecursionError):
        raise _damage_error(name) from None


def _damage_error(name: str) -> MoveInError:
    return MoveInError("%(file)s is damaged; export it again", name="file", file=name)


def _read_archive(octets: bytes, read_gravity: ReadGravity) -> FoundSettings:
    try:
        found = dict(_members(octets))
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise _damage_error("the archive") from error
    except (ValueError, OverflowError, NotImplementedError, RuntimeError) as error:
        # zipfile raises these for what it does not read: encrypted, or an unknown method.
        raise _damage_error("the archive") from error
    database = found.pop(_GRAVITY, None)
    tables = {} if database is None else _tables(read_gravity(database), _GRAVITY)
    files = {name: _decode(each, name) for name, each in found.items()}
    if not tables and not any(each.endswith((".json", ".toml")) for each in files):
        raise MoveInError(
            "this archive is not from Pi-hole; export one under Settings, Teleporter", name="file"
        )
    return read_pi_hole(PiHoleParts(tables, files), read_json)


def _members(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an archive that mean something, by their names without folders."""
    opened = _zip_members(octets) if octets.startswith(_ZIP) else _tar_members(octets)
    total = 0
    for number, (path, read) in enumerate(opened):
        if number >= MAX_MEMBERS:
            raise MoveInError("this archive has too many files; export it again", name="file")
        name = path.rpartition("/")[2]
        if name == _GRAVITY:
            most = MAX_UNPACKED
        elif f"/{path}".endswith(_TEXTS):
            most = MAX_TEXT
        else:
            continue
        content = read(most + 1)
        total += len(content)
        if len(content) > most or total > MAX_UNPACKED:
            raise MoveInError(
                "%(file)s in this archive is too large; export the archive again",
                name="file",
                file=name,
            )
        yield name, content


Member = tuple[str, Callable[[int], bytes]]


def _zip_members(octets: bytes) -> Iterator[Member]:
    with zipfile.ZipFile(BytesIO(octets)) as archive:
        for info in archive.infolist():
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NotImplementedError  # others take as much memory as the file says

            yield info.filename, partial(_read_zipped, archive, info)


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    with archive.open(info) as file:
        return file.read(most)


def _tar_members(octets: bytes) -> Iterator[Member]:
    """Unpacked as a whole first, within a bound: tarfile believes what an archive says of sizes."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    plain = unpacker.decompress(octets, MAX_UNPACKED)
    if unpacker.unconsumed_tail:
        raise MoveInError("this archive is too large; export it again", name="file")
    if not unpacker.eof:
        raise EOFError
    with tarfile.open(fileobj=BytesIO(plain), mode="r:") as archive:
        for info in archive:
            if info.isfile():
                yield info.name, partial(_read_packed, archive, info)


def _read_packed(archive: tarfile.TarFile, info: tarfile.TarInfo, most: int) -> bytes:
    file = archive.extractfile(info)
    return file.read(most) if file else b""
