"""Who may do what: roles, permissions, and what happens when two guardians disagree.

Every handler calls `may` first.  Guardians are equal: no page lets one remove, demote or replace
another.  Where two of them set something differently, the preset of the child's age holds
(`weigh`).  Only the console, so whoever owns the machine, removes a guardian, and all guardians are
told of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from copdns.model.household import Profile


class Role(StrEnum):
    """Who an account is; what each may do stands in one table below."""

    OWNER = "owner"  # a guardian who also runs the machine
    GUARDIAN = "guardian"
    REVIEWER = "reviewer"  # decides appeals, and sees no log
    AUDITOR = "auditor"  # sees the profiles and the audit, and changes nothing
    CHILD = "child"

    @property
    def is_guardian(self) -> bool:
        """Tell whether it may do what all guardians may."""
        return self in (Role.OWNER, Role.GUARDIAN)


class Permission(StrEnum):
    """A closed list; docs/accounts.md explains each.  Those of tokens are called scopes."""

    SEE_STATUS = "see_status"  # that it runs, what is missing, numbers that name nobody
    SEE_PROFILES = "see_profiles"  # people, their rules, times and devices
    SEE_LOG = "see_log"  # a person's look-ups and minutes, as far as they are kept
    SEE_APPEALS = "see_appeals"
    SEE_AUDIT = "see_audit"  # who changed what, and who looked
    DECIDE_APPEALS = "decide_appeals"
    GIVE_TIME = "give_time"  # pause, bonus, grants, tickets
    EDIT_PROFILES = "edit_profiles"  # rules, categories, services, times, age bands
    EDIT_DEVICES = "edit_devices"  # devices, guests, pairings, PINs
    EDIT_HOUSEHOLD = "edit_household"  # what applies to everyone, lists included
    EXPORT = "export"
    ERASE = "erase"
    ASK_FULL_LOG = "ask_full_log"
    MANAGE_ACCOUNTS = "manage_accounts"  # add accounts; remove those that are no guardian's
    MANAGE_TOKENS = "manage_tokens"  # one's own
    STEP_UP = "step_up"  # for tokens: what asks a person for the password again
    RUN_MACHINE = "run_machine"  # settings, backups, restart
    SEE_OWN = "see_own"  # a child: what applies to me, what is kept, who looked
    ASK = "ask"  # a child: an appeal, a bonus, "check a site"


_GUARDIAN = frozenset(
    {
        Permission.SEE_STATUS,
        Permission.SEE_PROFILES,
        Permission.SEE_LOG,
        Permission.SEE_APPEALS,
        Permission.SEE_AUDIT,
        Permission.DECIDE_APPEALS,
        Permission.GIVE_TIME,
        Permission.EDIT_PROFILES,
        Permission.EDIT_DEVICES,
        Permission.EDIT_HOUSEHOLD,
        Permission.EXPORT,
        Permission.ERASE,
        Permission.ASK_FULL_LOG,
        Permission.MANAGE_ACCOUNTS,
        Permission.MANAGE_TOKENS,
        Permission.STEP_UP,
    }
)

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: _GUARDIAN | {Permission.RUN_MACHINE},
    Role.GUARDIAN: _GUARDIAN,
    Role.REVIEWER: frozenset(
        {Permission.SEE_STATUS, Permission.SEE_APPEALS, Permission.DECIDE_APPEALS}
    ),
    Role.AUDITOR: frozenset({Permission.SEE_STATUS, Permission.SEE_PROFILES, Permission.SEE_AUDIT}),
    Role.CHILD: frozenset({Permission.SEE_OWN, Permission.ASK}),
}

# What no token can do: a program must not make keys or let people in; a full log or an erasure
# is for a person to begin.
NO_SCOPES = frozenset(
    {
        Permission.MANAGE_ACCOUNTS,
        Permission.MANAGE_TOKENS,
        Permission.ASK_FULL_LOG,
        Permission.ERASE,
        Permission.RUN_MACHINE,
        Permission.SEE_OWN,
        Permission.ASK,
    }
)

# What shows a person's life, rather than rules for them.
_PERSONAL = frozenset({Permission.SEE_LOG, Permission.EXPORT, Permission.ASK_FULL_LOG})


# What a further guardian cannot do for a while where the household does not live under one roof
# with its copdns (`further_guardian.py`): read what is kept, take it away, let others in or out, or
# say whose a device is, by which its browser could speak as the person.
NOT_YET = frozenset(
    {
        Permission.SEE_LOG,
        Permission.SEE_APPEALS,
        Permission.SEE_AUDIT,
        Permission.DECIDE_APPEALS,
        Permission.EDIT_DEVICES,
        Permission.EXPORT,
        Permission.ERASE,
        Permission.ASK_FULL_LOG,
        Permission.MANAGE_ACCOUNTS,
    }
)


class HasRole(Protocol):
    """An `Account`, or whatever else has these fields."""

    @property
    def id(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def profile(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, through a session, a token or a paired device.

    id: of the account; "" for a child known by the device.  profile: the person it is; "" for
    none.  scopes: those of a token; None for a person.  waits_until: when a further guardian may do
    what is in NOT_YET, in seconds since the epoch; None for who waits for nothing.
    """

    household: str
    id: str
    name: str
    role: Role
    profile: str = ""
    scopes: frozenset[Permission] | None = None
    waits_until: int | None = None


