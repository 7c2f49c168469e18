"""What a second box keeps in its data folder: whom it follows, the last bundle, and when it came.

    following.json     the first box's address, and the key of the pairing
    followed.bundle    the last bundle, as it was signed
    followed.json      when something was fetched last

Nothing else of the household is on its disk but today's minutes.  All functions block.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from copdns.household.second_box.bundle import Bundle, read_bundle
from copdns.household.second_box.pairing_key import PairingKey, parse_pairing_key
from copdns.model.errors import FollowingError, StoreError
from copdns.store.db import give_to_owner, store_error

PAIRING = "following.json"
BUNDLE = "followed.bundle"
STATE = "followed.json"
OWN_LISTS = "own-lists"


class Following(NamedTuple):
    """url: of the first box, such as "https://192.0.2.10".  since: when it was joined, in epoch
    seconds."""

    url: str
    key: PairingKey
    since: int


def parse_first_box(url: str) -> str:
    """Return the address of a first box in its usual form; raise FollowingError."""
    try:
        found = urlsplit(url.strip())
        port = found.port
    except ValueError:
        raise FollowingError(f"{url} is no address") from None
    if found.scheme != "https" or not found.hostname:
        raise FollowingError(
            f"{url}: write the address of the first box with https://, such as https://192.0.2.10"
        )
    if found.username or found.query or found.fragment or found.path not in ("", "/"):
        raise FollowingError(f"{url}: write the address alone, such as https://192.0.2.10")
    host = f"[{found.hostname}]" if ":" in found.hostname else found.hostname
    return f"https://{host}" if port in (None, 443) else f"https://{host}:{port}"


def read_following(folder: Path) -> Following | None:
    """Return whom the box of a data folder follows; None where it follows nobody.

    Raises StoreError where that cannot be read: a second box must not become a first one.
    """
    path = folder / PAIRING
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Following(str(found["url"]), parse_pairing_key(found["key"]), int(found["since"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise store_error(path, error) from error
    except (ValueError, LookupError, TypeError, FollowingError) as error:
        raise StoreError(
            f"{path}: it is damaged ({error}); join the boxes again with copdns follow"
        ) from error


def write_following(folder: Path, following: Following) -> None:
    """Store whom this box follows; what an earlier first box sent is deleted.  StoreError."""
    forget_bundle(folder)
    text = {"url": following.url, "key": following.key.text, "since": following.since}
    write_private(folder / PAIRING, json.dumps(text).encode())


def stop_following(folder: Path) -> None:
    """Forget whom this box followed, and what it got.  StoreError."""
    forget_bundle(folder)
    _remove(folder / PAIRING)


def forget_bundle(folder: Path) -> None:
    """Delete what came from the first box, but lists that are public.  StoreError."""
    for name in (BUNDLE, STATE):
        _remove(folder / name)
    try:
        shutil.rmtree(folder / OWN_LISTS)
    except FileNotFoundError:
        return
    except OSError as error:
        raise store_error(folder / OWN_LISTS, error) from error


def read_stored_bundle(folder: Path, key: PairingKey) -> tuple[Bundle, bytes] | None:
    """Return the bundle on disk, and its octets; None where there is none.

    Raises FollowingError for one that is damaged, or of another box.
    """
    try:
        octets = (folder / BUNDLE).read_bytes()
    except OSError:
        return None
    return read_bundle(octets, key.public), octets


def read_last_fetch(folder: Path) -> int | None:
    """Return when something was fetched last, in epoch seconds; None for never."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        found: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
        return int(found["fetched"])
    return None


def write_last_fetch(folder: Path, at: int) -> None:
    """Store when something was fetched.  StoreError."""
    write_private(folder / STATE, json.dumps({"fetched": at}).encode())


def write_private(path: Path, octets: bytes) -> None:
    """Write a file that only its owner reads, as a whole or not at all.  StoreError."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        give_to_owner(new)
        new.replace(path)
    except OSError as error:
        raise store_error(path, error) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise store_error(path, error) from error
