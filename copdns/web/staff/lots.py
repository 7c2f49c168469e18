"""Who reviews a case is drawn by lot, so that nobody can choose who does."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from random import SystemRandom
from typing import Final

from copdns.model.errors import RegisterError
from copdns.provider.staff.desk import draw_reviewers
from copdns.provider.staff.duties import StaffMember
from copdns.store.provider_db.desk_rows import DeskStore

draw: Final = SystemRandom().sample


def draw_missing(desk: DeskStore, staff: Collection[StaffMember]) -> None:
    """Draw reviewers for what guardians passed on, where there are two; else it waits for them."""
    with contextlib.suppress(RegisterError):
        desk.draw_missing(lambda case: draw_reviewers(case, staff, draw))
