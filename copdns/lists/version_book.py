"""The versions of one list as values: the one that is held, and those that were in force.

`versions.py` decides what is held, `list_files/versions.py` keeps them on disk.  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from copdns.lists.download import CopyState
from copdns.lists.versions import HoldReason, VersionDiff


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """A version that waits for a person.  state: of its text, as it would be in force.

    held_at: seconds since the epoch.  is_told: an event was published.
    """

    state: CopyState
    reasons: tuple[HoldReason, ...]
    diff: VersionDiff
    held_at: float
    is_told: bool = False

    @property
    def version(self) -> str:
        """Return what people call it: the beginning of its digest."""
        return version_id(self.state)


@dataclass(frozen=True, slots=True)
class VersionBook:
    """The versions of one list.

    kept: those that were in force, the newest first; the one in force may be among them.
    refused: digests of versions that a person refused.
    is_rolled_back: a person went back to the version in force, so that the next one is held.
    """

    kept: tuple[CopyState, ...] = ()
    held: HeldVersion | None = None
    refused: tuple[str, ...] = ()
    is_rolled_back: bool = False


def version_id(state: CopyState) -> str:
    """Return the short name of a version."""
    return state.sha256[:12]


class VersionChoice(StrEnum):
    """What a person decided about a version."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    ROLL_BACK = "rollback"


_CHOICE_TEXT = {
    VersionChoice.ACCEPT: "new version accepted",
    VersionChoice.REFUSE: "new version refused",
    VersionChoice.ROLL_BACK: "back to an earlier version",
}


def choice_line(slug: str, choice: VersionChoice, state: CopyState) -> str:
    """Return the line of the history.  state: of the version that is in force now."""
    return f"list {slug}: {_CHOICE_TEXT[choice]}; in use: {version_id(state)}"
