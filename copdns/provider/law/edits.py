"""What may be written into a provider's register next, by whom.

Each function returns the event to write, or raises RegisterError with what to do instead.  An
order, a name added by hand and a request to preserve need two people; nobody confirms what they
entered themselves.  Pure.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from typing import Final

from copdns.model.errors import NameTextError, RegisterError
from copdns.model.matchers import Matcher, parse_matcher
from copdns.model.sentences import Sentence, sentence
from copdns.provider.law.events import (
    FamilyClosed,
    FamilyOpened,
    FeedTaken,
    HandLayer,
    HoldDecided,
    NameAdded,
    NameConfirmed,
    NameWithdrawn,
    OperatorDescribed,
    OrderConfirmed,
    OrderEntered,
    OrderWithdrawn,
    PortalKeySet,
    PreservationConfirmed,
    PreservationEnded,
    PreservationEntered,
    StaffAdded,
    StaffRemoved,
    TenantAdded,
)
from copdns.provider.law.register import STATE_WORDS, HandName, LegalOrder, OrderState, Register
from copdns.provider.law.register_in_force import can_be_blocked, open_below, protected_by
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.staff.duties import ROLE_WORDS, Duty, StaffMember, StaffRole, has_duty

CONSOLE: Final = "console"  # whoever runs the machine; no entry that needs two people is theirs
DAY: Final = 86_400
LONGEST_ORDER: Final = 366 * DAY  # an order that lasts longer is entered again, and read again
LONGEST_BY_HAND: Final = 7 * DAY
LONGEST_DECISION: Final = 3 * DAY
LONGEST_PRESERVATION: Final = 90 * DAY
LONGEST_OPENING: Final = DAY  # of the layer of families, for all
MOST_TEXT: Final = 500  # characters
MOST_LOGIN: Final = 255  # characters (OpenID Connect Core section 8)
MOST_NAMES: Final = 100_000

_ID = re.compile(r"[a-z][a-z0-9-]{0,30}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LINK = re.compile(r"https://\S{3,500}")


def describe_operator(name: str, country: str, contact: str) -> OperatorDescribed:
    """Say who the provider is; the console's to do."""
    return OperatorDescribed(
        _text(sentence("the name"), name),
        _country(country),
        _text(sentence("the contact"), contact),
    )


def add_tenant(register: Register, tenant: str, name: str, country: str) -> TenantAdded:
    """Add a brand or region; the console's to do."""
    if tenant in register.tenants:
        raise RegisterError(
            "there is a tenant %(tenant)s already; choose another id", tenant=tenant
        )
    return TenantAdded(_id(tenant), _text(sentence("the name"), name), _country(country))


def set_portal_key(register: Register, tenant: str, key: str) -> PortalKeySet:
    """Say which key a tenant's portal signs with; the console's to do, so no staff makes links."""
    if tenant not in register.tenants:
        raise RegisterError(
            "there is no tenant %(tenant)s; see copdns provider tenant list", tenant=tenant
        )
    try:
        is_key = len(b64decode(key, validate=True)) == 32
    except ValueError:
        is_key = False
    if not is_key:
        raise RegisterError("a public key of Ed25519 has 32 octets, in base64")
    return PortalKeySet(tenant, key)


def add_staff(register: Register, new: StaffMember, by: StaffMember | None) -> StaffAdded:
    """Add somebody, or give somebody another role.  by: None for the console.

    The console adds administrators; an administrator adds all others.  An administrator of one
    tenant adds staff of this tenant.
    """
    if by is not None:
        _require(by, Duty.MANAGE_STAFF, new.tenant)
        if new.role is StaffRole.ADMINISTRATOR:
            raise RegisterError("an administrator is added at the machine itself")
    if new.tenant and new.tenant not in register.tenants:
        raise RegisterError("there is no tenant %(tenant)s", tenant=new.tenant)
    before = register.staff.get(new.id)
    if before is not None and before.tenant != new.tenant:
        raise RegisterError("the id %(who)s is taken; choose another one", who=new.id)
    if before is not None:
        _require_same_person(before, new)
    if before is not None and by is not None and before.role is StaffRole.ADMINISTRATOR:
        raise RegisterError("an administrator is changed at the machine itself")
    if new.id == CONSOLE:
        raise RegisterError(
            "%(id)s is what the machine itself is called; choose another id", id=CONSOLE
        )
    owners = {each for each, logins in register.logins.items() if new.subject in logins} - {new.id}
    if by is None:  # the machine itself may give a login to who had another id here before
        owners = {each for each in owners if _has_now(register.staff[each], new.subject)}
    if new.subject and owners:
        raise RegisterError("this login belongs to someone else here, or did before")
    if len(new.subject) > MOST_LOGIN or not new.subject.isprintable():
        raise RegisterError(
            "a login has at most %(most)s characters, and no control characters", most=MOST_LOGIN
        )
    name = _text(sentence("the name"), new.name)
    return StaffAdded(_id(new.id), name, str(new.role), new.tenant, new.subject)


