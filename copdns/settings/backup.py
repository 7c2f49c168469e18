"""Backups that copdns makes by itself: where, how often, how many are kept.  Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copdns.settings.values import Section

Recipient = Annotated[str, Field(pattern=r"^age1[02-9ac-hj-np-z]{58}$")]


class BackupSettings(Section):
    """Backups that copdns makes by itself."""

    folder: str = Field(
        default="",
        description="The folder for them, best on another disk; empty for none. It has to exist, "
        "and copdns has to be able to write there. A relative path starts at the folder of the "
        "settings file.",
    )
    every_hours: int = Field(
        default=24, ge=1, le=720, description="Hours between two backups (1 to 720)."
    )
    keep: int = Field(
        default=7,
        ge=1,
        le=100,
        description="How many are kept (1 to 100). What someone deletes is in no backup any more "
        "once so many newer ones were made.",
    )
    recipients: tuple[Recipient, ...] = Field(
        default=(),
        max_length=8,
        description="Public keys of age, such as `age1...`: backups are encrypted so that only the "
        "owners of their private keys can read them. Needs `copdns[backup]`.",
    )

    @property
    def days(self) -> int:
        """Days after which what was deleted is in no backup any more, while new ones are made; 0
        where none are made."""
        return -(-self.every_hours * self.keep // 24) if self.folder else 0
