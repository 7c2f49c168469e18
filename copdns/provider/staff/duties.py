"""What the people who work at a provider may do.

One table decides, for pages, for operations and for commands.  None of them reads a household, a
child's words or a look-up: there is no duty for that, and no role gets one.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from copdns.model.sentences import Phrase


class StaffRole(StrEnum):
    """What somebody does for a provider."""

    ADMINISTRATOR = "administrator"
    SUPPORT = "support"  # helps subscribers, without sight of a family's data
    REVIEWER = "reviewer"  # decides whether a list is right about a site
    AUDITOR = "auditor"  # reads the register and its figures, and changes nothing


ROLE_WORDS: Final[Mapping[StaffRole, Phrase]] = {
    StaffRole.ADMINISTRATOR: Phrase("role of staff", "administrator"),
    StaffRole.SUPPORT: Phrase("role of staff", "support"),
    StaffRole.REVIEWER: Phrase("role of staff", "reviewer"),
    StaffRole.AUDITOR: Phrase("role of staff", "auditor"),
}


class Duty(StrEnum):
    """A closed list of what somebody may do."""

    SEE_STATUS = "see_status"  # that it runs, and what is missing
    SEE_REGISTER = "see_register"  # orders, feeds and decisions, but for confidential names
    SEE_CONFIDENTIAL = "see_confidential"  # names of confidential orders
    KEEP_REGISTER = "keep_register"  # enter and withdraw, and confirm what another entered
    DECIDE_HOLDS = "decide_holds"  # about a protected name, where the order names this person
    MANAGE_STAFF = "manage_staff"
    SEE_DESK = "see_desk"  # questions about lists and categories
    DECIDE_DESK = "decide_desk"
    SEE_FIGURES = "see_figures"  # the report, small numbers left out


DUTIES: Final[Mapping[StaffRole, frozenset[Duty]]] = {
    StaffRole.ADMINISTRATOR: frozenset(
        {
            Duty.SEE_STATUS,
            Duty.SEE_REGISTER,
            Duty.SEE_CONFIDENTIAL,
            Duty.KEEP_REGISTER,
            Duty.DECIDE_HOLDS,
            Duty.MANAGE_STAFF,
            Duty.SEE_FIGURES,
        }
    ),
    StaffRole.SUPPORT: frozenset({Duty.SEE_STATUS}),
    StaffRole.REVIEWER: frozenset(
        {
            Duty.SEE_STATUS,
            Duty.SEE_REGISTER,
            Duty.DECIDE_HOLDS,
            Duty.SEE_DESK,
            Duty.DECIDE_DESK,
            Duty.SEE_FIGURES,
        }
    ),
    StaffRole.AUDITOR: frozenset(
        {Duty.SEE_STATUS, Duty.SEE_REGISTER, Duty.SEE_DESK, Duty.SEE_FIGURES}
    ),
}


# What can be about one tenant.  All else is about the provider as a whole: orders, confidential
# names, what people enter and confirm.
OF_ONE_TENANT: Final = frozenset(
    {
        *(Duty.SEE_STATUS, Duty.SEE_REGISTER, Duty.MANAGE_STAFF),
        *(Duty.SEE_DESK, Duty.DECIDE_DESK, Duty.SEE_FIGURES),
    }
)


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Somebody who works at a provider.

    id: lower case, kept for good, since entries name it.  tenant: whose staff it is; "" for the
    operator, who serves all tenants.  subject: what the provider's single sign-on calls this
    person; "" for one who cannot log in to pages.  is_gone: worked here once.
    """

    id: str
    name: str
    role: StaffRole
    tenant: str = ""
    subject: str = ""
    is_gone: bool = False


def duties_of(who: StaffMember) -> frozenset[Duty]:
    """Return the duties of somebody; of who works for one tenant, those that are about it."""
    if who.is_gone:
        return frozenset()
    return DUTIES[who.role] & OF_ONE_TENANT if who.tenant else DUTIES[who.role]


def has_duty(who: StaffMember | None, duty: Duty, tenant: str = "") -> bool:
    """Tell whether somebody may do something; tenant: the one that it is about, "" for all.

    Whoever works for one tenant has no duty about another one, nor about all together.
    """
    return who is not None and duty in duties_of(who) and who.tenant in ("", tenant)
