"""The SQL of how devices ask, by week, and of the silences that were signs of bypass.

`privacy/bypass_signs.py` decides what is in a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from copdns.model.bypass_signs import Habit, Sign, SignKind
from copdns.privacy.bypass_signs import DAY, SIGNS_KEPT, WEEKS_KEPT
from copdns.store.connection import SqlConnection
from copdns.store.statements import upsert

Device = tuple[str, str, str]  # household, profile and device

_HABIT = "household, profile, device, week, first, day, days, hours, longest, today"
_SIGN = "household, profile, device, at, kind, proven, tells, told"
_OF = "(household = :household or :household is null) and (profile = :profile or :profile is null)"


def habits(
    connection: SqlConnection, household: str | None = None, profile: str | None = None
) -> tuple[Habit, ...]:
    """Return the weeks of devices, the first week first; None: of all."""
    rows = connection.execute(
        f"""
        select {_HABIT} from device_week where {_OF} order by household, profile, device, week
        """,  # noqa: S608
        {"household": household, "profile": profile},
    )
    return tuple(Habit(*row) for row in rows)


def signs(
    connection: SqlConnection, household: str | None = None, profile: str | None = None
) -> tuple[Sign, ...]:
    """Return the signs, the oldest first; None: of all."""
    rows = connection.execute(
        f"""
        select {_SIGN} from bypass_sign where {_OF} order by at, household, profile, device
        """,  # noqa: S608
        {"household": household, "profile": profile},
    )
    return tuple(
        Sign(household, profile, device, at, SignKind(kind), bool(proven), tells, bool(told))
        for household, profile, device, at, kind, proven, tells, told in rows
    )


def write(connection: SqlConnection, habits: Iterable[Habit], signs: Iterable[Sign]) -> None:
    """Store weeks and signs, in place of those of the same device and week, or hour."""
    key = "household, profile, device"
    connection.executemany(upsert("device_week", f"{key}, week", _HABIT), list(habits))
    connection.executemany(upsert("bypass_sign", f"{key}, at", _SIGN), list(signs))


def keep_only(connection: SqlConnection, devices: Collection[Device]) -> None:
    """Delete all of every other device: of a person whose signs nobody notices any more."""
    for table in ("device_week", "bypass_sign"):
        stored = connection.execute(
            f"select distinct household, profile, device from {table}"  # noqa: S608
        ).fetchall()
        connection.executemany(
            f"delete from {table} where household = ? and profile = ? and device = ?",  # noqa: S608
            [each for each in stored if each not in devices],
        )


def purge(connection: SqlConnection, now: float) -> None:
    """Delete what no longer counts, and what a wrong clock dated more than a day ahead."""
    day = int(now) // DAY
    # A date may be a day before or after that in UTC.
    weeks = (day - 1) // 7 - WEEKS_KEPT + 1, (day + 1) // 7
    connection.execute("delete from device_week where week not between ? and ?", weeks)
    moments = now - SIGNS_KEPT, now + DAY
    connection.execute("delete from bypass_sign where at not between ? and ?", moments)


def delete(connection: SqlConnection, household: str, profile: str) -> None:
    """Delete all of a person's devices."""
    whose = household, profile
    connection.execute("delete from device_week where household = ? and profile = ?", whose)
    connection.execute("delete from bypass_sign where household = ? and profile = ?", whose)
