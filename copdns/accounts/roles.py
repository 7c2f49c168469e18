"""Who may do what: roles, permissions, the table between them, and what guardians owe each other.

`may` is the one question; every handler asks it first.  Guardians are equal: no page lets one
remove, demote or replace another, and what two of them want differently is settled by the preset of
the child's age (`settled`).  Only the console, which is whoever owns the machine, removes a
guardian, and all of them hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from copdns.model.household import Profile


class Role(StrEnum):
    OWNER = "owner"  # a guardian who also runs the machine
    GUARDIAN = "guardian"
    REVIEWER = "reviewer"  # decides appeals, and sees no log
    AUDITOR = "auditor"  # sees what was done, and changes nothing
    CHILD = "child"

    @property
    def is_guardian(self) -> bool:
        return self in (Role.OWNER, Role.GUARDIAN)


class Permission(StrEnum):
    """A closed list; docs/accounts.md explains each.  Those of tokens are called scopes."""

    SEE_STATUS = "see_status"  # that it runs, what is missing, numbers without people
    SEE_PROFILES = "see_profiles"  # people, their rules, times and devices
    SEE_LOG = "see_log"  # what is kept of a person's look-ups and minutes
    SEE_APPEALS = "see_appeals"
    SEE_AUDIT = "see_audit"  # who changed what, and who looked
    DECIDE_APPEALS = "decide_appeals"
    GIVE_TIME = "give_time"  # pause, bonus, grants, tickets
    EDIT_PROFILES = "edit_profiles"  # rules, categories, services, times, age bands
    EDIT_DEVICES = "edit_devices"  # devices, guests, pairings, PINs
    EDIT_HOUSEHOLD = "edit_household"  # what holds for all, lists among it
    EXPORT = "export"
    ERASE = "erase"
    ASK_FULL_LOG = "ask_full_log"
    MANAGE_ACCOUNTS = "manage_accounts"  # add any; remove those who are no guardians
    MANAGE_TOKENS = "manage_tokens"  # one's own
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

# What no token can do: a program must not make keys, let people in, or begin what children are
# owed a person's word about.
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

# About one person's life, and not about rules for them.
_PERSONAL = frozenset({Permission.SEE_LOG, Permission.EXPORT, Permission.ASK_FULL_LOG})


class HasRole(Protocol):
    """An `Account`, or whatever else has these."""

    @property
    def id(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def profile(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, by a session, a token or a paired device.

    id: of the account, "" for a child known by the device.  scopes: None for a person; of a token
    those that it was given.
    """

    household: str
    id: str
    name: str
    role: Role
    profile: str = ""
    scopes: frozenset[Permission] | None = None


def may(who: Actor | HasRole, permission: Permission, profile: Profile | None = None) -> bool:
    """Tell whether somebody may do something, to a person where it is about one.

    A child has only itself.  Nobody looks into the log of another adult: not even somebody who
    keeps house with them.
    """
    if permission not in PERMISSIONS[who.role]:
        return False
    scopes = getattr(who, "scopes", None)
    if scopes is not None and permission not in scopes:
        return False
    if profile is None:
        return who.role is not Role.CHILD or bool(who.profile)
    if who.profile and profile.id == who.profile:
        return True
    if who.role is Role.CHILD:
        return False
    return profile.band.is_child or permission not in _PERSONAL


def scopes_for(role: Role) -> frozenset[Permission]:
    """Return what a token of somebody with this role can be given."""
    return PERMISSIONS[role] - NO_SCOPES


def may_remove(by: Role | None, account: Role) -> bool:
    """Tell whether an account can be removed; by: None is the console.  `may_demote` is the same,
    since a guardian without the role is one who was removed."""
    if by is None:
        return True
    return Permission.MANAGE_ACCOUNTS in PERMISSIONS[by] and not account.is_guardian


def may_add(by: Role | None, role: Role) -> bool:
    """Tell whether an account of a role can be made; by: None is the console.

    A guardian lets a second guardian in, and all of them hear of it; an owner comes from the
    console only, since it runs the machine.
    """
    if by is None:
        return True
    return Permission.MANAGE_ACCOUNTS in PERMISSIONS[by] and role is not Role.OWNER


# --- two guardians who want something differently -------------------------------------------------

STANDS = 30 * 86_400  # seconds that what a guardian set counts as their word


class GuardianChoice(NamedTuple):
    """What a guardian set last.  setting: a field of Profile.  value: of that field."""

    account: str
    profile: str
    setting: str
    value: Any
    at: int


class Balance(NamedTuple):
    """What a change needs to be weighed against the word of the other guardians.

    account: who makes it.  preset: gives a person as the preset of their age has them.
    """

    account: str
    preset: Callable[[Profile], Profile]


class WeighedSetting(NamedTuple):
    """disputed: guardians want it differently, so the value is the preset's."""

    value: Any
    disputed: bool


def weigh(stances: Iterable[GuardianChoice], preset: Any, now: int) -> WeighedSetting | None:
    """Return what holds of one setting of one person; None where no guardian's word counts.

    stances: of that setting, one a guardian.  preset: what the child's age starts with.  It ends
    when one takes the other's value, or when the older word is 30 days old and said no more.
    """
    values = [each.value for each in stances if 0 <= now - each.at < STANDS]
    if not values:
        return None
    if all(each == values[0] for each in values):
        return WeighedSetting(values[0], disputed=False)
    return WeighedSetting(preset, disputed=True)
