"""What is written into a provider's register.  An entry is never changed: a later one corrects it.

Moments are whole seconds since 1970.  Names are texts of rules: `games.example`, `*.games.example`,
`=games.example`.  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class KeptRecord(StrEnum):
    """What an authority can ask to preserve: of a provider's records, those that there are."""

    BINDINGS = "bindings"  # which line had an address, as long as the session lasts
    ORDERS = "orders"  # the register of orders, with their documents' checksums
    DECISIONS = "decisions"  # of the reviewers' desk: site, list, reason; no person


class HandLayer(StrEnum):
    """Where a name that people add by hand has its effect."""

    SECURITY = "security"  # blocked as dangerous
    ANCHOR = "anchor"  # a broken domain that is answered without validation


@dataclass(frozen=True, slots=True)
class OperatorDescribed:
    """Who the provider is.  country: two letters.  contact: an address for people."""

    name: str
    country: str
    contact: str


@dataclass(frozen=True, slots=True)
class TenantAdded:
    """A brand or region of the provider, whose staff and subscribers are apart."""

    tenant: str
    name: str
    country: str


@dataclass(frozen=True, slots=True)
class PortalKeySet:
    """A tenant's portal signs its links with this key from now on.

    key: public, of Ed25519, in base64.
    """

    tenant: str
    key: str


@dataclass(frozen=True, slots=True)
class StaffAdded:
    """Somebody works here.  As `StaffMember`."""

    staff: str
    name: str
    role: str
    tenant: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class StaffRemoved:
    """Somebody does not work here any more."""

    staff: str


@dataclass(frozen=True, slots=True)
class OrderEntered:
    """An authority ordered the provider to block names.

    authority, reference: who did, and what it calls the order.  scope: what it covers, in words.
    country: of the authority.  begins, ends: from and until when; at `ends` the block is over.
    document: SHA-256 of the order, in hex.  link: where the public reads it; "" for nowhere.
    is_confidential: nobody may be told the names; they are in `sealed` where this is stored.
    decider, decide_within: the staff member who decides about protected names, and in how many
    seconds after the confirmation.
    """

    authority: str
    reference: str
    scope: str
    country: str
    names: tuple[str, ...]
    begins: int
    ends: int
    document: str
    link: str = ""
    is_confidential: bool = False
    decider: str = ""
    decide_within: int = 0
    sealed: str = ""


@dataclass(frozen=True, slots=True)
class OrderConfirmed:
    """A second person has read the order.

    held: the protected names that it would block, each of which waits for the decider; of a
    confidential order they are in `sealed` where this is stored.
    """

    order: int
    held: tuple[str, ...] = ()
    sealed: str = ""


@dataclass(frozen=True, slots=True)
class OrderWithdrawn:
    """An order was lifted, or entered by mistake."""

    order: int
    why: str


@dataclass(frozen=True, slots=True)
class HoldDecided:
    """The decider decided about a protected name of an order: it stays open, or is blocked.

    Of a confidential order the name is in `sealed` where this is stored.
    """

    order: int
    name: str
    is_blocked: bool
    why: str
    sealed: str = ""


@dataclass(frozen=True, slots=True)
class NameAdded:
    """Somebody added a name by hand, until a second person confirms it without effect.

    ends: at most seven days after the entry.
    """

    layer: HandLayer
    name: str
    why: str
    ends: int


@dataclass(frozen=True, slots=True)
class NameConfirmed:
    """A second person agrees with a name that was added by hand."""

    entry: int


@dataclass(frozen=True, slots=True)
class NameWithdrawn:
    """A name that was added by hand is over before its end."""

    entry: int
    why: str


@dataclass(frozen=True, slots=True)
class FeedTaken:
    """A version of a list of the security layer came into force.

    version: as its maintainer numbers or dates it.  digest: SHA-256 of the file.  names: how many.
    """

    slug: str
    source: str
    version: str
    digest: str
    names: int


@dataclass(frozen=True, slots=True)
class PreservationEntered:
    """An authority asked that some records are not deleted for a while.

    since, through: of which time; `through` is not after the entry, so what is to come is not
    collected.  ends: when the records are deleted as others are.  keeper: the staff member who
    answers for it.  document: SHA-256 of the request.
    """

    authority: str
    reference: str
    country: str
    records: tuple[KeptRecord, ...]
    since: int
    through: int
    ends: int
    keeper: str
    document: str


@dataclass(frozen=True, slots=True)
class PreservationConfirmed:
    """A second person has read the request."""

    preservation: int


@dataclass(frozen=True, slots=True)
class PreservationEnded:
    """A request to preserve is over before its end."""

    preservation: int
    why: str


@dataclass(frozen=True, slots=True)
class FamilyOpened:
    """Nothing that families chose is blocked for anybody until the end; law and security stay."""

    why: str
    ends: int


@dataclass(frozen=True, slots=True)
class FamilyClosed:
    """The layer of families holds again before the end.  opening: the entry that opened it."""

    opening: int
    why: str


@dataclass(frozen=True, slots=True)
class RegisterRestored:
    """Lines that had been there are gone, since the database was set back; who runs the machine
    accepts it.

    size, digest: what the register had, as far as it was known.
    """

    size: int
    digest: str


RegisterEvent = (
    OperatorDescribed
    | TenantAdded
    | PortalKeySet
    | StaffAdded
    | StaffRemoved
    | OrderEntered
    | OrderConfirmed
    | OrderWithdrawn
    | HoldDecided
    | NameAdded
    | NameConfirmed
    | NameWithdrawn
    | FeedTaken
    | PreservationEntered
    | PreservationConfirmed
    | PreservationEnded
    | FamilyOpened
    | FamilyClosed
    | RegisterRestored
)

# What each is called where it is stored; a name is kept for good.
EVENT_KINDS: Final[dict[str, type[RegisterEvent]]] = {
    "operator described": OperatorDescribed,
    "tenant added": TenantAdded,
    "portal key set": PortalKeySet,
    "staff added": StaffAdded,
    "staff removed": StaffRemoved,
    "order entered": OrderEntered,
    "order confirmed": OrderConfirmed,
    "order withdrawn": OrderWithdrawn,
    "hold decided": HoldDecided,
    "name added": NameAdded,
    "name confirmed": NameConfirmed,
    "name withdrawn": NameWithdrawn,
    "feed taken": FeedTaken,
    "preservation entered": PreservationEntered,
    "preservation confirmed": PreservationConfirmed,
    "preservation ended": PreservationEnded,
    "family opened": FamilyOpened,
    "family closed": FamilyClosed,
    "register restored": RegisterRestored,
}
KIND_OF_EVENT: Final = {shape: kind for kind, shape in EVENT_KINDS.items()}
