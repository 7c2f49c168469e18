"""Questions for consent to a full log, and the answers, which only the person gives.

Only this module passes consent to `safeguards.adopt`.  A person has one question at most.
"""

from __future__ import annotations

from dataclasses import replace

from copdns.household.edit_checks import require_profile
from copdns.household.safeguards import require_known_for_long
from copdns.model.errors import HouseholdError
from copdns.model.household import FullLogSpan, Household
from copdns.privacy.consent import Question, accept_question, check_question
from copdns.store.connection import SqlConnection
from copdns.store.household_db.edit import apply_edit, granted_full_logs, when_made
from copdns.store.household_db.notes import Change, audit
from copdns.store.household_db.tables import load
from copdns.store.household_db.thread import StoreThread
from copdns.store.statements import upsert

_COLUMNS = "household, profile, days, author, at, refused"


class Consents:
    """The questions of all households, in the thread of the HouseholdStore.

    Methods raise StoreError.  now: seconds since the epoch.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def of(self, household: str, profile: str) -> Question | None:
        """Return the last question to a person, if it was answered with no or not at all."""
        return await self._thread.read(
            lambda connection: _read_question(connection, household, profile)
        )

    async def ask(self, question: Question) -> None:
        """Store a question in place of an earlier one; PrivacyError where it may not be asked."""
        household, profile_id = question.household, question.profile

        def work(connection: SqlConnection) -> None:
            profile = require_profile(_load_household(connection, household), profile_id)
            made = when_made(connection, household, profile_id)
            require_known_for_long(profile, made, question.at)
            history = granted_full_logs(connection, household, profile_id)
            new = check_question(
                profile, _read_question(connection, household, profile_id), history, question
            )
            connection.execute(upsert("full_log_question", "household, profile", _COLUMNS), new)
            asked_for = f"full log of {question.days} days requested from {profile_id}"
            audit(connection, household, question.author, asked_for, question.at)

        await self._thread.write(work, question.household)

    async def agree(self, question: Question, author: str, now: int) -> None:
        """Begin the full log that was asked for; raise PrivacyError where nobody asks (any more).

        question: as the person read it; the consent does not count for a newer one.
        """

        def work(connection: SqlConnection) -> None:
            with self._thread.forgetting(connection, question.household, now):
                _begin_full_log(connection, question, author, now)
            _delete_question(connection, question.household, question.profile)

        await self._thread.write(work, question.household)

    async def refuse(self, household: str, profile: str, author: str, now: int) -> None:
        """Store a no; where there is one already, or no question, nothing changes."""

        def work(connection: SqlConnection) -> None:
            question = _read_question(connection, household, profile)
            if question is None or question.refused is not None:
                return
            connection.execute(
                "update full_log_question set refused = ? where household = ? and profile = ?",
                (now, household, profile),
            )
            audit(connection, household, author, f"full log declined by {profile}", now)

        await self._thread.write(work, household)

    async def drop(self, household: str, profile: str) -> None:
        """Delete a question that has no answer; a no stays, so that nobody asks every day."""

        def work(connection: SqlConnection) -> None:
            question = _read_question(connection, household, profile)
            if question is not None and question.refused is None:
                _delete_question(connection, household, profile)

        await self._thread.write(work, household)

    async def take_back(self, household: str, profile: str, author: str, now: int) -> None:
        """End a full log, also one that has not begun, at once; nothing changes without one."""

        def work(connection: SqlConnection) -> None:
            change = Change(0, now, author, f"profile {profile} set: full-log ended")
            with self._thread.forgetting(connection, household, now):
                apply_edit(
                    connection, household, lambda home: _with_full_log(home, profile, None), change
                )

        await self._thread.write(work, household)


def _begin_full_log(connection: SqlConnection, question: Question, author: str, now: int) -> None:
    household, profile = question.household, question.profile
    there = _read_question(connection, household, profile)
    history = granted_full_logs(connection, household, profile)

    def edit(home: Household) -> Household:
        meant = there if there == question else None
        full = accept_question(require_profile(home, profile), meant, history, now)
        return _with_full_log(home, profile, full)

    what = f"profile {profile} set: full-log of {question.days} days agreed to"
    apply_edit(connection, household, edit, Change(0, now, author, what), consenting=profile)


def _with_full_log(home: Household, profile_id: str, full_log: FullLogSpan | None) -> Household:
    mine = require_profile(home, profile_id)
    changed = replace(mine, full_log=full_log)
    profiles = tuple(changed if each is mine else each for each in home.profiles)
    return replace(home, profiles=profiles)


def _read_question(connection: SqlConnection, household: str, profile: str) -> Question | None:
    row = connection.execute(
        f"select {_COLUMNS} from full_log_question where household = ? and profile = ?",  # noqa: S608
        (household, profile),
    ).fetchone()
    return None if row is None else Question(*row)


def _load_household(connection: SqlConnection, household: str) -> Household:
    home = load(connection, household)
    if home is None:
        raise HouseholdError("there is no household '%(household_id)s'", household_id=household)
    return home


def _delete_question(connection: SqlConnection, household: str, profile: str) -> None:
    connection.execute(
        "delete from full_log_question where household = ? and profile = ?", (household, profile)
    )