def _require_same_person(before: StaffMember, new: StaffMember) -> None:
    """Refuse to give an id that was somebody's to somebody else: entries of before name it.

    Who comes back is known by the login.
    """
    if before.is_gone and not (before.subject and new.subject == before.subject):
        raise RegisterError(
            "%(who)s was someone who worked here before; choose another id", who=before.id
        )
    if before.subject and new.subject != before.subject:
        raise RegisterError(
            "%(who)s has another login; remove this id, and add the person under another one",
            who=before.id,
        )


def _has_now(who: StaffMember, subject: str) -> bool:
    return who.subject == subject and not who.is_gone


def remove_staff(register: Register, staff: str, by: StaffMember | None) -> StaffRemoved:
    """Let somebody go.  by: None for the console, which alone removes administrators."""
    found = require_staff(register, staff)
    if by is not None:
        if by.tenant not in ("", found.tenant):  # whoever works for another tenant is unknown here
            raise _not_here(staff)
        _require(by, Duty.MANAGE_STAFF, found.tenant)
        if found.role is StaffRole.ADMINISTRATOR:
            raise RegisterError("an administrator is removed at the machine itself")
    return StaffRemoved(staff)


def require_staff(register: Register, staff: str) -> StaffMember:
    """Return who works here by this id; raise RegisterError."""
    found = register.staff.get(staff)
    if found is None or found.is_gone:
        raise _not_here(staff)
    return found


def _not_here(staff: str) -> RegisterError:
    return RegisterError("%(who)s does not work here; see copdns provider staff list", who=staff)


def enter_order(register: Register, new: OrderEntered, by: StaffMember, now: int) -> OrderEntered:
    """Enter an order; it has no effect until a second person confirms it."""
    _require(by, Duty.KEEP_REGISTER)
    authority = _text(sentence("the authority"), new.authority)
    reference = _text(sentence("the reference"), new.reference)
    scope = _text(sentence("the scope"), new.scope)
    _country(new.country)
    _checksum(new.document)
    if new.link and not _LINK.fullmatch(new.link):
        raise RegisterError("the link to the document begins with https://")
    if not 0 <= new.begins <= now + LONGEST_ORDER:
        raise RegisterError("an order begins within a year; enter a later one when it is near")
    if not now < new.ends <= max(now, new.begins) + LONGEST_ORDER:
        raise RegisterError(
            "an order ends within a year, so that someone reads it again; enter a longer one "
            "again before it ends"
        )
    if new.ends <= new.begins:
        raise RegisterError("the order ends before it begins")
    # A confidential one may be about a list of hashes, which it names by its checksum.
    if not (new.names or new.is_confidential) or len(new.names) > MOST_NAMES:
        raise RegisterError("an order has 1 to %(most)s names", most=MOST_NAMES)
    if not 0 < new.decide_within <= LONGEST_DECISION:
        raise RegisterError("who decides about protected names has at most three days")
    decider = require_staff(register, new.decider)
    if not has_duty(decider, Duty.DECIDE_HOLDS):
        raise RegisterError("%(who)s cannot decide about protected names", who=decider.name)
    names = tuple(sorted({str(_name(each)) for each in new.names}))
    return replace(
        new, authority=authority, reference=reference, scope=scope, names=names, sealed=""
    )


def confirm_order(
    register: Register, number: int, special: SpecialNames, by: StaffMember, now: int
) -> OrderConfirmed:
    """Confirm an order that another person entered, and hold what it would block of protected."""
    _require(by, Duty.KEEP_REGISTER)
    order = find_order(register, number)
    _require_unconfirmed(order.state(now))
    _require_other(register, order.entered_by, by)
    return OrderConfirmed(number, held_names(order, special))


def held_names(order: LegalOrder, special: SpecialNames) -> tuple[str, ...]:
    """Return the protected names that an order would block if nobody looked."""
    names = [parse_matcher(each) for each in order.entered.names]
    return tuple(sorted({str(each) for each in protected_by(names, special)}))


def withdraw_order(
    register: Register, number: int, why: str, by: StaffMember, now: int
) -> OrderWithdrawn:
    """Lift an order before its end; one person is enough to open a name."""
    _require(by, Duty.KEEP_REGISTER)
    _require_not_over(find_order(register, number).state(now))
    return OrderWithdrawn(number, _text(sentence("the reason"), why))


