"""Questions for consent to a full log, and the answers, which only the person gives.

The one place that lets `privacy.adopt` know of a yes.  One question a person at most.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from copdns.household.edit_checks import require_profile
from copdns.model.errors import HouseholdError
from copdns.model.household import FullLog, Household
from copdns.privacy.consent import Question, agreed, asked
from copdns.store.db import transaction
from copdns.store.household_db.household import HouseholdStore, edited, granted_full_logs
from copdns.store.household_db.notes import Change, audit
from copdns.store.household_db.tables import load

T = TypeVar("T")

_COLUMNS = "household, profile, days, author, at, refused"


class Consents:
    """On the connection of the household's store.  Methods raise StoreError."""

    def __init__(self, store: HouseholdStore) -> None:
        self._store = store

    async def of(self, household: str, profile: str) -> Question | None:
        """Return the last question to a person, answered with no or not at all."""
        return await self._store.run(lambda connection: _of(connection, household, profile))

    async def ask(self, question: Question) -> None:
        """Keep a question in the place of an earlier one; raise PrivacyError as `asked` does."""
        household, profile_id = question.household, question.profile

        def work(connection: sqlite3.Connection) -> None:
            profile = require_profile(_home(connection, household), profile_id)
            history = granted_full_logs(connection, household, profile_id)
            new = asked(profile, _of(connection, household, profile_id), history, question)
            connection.execute(
                f"insert or replace into full_log_question ({_COLUMNS}) values (?, ?, ?, ?, ?, ?)",  # noqa: S608
                new,
            )
            asked_for = f"full log of {question.days} days requested from {profile_id}"
            audit(connection, household, question.author, asked_for, question.at)

        await self._written(work)

    async def agree(self, question: Question, author: str, now: int) -> None:
        """Begin the full log that was asked for; raise PrivacyError where nobody asks (any more).

        question: as the person read it: another one by now is not meant.
        """

        def work(connection: sqlite3.Connection) -> None:
            _begin(connection, question, author, now)
            _drop(connection, question.household, question.profile)

        await self._written(work)

    async def refuse(self, household: str, profile: str, author: str, now: int) -> None:
        """Keep a no; twice, or where nobody asks, it changes nothing."""

        def work(connection: sqlite3.Connection) -> None:
            question = _of(connection, household, profile)
            if question is None or question.refused is not None:
                return
            connection.execute(
                "update full_log_question set refused = ? where household = ? and profile = ?",
                (now, household, profile),
            )
            audit(connection, household, author, f"full log declined by {profile}", now)

        await self._written(work)

    async def drop(self, household: str, profile: str) -> None:
        """Take a question back that has no answer; a no stays, so that nobody asks every day."""

        def work(connection: sqlite3.Connection) -> None:
            question = _of(connection, household, profile)
            if question is not None and question.refused is None:
                _drop(connection, household, profile)

        await self._written(work)

    async def take_back(self, household: str, profile: str, author: str, now: int) -> None:
        """End a full log, or what was announced, at once; twice is harmless."""

        def work(connection: sqlite3.Connection) -> None:
            change = Change(0, now, author, f"profile {profile} set: full-log ended")
            edited(connection, household, lambda home: _with(home, profile, None), change)

        await self._written(work)

    async def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def alone(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return work(connection)

        return await self._store.run(alone)


def _begin(connection: sqlite3.Connection, question: Question, author: str, now: int) -> None:
    household, profile = question.household, question.profile
    there = _of(connection, household, profile)
    history = granted_full_logs(connection, household, profile)

    def edit(home: Household) -> Household:
        meant = there if there == question else None
        full = agreed(require_profile(home, profile), meant, history, now)
        return _with(home, profile, full)

    what = f"profile {profile} set: full-log of {question.days} days agreed to"
    edited(connection, household, edit, Change(0, now, author, what), consenting=profile)


def _with(home: Household, profile_id: str, full_log: FullLog | None) -> Household:
    mine = require_profile(home, profile_id)
    changed = replace(mine, full_log=full_log)
    profiles = tuple(changed if each is mine else each for each in home.profiles)
    return replace(home, profiles=profiles)


def _of(connection: sqlite3.Connection, household: str, profile: str) -> Question | None:
    row = connection.execute(
        f"select {_COLUMNS} from full_log_question where household = ? and profile = ?",  # noqa: S608
        (household, profile),
    ).fetchone()
    return None if row is None else Question(*row)


def _home(connection: sqlite3.Connection, household: str) -> Household:
    home = load(connection, household)
    if home is None:
        raise HouseholdError("there is no household '%(household_id)s'", household_id=household)
    return home


def _drop(connection: sqlite3.Connection, household: str, profile: str) -> None:
    connection.execute(
        "delete from full_log_question where household = ? and profile = ?", (household, profile)
    )
