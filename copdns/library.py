"""Read the bundled data and the user's own lists from disk, into one `Library`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from stat import S_ISREG

from copdns.config import ListFile
from copdns.errors import ListError
from copdns.household_check import Known
from copdns.lists.catalogue import Library
from copdns.lists.drafts import library
from copdns.lists.index import ListKind
from copdns.lists.source import ListSource
from copdns.model import Band
from copdns.presets import Preset, preset
from copdns.resources import folder

MAX_LIST = 256 << 20  # octets of a list file: more is a mistake, or an attack on memory


def load_library(lists: Sequence[ListFile]) -> Library:
    """Return all that names are judged by; a user's list that cannot be read says so in it."""
    return library(_bundled, [_source(each) for each in lists])


def _bundled(file: str) -> str:
    path = folder("blocklists") / file
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ListError(f"{path}: {error.strerror}; install copdns again") from error


def _source(chosen: ListFile) -> ListSource:
    text, error = "", ""
    path = Path(chosen.path)
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):  # a pipe or a device might never end
            error = f"{path}: a folder, pipe or device, where a file is needed"
        elif status.st_size > MAX_LIST:
            error = f"{path}: larger than {MAX_LIST >> 20} MiB"
        else:
            text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as failure:
        error = f"{path}: {failure.strerror}"
    return ListSource(
        slug=chosen.slug,
        category=chosen.category,
        format=chosen.format,
        match=chosen.match,
        text=text,
        error=error,
    )


@cache
def bundled_presets() -> dict[Band, Preset]:
    presets = {}
    for path in sorted((folder("config") / "presets").glob("*.yaml")):
        found = preset(path.read_text(encoding="utf-8"), str(path))
        presets[found.band] = found
    return presets


def known(found: Library) -> Known:
    """Return what a household may refer to."""
    infos = found.index.infos
    protected = {info.number for info in infos if info.kind is ListKind.PROTECTED}
    return Known(
        categories=frozenset(found.categories),
        services=frozenset(found.services),
        engines={each.id: frozenset(each.modes) for each in found.engines.values()},
        canaries=frozenset(found.canaries),
        protected=lambda name: any(e.list in protected for e in found.index.find(name)),
        presets=bundled_presets(),
    )
