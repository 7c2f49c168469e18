"""Weigh what a guardian sets of a person against what the other guardians set.

Each guardian's last word on each setting stands for a while (`roles.settled`).  Where two differ,
neither holds: the value is what the preset of the person's age has, and all of them hear of it.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import Any

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.roles import Balance, GuardianChoice, weigh
from copdns.model.household import SETTINGS, Household, Profile
from copdns.store.household_db.notes import Change, notify


def balanced(
    connection: sqlite3.Connection,
    before: Household,
    after: Household,
    balance: Balance,
    change: Change,
) -> Household:
    """Return an edited household with what all guardians can live with.

    To be called in the transaction that stores it.  A person who is new has no word said yet.
    """
    profiles = []
    for profile in after.profiles:
        old = before.profile(profile.id)
        if old is not None and old != profile:
            profile = _weighed(connection, before.id, old, profile, balance, change)
        profiles.append(profile)
    return replace(after, profiles=tuple(profiles))


def _weighed(
    connection: sqlite3.Connection,
    household: str,
    old: Profile,
    new: Profile,
    balance: Balance,
    change: Change,
) -> Profile:
    values: dict[str, Any] = {}
    preset = balance.preset(new)
    for setting in SETTINGS:
        wanted = getattr(new, setting)
        if wanted == getattr(old, setting):
            continue
        stances = _said(connection, household, new.id, setting, wanted, balance, change.at)
        found = weigh(stances, None, change.at)
        if found is not None and found.disputed:
            values[setting] = getattr(preset, setting)
    if values:
        kind = NoticeKind.DISAGREEMENT
        notify(connection, GuardianNotice(0, household, kind, new.id, change.author, change.at))
    return replace(new, **values)


def _said(
    connection: sqlite3.Connection,
    household: str,
    profile: str,
    setting: str,
    wanted: Any,
    balance: Balance,
    now: int,
) -> list[GuardianChoice]:
    """Note a guardian's word, and return what all guardians said."""
    connection.execute(
        """
        insert or replace into stance (household, account, profile, setting, value, at)
        values (?, ?, ?, ?, ?, ?)
        """,
        (household, balance.account, profile, setting, _written(wanted), now),
    )
    rows = connection.execute(
        """
        select stance.account, stance.profile, setting, value, at
          from stance join account
            on account.household = stance.household and account.id = stance.account
         where stance.household = ? and stance.profile = ? and setting = ?
           and account.role in ('owner', 'guardian')
        """,
        (household, profile, setting),
    )
    return [GuardianChoice(*row) for row in rows]


def _written(value: Any) -> str:
    """Return a value as one text, whatever the order of what has none."""
    if isinstance(value, frozenset):
        value = sorted(value)
    return json.dumps(value)
