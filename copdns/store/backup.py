"""Copy the databases of a data folder, and replace those of a folder by a copy.

A copy is of one moment, whoever writes meanwhile, and has no sessions and no codes: nobody can log
in with it.

Restoring brings back the policy: people, devices, rules, times.  As with an import, everything else
stays as it is here: accounts, appeals and their answers, looks, the audit, grants and pauses.  It
comes from the copy only where this folder has none of it, as on a new machine.  So restoring
removes no look, undoes no erasure, brings back no revoked key, and begins no full log again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from copdns.household.check import violations
from copdns.household.safeguards import repair_profile
from copdns.household.token_edits import keep_tokens
from copdns.model.errors import BackupError, StoreError
from copdns.model.household import Household
from copdns.store.db import (
    give_to_owner,
    lock_folder,
    open_database,
    store_error,
    transaction,
)
from copdns.store.household_copy import HouseholdCopy
from copdns.store.household_db import condition
from copdns.store.household_db.edit import (
    former_profile,
    granted_full_logs,
    store_restored,
    when_made,
)
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.household_db.moves import See, see_nothing
from copdns.store.household_db.notes import CONSOLE, Change
from copdns.store.household_db.tables import load
from copdns.store.log_db import querylog
from copdns.store.log_db.migrations import LOG
from copdns.store.read_only_access import open_readable
from copdns.store.untrusted_database import open_untrusted

# Sessions and codes: nobody must be able to log in with a copy of the file.
_TABLES_NOT_COPIED = (
    *("session", "browser", "one_time_code", "pairing_open", "guest_request"),
    "push_subscription",  # with its secrets somebody could send to the browser
    *("follower", "follower_key"),  # with theirs, get what a second box gets
)

# What stays as it is here; tables that others refer to come first.
_STAYING_TABLES = (
    *("account", "session", "browser", "token", "recovery", "one_time_code", "account_code"),
    "digest",
    *("notice", "notice_seen", "upstreams_told", "stance", "appeal", "appeal_answer"),
    *("claim", "device_move", "former_browser"),  # deleting from the next fills the last
    *("pairing", "pairing_open", "pin", "guest", "guest_request", "ticket_attempt"),
    "push_subscription",  # it goes with its session or pairing
    *("follower", "follower_key"),
    *("other_home", "ended_home"),  # what was ended since must not come back
    *("pause", "grant", "bonus", "ticket", "moved_bedtime", "full_log_question"),
    "filter_break",
)
# Rows of both databases are kept.
_JOINED_TABLES = ("full_log_history", "list_error", "person_made")
_TABLES_OF_PEOPLE = (
    *("appeal", "pause", "grant", "bonus", "ticket", "moved_bedtime", "filter_break"),
    *("pairing", "pin", "guest", "other_home"),
    *("full_log_question", "claim", "former_browser"),  # what was moved stays nobody's
)


class RestoreResult(NamedTuple):
    """differences: what is not as in the backup, in sentences for people.  old_database: where the
    database that was replaced is now; None where there was none."""

    differences: tuple[str, ...]
    old_database: Path | None


def has_accounts(data: Path) -> bool:
    """Tell whether the household of a data folder has an account; raise StoreError.

    One without is no household yet: the folder of a new machine, which is to be restored.
    """
    path = condition.current_path(data)
    if not path.exists():
        return False
    try:
        with closing(open_readable(path)) as connection:
            return connection.execute("select 1 from account limit 1").fetchone() is not None
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def copy_databases(folder: Path, into: Path, *, with_log: bool) -> dict[str, Path]:
    """Copy the databases of a folder into another one; return the copies by name.

    Raises StoreError; BackupError where there is no household to copy.
    """
    source = condition.settle(folder).path if _has_household(folder) else folder / condition.FILE
    if not source.exists():
        raise BackupError(
            f"{folder}: there is no household here yet, so there is nothing to back up"
        )
    found = {condition.FILE: into / condition.FILE}
    copy_database(source, into / condition.FILE)
    return found | (copy_log(folder, into) if with_log else {})


def copy_log(folder: Path, into: Path) -> dict[str, Path]:
    """Copy the log of a folder into another one, if there is one; return it by name."""
    if not (folder / querylog.FILE).exists():
        return {}
    copy_database(folder / querylog.FILE, into / querylog.FILE)
    return {querylog.FILE: into / querylog.FILE}


def _has_household(folder: Path) -> bool:
    return condition.current_path(folder).exists() or HouseholdCopy(folder).exists


def copy_database(source: Path, target: Path) -> None:
    """Copy a household's database or log into a new file, without sessions and codes.

    Raises StoreError.
    """
    target.touch(mode=0o600)
    try:
        with closing(open_readable(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)  # in one step: a copy of one moment
            new.isolation_level = None
            new.execute("pragma journal_mode = delete")  # one file, without a log beside it
            new.execute("pragma secure_delete = on")
            there = {name for (name,) in new.execute("select name from sqlite_master")}
            for table in there.intersection(_TABLES_NOT_COPIED):
                new.execute(f"delete from {table}")  # noqa: S608
            new.execute("vacuum")
    except sqlite3.Error as error:
        raise store_error(source, error) from error


def restore_household(
    folder: Path, copy: Path, made: int, now: int, see: See = see_nothing
) -> RestoreResult:
    """Replace the household of a folder by a copy; raise StoreError and BackupError.

    copy: a file in that folder's file system; it is moved.  made: when the backup was made.  made,
    now: seconds since the epoch.  No copdns may serve the folder meanwhile (`folder_lock`).
    """
    there = folder / condition.FILE
    said: list[str] = []
    try:
        with closing(open_untrusted(copy, HOUSEHOLD)) as connection:
            here = _attach(connection, there, said)
            with transaction(connection):
                connection.execute("pragma defer_foreign_keys = on")
                has_history = bool(here) and _has_history(connection)
                _check_same_household(_household_ids(connection), here if has_history else {})
                if here:
                    _join(connection)
                if has_history:
                    _keep_what_stays(connection)
                for each in _household_ids(connection):
                    change = Change(0, now, CONSOLE, _what_changed(made))
                    said += _restore_one(connection, each, here.get(each), has_history, change, see)
                if has_history:
                    _drop_who_is_gone(connection)
            connection.execute("vacuum")
        with condition.replacing(folder, copy):
            return RestoreResult(tuple(said), replace_database(copy, there))
    except sqlite3.Error as error:
        raise store_error(copy, error) from error


def read_policy(copy: Path, here: Household) -> Household:
    """Return a household as restoring a copy would bring it: what ends by itself stays as it is
    here.

    The copy is brought up to date.  Raises BackupError for one that is none.
    """
    try:
        with closing(open_untrusted(copy, HOUSEHOLD)) as connection:
            ids = _household_ids(connection)
            _check_same_household(ids, {here.id: here})
            found = _load(connection, ids[0])
    except sqlite3.Error as error:
        raise store_error(copy, error) from error
    return replace(
        found,
        revision=here.revision,
        pauses=here.pauses,
        grants=here.grants,
        bonuses=here.bonuses,
        tickets=here.tickets,
        moved_bedtimes=here.moved_bedtimes,
        filter_breaks=here.filter_breaks,
    )


def restore_log(folder: Path, copy: Path) -> bool:
    """Move the log of a copy into a folder that has none; tell whether that was done.

    A log that has any entry stays: what was erased or is too old must not come back.
    """
    there = folder / querylog.FILE
    try:
        if there.exists():
            with closing(open_database(there, LOG)) as connection:
                used = "select exists (select 1 from lookup_count) or exists (select 1 from usage)"
                erased = " or exists (select 1 from erasure)"
                if connection.execute(used + erased).fetchone()[0]:
                    return False
        with closing(open_untrusted(copy, LOG)):
            pass
        with lock_folder(folder):
            replace_database(copy, there, keep=False)
    except sqlite3.Error as error:
        raise store_error(copy, error) from error
    return True


def _attach(
    connection: sqlite3.Connection, there: Path, said: list[str]
) -> Mapping[str, Household]:
    """Attach the folder's database as `here`; return its households by id.

    Where it cannot be read, add a sentence to `said` and return none.
    """
    if not _has_household(there.parent):
        return {}
    try:
        used, _ = condition.settle(there.parent)
        with HouseholdStore.open(there.parent):  # at the newest schema
            pass
        with closing(sqlite3.connect(used)) as here:
            found = {each: _load(here, each) for each in _household_ids(here)}
        connection.execute("attach database ? as here", (str(used),))
    except (sqlite3.Error, StoreError) as error:
        said.append(
            "the current database cannot be read, so accounts, requests and views were restored "
            f"from the backup too ({error})"
        )
        return {}
    return found


def _check_same_household(ids: Sequence[str], here: Mapping[str, Household]) -> None:
    """Raise BackupError for another household: its accounts could log in here."""
    if len(ids) != 1 or (here and set(ids) != set(here)):
        raise BackupError(
            "this backup is of another household, so it was not restored; use a backup of this "
            "household"
        )


def _load(connection: sqlite3.Connection, household: str, *, as_written: bool = False) -> Household:
    found = load(connection, household, as_written=as_written)
    assert found is not None  # its id was read from there
    return found


def _has_history(connection: sqlite3.Connection) -> bool:
    """Tell whether this folder has an account, an appeal or a look, which a first start has not."""
    (used,) = connection.execute(
        """
        select exists (select 1 from here.account)
            or exists (select 1 from here.appeal)
            or exists (select 1 from here.look)
        """
    ).fetchone()
    return bool(used)


_OURS = "household in (select household from main.household)"


def _join(connection: sqlite3.Connection) -> None:
    """Add what must not be lost: looks, changes, full logs, list errors and earlier age bands."""
    for table in _JOINED_TABLES:
        connection.execute(
            f"insert or ignore into main.{table} select * from here.{table} where {_OURS}"  # noqa: S608
        )
    for table, columns in (
        ("look", "household, at, account, role, profile, view"),
        ("change", "household, revision, at, author, what"),
    ):
        connection.execute(
            f"""
            insert into main.{table} ({columns})
            select {columns} from (
                   select {columns}, id from here.{table}
                    where {_OURS} and ({columns}) not in (select {columns} from main.{table})
                    order by id)
            """  # noqa: S608
        )
    connection.execute(
        f"""
        insert or replace into main.former_profile
        select household, id, band from here.former_profile where {_OURS}
        """  # noqa: S608
    )


def _keep_what_stays(connection: sqlite3.Connection) -> None:
    for table in reversed(_STAYING_TABLES):
        connection.execute(f"delete from main.{table} where {_OURS}")  # noqa: S608
    for table in _STAYING_TABLES:
        connection.execute(
            f"insert into main.{table} select * from here.{table} where {_OURS}"  # noqa: S608
        )


def _drop_who_is_gone(connection: sqlite3.Connection) -> None:
    """Delete the rows of people and devices that the restored household does not have."""
    nobody = (
        "profile <> '' and not exists (select 1 from profile as p"
        " where p.household = {0}.household and p.id = {0}.profile)"
    )
    for table in _TABLES_OF_PEOPLE:
        connection.execute(f"delete from {table} where {nobody.format(table)}")  # noqa: S608
    connection.execute(
        "delete from pairing where not exists (select 1 from device as d"
        " where d.household = pairing.household and d.id = pairing.device)"
    )
    gone = nobody.format("account")
    connection.execute(f"delete from account where role = 'child' and {gone}")  # noqa: S608
    connection.execute(f"update account set profile = '' where {gone}")  # noqa: S608


def _household_ids(connection: sqlite3.Connection) -> list[str]:
    return [each for (each,) in connection.execute("select household from main.household")]


def _restore_one(
    connection: sqlite3.Connection,
    household: str,
    before: Household | None,
    has_history: bool,
    change: Change,
    see: See,
) -> list[str]:
    """Store the restored household as far as the safeguards allow; return what they changed.

    before: the household in this folder; None where there is none.  has_history: it is in use, so
    a token that it does not have was revoked.
    """
    written = _load(connection, household, as_written=True)
    profiles, said = [], []
    for profile in written.profiles:
        old = before.profile(profile.id) if before is not None else None
        old = old or former_profile(connection, household, profile)
        granted = granted_full_logs(connection, household, profile.id)
        is_added = before is not None and before.profile(profile.id) is None
        added = change.at if is_added else when_made(connection, household, profile.id)
        found = repair_profile(old, profile, granted, change.at, added)
        profiles.append(found.profile)
        said += [f"{profile.id}: {each}" for each in found.said]
    sound = replace(written, profiles=tuple(profiles))
    if before is not None and has_history:
        sound, revoked = keep_tokens(sound, before)
        said += [
            f"device {each}: not restored from the backup: a revoked token" for each in revoked
        ]
    if wrong := [str(each) for each in violations(sound)]:
        raise BackupError(
            "this backup has an invalid household, so it was not restored:\n" + "\n".join(wrong)
        )
    store_restored(connection, before, written, sound, change, see)
    return said


def _what_changed(made: int) -> str:
    return f"backup of {datetime.fromtimestamp(made, UTC):%Y-%m-%d %H:%M} UTC restored"


def replace_database(
    copy: Path, there: Path, *, keep: bool = True, suffix_aside: str = querylog.BEFORE_RESTORE
) -> Path | None:
    """Rename a copy to the name of the database; return where the old one is now.

    keep: False deletes the old one.  suffix_aside: added to its name.  The folder is locked by the
    caller.
    """
    aside = there.with_name(there.name + suffix_aside)
    give_to_owner(copy)
    was_there = there.exists()
    # The database goes last: SQLite would apply an old -wal to a new database.
    for suffix in ("-shm", "-wal", ""):
        part = there.with_name(there.name + suffix)
        if keep:
            aside.with_name(aside.name + suffix).unlink(missing_ok=True)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix)) if keep else part.unlink()
    copy.rename(there)
    if not (keep and was_there):
        return None
    os.utime(aside)  # `purge_moved_aside` deletes it by its age
    return aside