def may(who: Actor | HasRole, permission: Permission, profile: Profile | None = None) -> bool:
    """Tell whether somebody may do something; profile: the person it is about, if any.

    A child may only act for itself.  Nobody sees, exports or asks for the log of another adult.
    """
    if permission not in PERMISSIONS[who.role]:
        return False
    scopes = getattr(who, "scopes", None)
    if scopes is not None and permission not in scopes:
        return False
    if permission in NOT_YET and getattr(who, "waits_until", None) is not None:
        return False
    if profile is None:
        return who.role is not Role.CHILD or bool(who.profile)
    if who.profile and profile.id == who.profile:
        return True
    if who.role is Role.CHILD:
        return False
    return guardians_may_see(profile) or permission not in _PERSONAL


def guardians_may_see(profile: Profile) -> bool:
    """Tell whether guardians may see what is recorded of somebody: of a child's only, whatever the
    age."""
    return profile.band.is_child


def scopes_for(role: Role) -> frozenset[Permission]:
    """Return the scopes that a token of an account with this role can have."""
    return PERMISSIONS[role] - NO_SCOPES


def may_remove(by: Role | None, account: Role) -> bool:
    """Tell whether an account of a role can be removed.

    by: the role of who does it; None for the console.
    """
    if by is None:
        return True
    return Permission.MANAGE_ACCOUNTS in PERMISSIONS[by] and not account.is_guardian


def may_add(by: Role | None, role: Role) -> bool:
    """Tell whether an account of a role can be made; by: as in `may_remove`.

    A guardian may add another guardian.  Only the console makes an owner, who runs the machine.
    """
    if by is None:
        return True
    return Permission.MANAGE_ACCOUNTS in PERMISSIONS[by] and role is not Role.OWNER


# --- two guardians who want something differently -------------------------------------------------

CHOICE_LASTS = 30 * 86_400  # seconds for which a guardian's choice counts


class GuardianChoice(NamedTuple):
    """What a guardian last chose.  setting: a field of Profile.  value: of that field."""

    account: str
    profile: str
    setting: str
    value: Any
    at: int


class Balance(NamedTuple):
    """What it takes to weigh a change against the choices of the other guardians.

    account: the id of who makes the change.  preset: returns a profile with the settings of the
    preset for its age.
    """

    account: str
    preset: Callable[[Profile], Profile]


class WeighedSetting(NamedTuple):
    """disputed: two guardians chose differently, so the value is the preset's."""

    value: Any
    disputed: bool


def weigh(choices: Iterable[GuardianChoice], preset: Any, now: int) -> WeighedSetting | None:
    """Return the value that holds for one setting of one person; None where no choice counts.

    choices: those of that setting, one a guardian; each counts for 30 days.  preset: the value of
    the preset for the child's age, which holds while they differ.  now: seconds since the epoch.
    """
    values = [each.value for each in choices if 0 <= now - each.at < CHOICE_LASTS]
    if not values:
        return None
    if all(each == values[0] for each in values):
        return WeighedSetting(values[0], disputed=False)
    return WeighedSetting(preset, disputed=True)
