"""Weigh what a guardian sets for a person against the choices of the other guardians.

Each guardian's last choice of each setting counts for a while (`roles.weigh`).  Where two differ,
the value is the one of the preset for the person's age, and all guardians get a notice.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.roles import Balance, GuardianChoice, weigh
from copdns.model.household import SETTINGS, Household, Profile
from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import Change, notify
from copdns.store.statements import upsert


def balance_settings(
    connection: SqlConnection,
    before: Household,
    after: Household,
    balance: Balance,
    change: Change,
) -> Household:
    """Return an edited household with the preset's value for each setting that is disputed.

    To be called in the transaction that stores it.  The settings of a new person are not weighed.
    """
    profiles = []
    for profile in after.profiles:
        old = before.profile(profile.id)
        if old is not None and old != profile:
            profile = _weigh_profile(connection, before.id, old, profile, balance, change)
        profiles.append(profile)
    return replace(after, profiles=tuple(profiles))


def _weigh_profile(
    connection: SqlConnection,
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
        choices = _note_choice(connection, household, new.id, setting, wanted, balance, change.at)
        found = weigh(choices, None, change.at)
        if found is not None and found.disputed:
            values[setting] = getattr(preset, setting)
    if values:
        kind = NoticeKind.DISAGREEMENT
        notify(connection, GuardianNotice(0, household, kind, new.id, change.author, change.at))
    return replace(new, **values)


def _note_choice(
    connection: SqlConnection,
    household: str,
    profile: str,
    setting: str,
    wanted: Any,
    balance: Balance,
    now: int,
) -> list[GuardianChoice]:
    """Store a guardian's choice, and return the choices of all guardians."""
    connection.execute(
        upsert(
            "stance",
            "household, profile, setting, account",
            "household, account, profile, setting, value, at",
        ),
        (household, balance.account, profile, setting, _value_text(wanted), now),
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


def _value_text(value: Any) -> str:
    """Return a value as text; the same for equal sets."""
    if isinstance(value, frozenset):
        value = sorted(value)
    return json.dumps(value)
