"""The files of lists and facts that nodes of a provider get by a rollout (`provider/rollout/`).

When a server was asked last is left out: else each look at it would make other files.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from copdns.household.second_box.bundle import FileNote
from copdns.list_files.copies import Copies
from copdns.list_files.facts import STATE, STATE_COPY
from copdns.list_files.followed_files import FollowedFiles
from copdns.lists.download import dump_state, read_state
from copdns.lists.facts import dump_facts_state, read_facts_state
from copdns.model.errors import RolloutError

_ROLLED_OUT: Final = re.compile(r"lists/[^/]+\.(txt|json)|own-lists/.+|facts/.+")


def is_rolled_out(path: str) -> bool:
    """Tell whether a file of the data folder is one that nodes get; compiled lists are not."""
    return _ROLLED_OUT.fullmatch(path) is not None


def read_rollout_files(data: Path) -> dict[str, bytes]:
    """Return the files of lists and facts of a machine that fetches them, by path.

    Raises RolloutError, also while lists are being fetched, and FetchError.
    """
    found: dict[str, bytes] = {}
    with Copies(data).hold_lock(wait=False) as ours:
        if not ours:
            raise RolloutError("lists are being fetched now; try again when that is over")
        try:
            for note in FollowedFiles(data, is_rolled_out).notes():
                found[note.path] = _without_tries(note.path, (data / note.path).read_bytes())
        except OSError as error:
            raise RolloutError(
                "%(path)s cannot be used: %(why)s",
                path=str(error.filename),
                why=str(error.strerror),
            ) from error
    return found


def put_rollout_files(
    data: Path, digests: Mapping[str, str], content: Callable[[str], bytes]
) -> bool:
    """Let a node have exactly these files; tell whether anything was another one.

    digests: SHA-256 by path.  content: returns the octets of one.  Raises FollowingError,
    FetchError and what `content` does.  Each file is complete or as it was; where this is cut off,
    some are still those of before.
    """
    files = FollowedFiles(data, is_rolled_out)
    here = {each.path: each for each in files.notes()}
    notes, contents = [], {}
    for path, digest in digests.items():
        same = here.get(path)
        if same is not None and same.sha256 == digest:
            notes.append(same)
            continue
        contents[path] = content(digest)
        notes.append(FileNote(path, len(contents[path]), digest))

    async def fetch(path: str, offset: int) -> bytes:
        return contents[path][offset:]

    with Copies(data).hold_lock(wait=True):
        return asyncio.run(files.bring(tuple(notes), fetch))


def _without_tries(path: str, octets: bytes) -> bytes:
    """Return a file without when the server was asked, and what came of that."""
    folder, _, name = path.partition("/")
    text = octets.decode(errors="replace")
    if folder == "lists" and name.endswith(".json"):
        state = read_state(text)
        if state.has_copy:
            at = state.fetched_at
            untried = replace(state, tried_at=at, checked_at=at, error="", failures=0)
            return dump_state(untried).encode()
    if folder == "facts" and name in (STATE, STATE_COPY):
        try:
            facts = read_facts_state(text)
        except (ValueError, TypeError, LookupError):
            return octets  # the other file of the two is right
        taken = replace(facts, tried_at=None, checked_at=float(facts.made_at))
        return dump_facts_state(replace(taken, error="", is_refused=False, failures=0)).encode()
    return octets
