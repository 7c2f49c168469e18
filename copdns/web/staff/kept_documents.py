"""Signed statements and reports of before that a provider keeps for the public, in a folder.

What is not signed by the provider's own key is passed over, so a file that lies there by mistake,
such as a tenant's report, is not shown.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from copdns.model.errors import RegisterError
from copdns.provider.law.keys import is_signed_by
from copdns.provider.law.statement import canonical_json
from copdns.provider.law.statement_shapes import QuarterlyReport, SignedReport, SignedStatement

MOST_KEPT: Final = 100  # the newest
MOST_OCTETS: Final = 64 << 20  # of one file

log = structlog.get_logger("copdns")


class KeptDocument(NamedTuple):
    """A file.  name: of its URL.  quarter: of a report, "" for a statement.  made: in UTC.

    stamp: its size and when it was written, to see that it is still the one that was checked.
    """

    name: str
    quarter: str
    made: str
    path: Path
    stamp: tuple[int, int]


class KeptDocuments:
    """Methods block.  folder: None where nothing is kept.  public_key: raises RegisterError."""

    def __init__(self, folder: Path | None, public_key: Callable[[], bytes]) -> None:
        self._folder, self._public_key = folder, public_key
        self._checked: dict[Path, tuple[tuple[int, int], KeptDocument | None]] = {}

    def read(self) -> tuple[KeptDocument, ...]:
        """Return what is there now: reports first, the newest first; of each name the newest."""
        if self._folder is None:
            return ()
        try:
            paths = sorted(each for each in self._folder.glob("*.json") if each.is_file())
            found = sorted(self._documents(paths), key=lambda each: each.made)
        except (OSError, RegisterError) as error:
            log.warning("statements of before could not be read", error=str(error))
            return ()
        newest = {each.name: each for each in found}
        by_time = sorted(newest.values(), key=lambda each: each.made, reverse=True)[:MOST_KEPT]
        return tuple(sorted(by_time, key=lambda each: not each.quarter))

    def octets(self, document: KeptDocument) -> bytes | None:
        """Return a file; None where it is not the one any more that was checked."""
        try:
            is_same = _stamp(document.path) == document.stamp
            return document.path.read_bytes() if is_same else None
        except OSError:
            return None

    def _documents(self, paths: list[Path]) -> Iterator[KeptDocument]:
        key = self._public_key()
        before = self._checked
        # A dictionary of its own: another thread may read at the same time.
        self._checked = checked = {path: before[path] for path in paths if path in before}
        for path in paths:
            try:
                stamp = _stamp(path)
                if path not in checked or checked[path][0] != stamp:
                    checked[path] = stamp, _check(path, stamp, key)
            except OSError as error:
                log.warning("a file could not be read", file=path.name, error=error.strerror)
                continue
            if document := checked[path][1]:
                yield document


def _check(path: Path, stamp: tuple[int, int], key: bytes) -> KeptDocument | None:
    """Return what a file is; None for what the key did not sign, which the log says once."""
    document = _read(path, stamp, key) if stamp[0] <= MOST_OCTETS else None
    if document is None:
        log.warning("not a statement or report that this key signed", file=path.name)
    return document


def _read(path: Path, stamp: tuple[int, int], key: bytes) -> KeptDocument | None:
    octets = path.read_bytes()
    for shape in (SignedStatement, SignedReport):
        try:
            found = shape.model_validate_json(octets)
            value = b64decode(found.signature.value, validate=True)
        except ValueError:  # ValidationError is one
            continue
        document = found.document
        if not is_signed_by(key, value, canonical_json(json.loads(octets)["document"])):
            return None
        quarter = document.quarter if isinstance(document, QuarterlyReport) else ""
        name = f"report-{quarter}" if quarter else f"statement-{document.made.replace(':', '')}"
        return KeptDocument(f"{name}.json", quarter, document.made, path, stamp)
    return None


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