def decide_hold(
    register: Register, new: HoldDecided, special: SpecialNames, by: StaffMember, now: int
) -> HoldDecided:
    """Decide about a protected name; only who is named in the order may, also after the deadline.

    A part of a name that the network itself needs cannot be blocked: the data plane has no such
    exception, and it has one for help names.  Of two help names, one below the other, the lower one
    is blocked first where a name of the order covers both: the data plane then blocks both.
    """
    order = find_order(register, new.order)
    # First of all, since any other answer tells which protected names a confidential order has.
    if order.entered.decider != by.id:
        raise RegisterError(
            "%(who)s decides about names of order %(order)s",
            who=order.entered.decider,
            order=new.order,
        )
    held = next((each for each in order.holds if each.name == new.name), None)
    if held is None:
        raise RegisterError(
            "order %(order)s has no protected name called %(domain)s",
            order=new.order,
            domain=new.name,
        )
    if held.is_blocked is not None:
        raise RegisterError(
            "%(who)s has decided about %(domain)s", who=held.decided_by, domain=new.name
        )
    _require(by, Duty.DECIDE_HOLDS)
    _require_not_over(order.state(now))
    if new.is_blocked and not can_be_blocked(order, new.name, special):
        raise RegisterError(
            "the order names a part of %(domain)s, which the network itself needs as a whole; "
            "leave it open, and tell the authority",
            domain=new.name,
        )
    below = open_below(order, new.name, special) if new.is_blocked else None
    if below is not None:
        raise RegisterError(
            "%(below)s, which is below %(domain)s, would be blocked too: until it has been "
            "decided to block that, %(domain)s stays open",
            below=below,
            domain=new.name,
        )
    return replace(new, why=_text(sentence("the reason"), new.why), sealed="")


def find_order(register: Register, number: int) -> LegalOrder:
    """Return an order; raise RegisterError where there is none of this number."""
    if (found := register.orders.get(number)) is None:
        raise RegisterError(
            "there is no order %(number)s; see copdns provider law list", number=number
        )
    return found


def add_name(new: NameAdded, by: StaffMember, special: SpecialNames, now: int) -> NameAdded:
    """Add a name to the security layer, or an anchor, until its end within seven days.

    Nobody adds a protected name to the security layer: only an order of an authority touches one.
    """
    _require(by, Duty.KEEP_REGISTER)
    name = _name(new.name)
    if new.layer is HandLayer.SECURITY and any(protected_by([name], special)):
        raise RegisterError("%(domain)s is protected, or covers a protected name", domain=str(name))
    if not now < new.ends <= now + LONGEST_BY_HAND:
        raise RegisterError("a name that is added by hand ends within seven days")
    return NameAdded(new.layer, str(name), _text(sentence("the reason"), new.why), new.ends)


def confirm_name(register: Register, number: int, by: StaffMember, now: int) -> NameConfirmed:
    """Confirm a name that another person added."""
    found = _find_name(register, number)
    _require(by, Duty.KEEP_REGISTER)
    _require_unconfirmed(found.state(now))
    _require_other(register, found.added_by, by)
    return NameConfirmed(number)


def withdraw_name(
    register: Register, number: int, why: str, by: StaffMember, now: int
) -> NameWithdrawn:
    """Take back a name that was added by hand."""
    found = _find_name(register, number)
    _require(by, Duty.KEEP_REGISTER)
    _require_not_over(found.state(now))
    return NameWithdrawn(number, _text(sentence("the reason"), why))


def take_feed(register: Register, new: FeedTaken) -> FeedTaken | None:
    """Take a version of a list into the security layer; None if it is the one in force."""
    if not (new.source.strip() and new.version.strip()):
        raise RegisterError("a list of the security layer names its source and its version")
    _checksum(new.digest)
    before = register.feeds.get(_id(new.slug), [])
    if before and before[-1].taken == new:
        return None
    if before and before[-1].taken.version == new.version:
        raise RegisterError(
            "%(slug)s: version %(version)s was another file before",
            slug=new.slug,
            version=new.version,
        )
    return new


def enter_preservation(
    register: Register, new: PreservationEntered, by: StaffMember, now: int
) -> PreservationEntered:
    """Keep records that there are from being deleted; what is to come is not collected."""
    _require(by, Duty.KEEP_REGISTER)
    authority = _text(sentence("the authority"), new.authority)
    reference = _text(sentence("the reference"), new.reference)
    _country(new.country)
    _checksum(new.document)
    keeper = require_staff(register, new.keeper)
    if not has_duty(keeper, Duty.SEE_REGISTER):
        raise RegisterError(
            "%(who)s does not see the register, so name someone else", who=keeper.name
        )
    if not new.records:
        raise RegisterError("a request to preserve names the records that it is about")
    if not 0 <= new.since < new.through <= now:
        raise RegisterError("only what there is can be preserved, not what is to come")
    if not now < new.ends <= now + LONGEST_PRESERVATION:
        raise RegisterError("a request to preserve ends within 90 days")
    return replace(new, authority=authority, reference=reference)


