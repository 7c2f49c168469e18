"""One edit of a household, inside a transaction: the safeguards, the tables, and who is told of it.

Whoever removes a person removes what waits for them; what applies even if they come back stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.roles import Balance
from copdns.appeals.appeal import WAITING, AppealState
from copdns.household.announcements import changed_lookups, list_few, newly_protected
from copdns.household.safeguards import adopt, with_due_band
from copdns.model.errors import HouseholdError
from copdns.model.household import Band, FullLogSpan, Household, Profile
from copdns.store.connection import SqlConnection
from copdns.store.household_db.balance import balance_settings
from copdns.store.household_db.claim_rows import note_device_claims
from copdns.store.household_db.moves import See, note_moves, see_nothing
from copdns.store.household_db.notes import Change, notify, notify_others
from copdns.store.household_db.tables import load, odd_row_error, write
from copdns.store.statements import upsert


def store_restored(
    connection: SqlConnection,
    before: Household | None,
    written: Household,
    mended: Household,
    change: Change,
    see: See,
) -> Household:
    """Store the household of a database that replaces another one, and return it.

    before: the household that is replaced.  written: as it is in the tables; mended: as the
    safeguards allow it.  Inside a transaction of the caller.
    """
    revision = max(written.revision, before.revision if before is not None else 0) + 1
    after = replace(mended, revision=revision)
    write(connection, written, after)
    _remember(connection, before, after, change.at)
    _announce(connection, before, after, change)
    note_moves(connection, before, after, change, see)
    note_device_claims(connection, before, after, change.author, change.at)
    _write_change(connection, after, change)
    return after


def apply_edit(
    connection: SqlConnection,
    household_id: str,
    edit: Callable[[Household], Household],
    change: Change,
    balance: Balance | None = None,
    *,
    consenting: str = "",
    see: See = see_nothing,
) -> Household:
    """Return the household as stored after an edit, inside a transaction of the caller.

    change: its revision is ignored.  consenting: the id of the profile that agrees to a full log
    with this edit (`store/household_db/consents.py` alone).  Else as `HouseholdStore.change`.
    """
    before = load(connection, household_id)
    if before is None:
        raise HouseholdError("there is no household '%(household_id)s'", household_id=household_id)
    wanted = edit(before)
    if balance is not None:
        wanted = balance_settings(connection, before, wanted, balance, change)
    after = adopt_edit(connection, before, wanted, change.at, consenting)
    return before if after == before else store_revision(connection, before, after, change, see)


def adopt_edit(
    connection: SqlConnection,
    before: Household,
    after: Household,
    now: int,
    consenting: str = "",
    *,
    is_first: bool = False,
) -> Household:
    """Return an edited household as the safeguards allow it, with its revision of before.

    is_first: the household is made now, with its people.
    """
    if after.id != before.id:
        raise HouseholdError(
            "the household '%(before)s' cannot be renamed to '%(after)s'; keep its id",
            before=before.id,
            after=after.id,
        )
    profiles = tuple(
        _adopt_profile(
            connection, before, each, now, consented=each.id == consenting, is_first=is_first
        )
        for each in after.profiles
    )
    return replace(after, profiles=profiles, revision=before.revision)


def _adopt_profile(
    connection: SqlConnection,
    before: Household,
    profile: Profile,
    now: int,
    *,
    consented: bool,
    is_first: bool,
) -> Profile:
    old = before.profile(profile.id)
    if profile == old:
        return profile
    history = granted_full_logs(connection, before.id, profile.id)
    known = old or former_profile(connection, before.id, profile)
    made = when_made(connection, before.id, profile.id) if old is not None or is_first else now
    return adopt(known, profile, history, now, consented=consented, made=made)


def store_revision(
    connection: SqlConnection,
    before: Household | None,
    after: Household,
    change: Change,
    see: See = see_nothing,
) -> Household:
    """Write one revision: the tables, the histories and the line of the audit."""
    after = replace(after, revision=after.revision + 1)
    write(connection, before, after)
    _remember(connection, before, after, change.at)
    _confirm_ages(connection, before, after, change.at)
    _forget_appeals(connection, before, after)
    _tell_of_removed(connection, before, after, change)
    _announce(connection, before, after, change)
    note_moves(connection, before, after, change, see)
    note_device_claims(connection, before, after, change.author, change.at)
    _write_change(connection, after, change)
    return after


def _write_change(connection: SqlConnection, after: Household, change: Change) -> None:
    connection.execute(
        "insert into change (household, revision, at, author, what) values (?, ?, ?, ?, ?)",
        (after.id, after.revision, change.at, change.author, change.what),
    )


def _announce(
    connection: SqlConnection, before: Household | None, after: Household, change: Change
) -> None:
    """Write notices for the guardians: of each full log that is new, and of what holds for all."""
    for profile in after.profiles:
        full, old = profile.full_log, before.profile(profile.id) if before else None
        if full is not None and (old is None or old.full_log is None or old.full_log != full):
            kind = NoticeKind.FULL_LOG
            notice = GuardianNotice(
                0, after.id, kind, profile.id, change.author, change.at, full.start, full.end
            )
            notify(connection, notice)
    if before is not None:
        for_all = (
            (NoticeKind.LOOKUPS_CHANGED, list_few(changed_lookups(before, after))),
            (NoticeKind.SITE_PROTECTED, list_few(newly_protected(before, after))),
        )
        for kind, about in for_all:
            if about:
                told = GuardianNotice(0, after.id, kind, about, change.author, change.at)
                notify_others(connection, told)


def _remember(
    connection: SqlConnection, before: Household | None, after: Household, now: int
) -> None:
    """Store what applies even where a profile is removed and made again: full logs and bands."""
    connection.executemany(
        """
        insert into full_log_history (household, profile, starts, ends)
        values (?, ?, ?, ?) on conflict do nothing
        """,
        [
            (after.id, profile.id, profile.full_log.start, profile.full_log.end)
            for profile in after.profiles
            if profile.full_log is not None
        ],
    )
    connection.executemany(
        upsert("former_profile", "household, id", "household, id, band"),
        [
            (after.id, profile.id, with_due_band(profile, now).band)
            for profile in (before.profiles if before is not None else ())
            if after.profile(profile.id) is None
        ],
    )
    connection.executemany(
        upsert("person_made", "household, profile", "household, profile, at"),
        [
            (after.id, profile.id, now)
            for profile in after.profiles
            if before is not None and before.profile(profile.id) is None
        ],
    )


# Of (household, profile, at, None): what the person said before counts no longer.
CONFIRM_AGE = upsert("age_confirmed", "household, profile", "household, profile, at, said")


def _confirm_ages(
    connection: SqlConnection, before: Household | None, after: Household, now: int
) -> None:
    """Store that the age groups that were chosen now are right (`household/ages.py`)."""
    connection.executemany(
        CONFIRM_AGE,
        [
            (after.id, profile.id, now, None)
            for profile in after.profiles
            if _has_new_age(
                before.profile(profile.id) if before is not None else None, profile, now
            )
        ],
    )


def _has_new_age(old: Profile | None, new: Profile, now: int) -> bool:
    if old is None:
        return True
    old, new = with_due_band(old, now), with_due_band(new, now)
    announced = new.band_change is not None and new.band_change != old.band_change
    return old.band is not new.band or announced


def when_made(connection: SqlConnection, household_id: str, profile_id: str) -> int | None:
    """Return when a person was added to a household; None where they came with it."""
    row = connection.execute(
        "select at from person_made where household = ? and profile = ?",
        (household_id, profile_id),
    ).fetchone()
    return row[0] if row is not None else None


def _forget_appeals(connection: SqlConnection, before: Household | None, after: Household) -> None:
    """Delete the appeals of profiles that were removed; HouseholdError while one waits."""
    for profile in _find_gone(before, after):
        whose = (after.id, profile.id)
        rows = connection.execute(
            "select state from appeal where household = ? and profile = ?", whose
        )
        if any(AppealState(state) in WAITING for (state,) in rows):
            raise HouseholdError(
                "%(called)s still waits for an answer to a request; answer it first",
                called=profile.name,
            )
        connection.execute("delete from appeal where household = ? and profile = ?", whose)


def _tell_of_removed(
    connection: SqlConnection, before: Household | None, after: Household, change: Change
) -> None:
    for profile in _find_gone(before, after):
        kind = NoticeKind.PERSON_REMOVED
        told = GuardianNotice(0, after.id, kind, profile.name, change.author, change.at)
        notify_others(connection, told)


def _find_gone(before: Household | None, after: Household) -> tuple[Profile, ...]:
    """Return the people whom a change removes."""
    there = before.profiles if before is not None else ()
    return tuple(each for each in there if after.profile(each.id) is None)


def granted_full_logs(
    connection: SqlConnection, household_id: str, profile_id: str
) -> tuple[FullLogSpan, ...]:
    """Return every full log that was ever granted to a profile of this id."""
    rows = connection.execute(
        """
        select starts, ends from full_log_history
         where household = ? and profile = ? order by starts, ends
        """,
        (household_id, profile_id),
    )
    return tuple(FullLogSpan(starts, ends) for starts, ends in rows)


def former_profile(
    connection: SqlConnection, household_id: str, profile: Profile
) -> Profile | None:
    """Return a profile with the last band of a removed one of the same id; None without one.

    It is what a change of the new profile's band starts from.
    """
    row = connection.execute(
        "select band from former_profile where household = ? and id = ?",
        (household_id, profile.id),
    ).fetchone()
    if row is None:
        return None
    try:
        return Profile(profile.id, profile.name, Band(row[0]))
    except ValueError as error:
        raise odd_row_error("former_profile", profile.id, household_id, error) from error