def confirm_preservation(
    register: Register, number: int, by: StaffMember, now: int
) -> PreservationConfirmed:
    """Confirm a request that another person entered."""
    _require(by, Duty.KEEP_REGISTER)
    if (found := register.preservations.get(number)) is None:
        raise RegisterError("there is no request to preserve %(number)s", number=number)
    _require_unconfirmed(found.state(now))
    _require_other(register, found.entered_by, by)
    return PreservationConfirmed(number)


def end_preservation(
    register: Register, number: int, why: str, by: StaffMember, now: int
) -> PreservationEnded:
    """End a request to preserve before its end; its keeper may, as may who keeps the register."""
    if (found := register.preservations.get(number)) is None:
        raise RegisterError("there is no request to preserve %(number)s", number=number)
    if by.id != found.entered.keeper:
        _require(by, Duty.KEEP_REGISTER)
    _require_not_over(found.state(now))
    return PreservationEnded(number, _text(sentence("the reason"), why))


def open_family(register: Register, why: str, ends: int, by: StaffMember, now: int) -> FamilyOpened:
    """Open the layer of families for all, at once and for a day at most.

    One person is enough: it is for when lists or policies go wrong everywhere, and it blocks
    nothing.  Law and security stay.
    """
    _require(by, Duty.KEEP_REGISTER)
    if (found := register.open_family(now)) is not None:
        raise RegisterError(
            "it is open by entry %(number)s already; let it block again first", number=found.number
        )
    if not now < ends <= now + LONGEST_OPENING:
        raise RegisterError("the layer of families is open for at most 24 hours at a time")
    return FamilyOpened(_text(sentence("the reason"), why), ends)


def close_family(register: Register, why: str, by: StaffMember, now: int) -> FamilyClosed:
    """Let the layer of families hold again before its end."""
    _require(by, Duty.KEEP_REGISTER)
    if (found := register.open_family(now)) is None:
        raise RegisterError("the layer of families is not open")
    return FamilyClosed(found.number, _text(sentence("the reason"), why))


def _find_name(register: Register, number: int) -> HandName:
    if (found := register.by_hand.get(number)) is None:
        raise RegisterError("no name was added by entry %(number)s", number=number)
    return found


def _require(by: StaffMember, duty: Duty, tenant: str = "") -> None:
    if not has_duty(by, duty, tenant):
        raise RegisterError(
            "%(who)s may not do this; the role is %(role)s", who=by.name, role=ROLE_WORDS[by.role]
        )


def may_confirm(register: Register, first: str, by: StaffMember) -> bool:
    """Tell whether somebody is another person than the one who entered it, also by their login."""
    logins = register.logins.get(first, set()) & register.logins.get(by.id, set())
    return first != by.id and not logins


def _require_other(register: Register, first: str, by: StaffMember) -> None:
    if not may_confirm(register, first, by):
        raise RegisterError("another person than the one who entered it has to confirm it")


def _require_unconfirmed(state: OrderState) -> None:
    if state is not OrderState.UNCONFIRMED:
        raise RegisterError(
            "there is nothing to confirm: it is %(state)s", state=STATE_WORDS[state]
        )


def _require_not_over(state: OrderState) -> None:
    if state in (OrderState.OVER, OrderState.WITHDRAWN):
        raise RegisterError("it is %(state)s already", state=STATE_WORDS[state])


def _text(what: Sentence, text: str) -> str:
    found = " ".join(text.split())
    if not found or len(found) > MOST_TEXT or not found.isprintable():
        raise RegisterError(
            "%(what)s is missing, or has more than %(most)s characters", what=what, most=MOST_TEXT
        )
    return found


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise RegisterError("'%(text)s' is no id; use small letters, digits and hyphens", text=text)
    return text


def _country(text: str) -> str:
    if not _COUNTRY.fullmatch(text):
        raise RegisterError(
            "'%(text)s' is no country; write two capital letters, such as FR", text=text
        )
    return text


def _checksum(text: str) -> None:
    if not _DIGEST.fullmatch(text):
        raise RegisterError("a document has a SHA-256 checksum of 64 hexadecimal digits")


def _name(text: str) -> Matcher:
    try:
        return parse_matcher(text)
    except NameTextError as error:
        raise RegisterError(*error.sentences) from None
