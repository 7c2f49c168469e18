"""The shapes of what a provider publishes: the statement of what is filtered, and the report.

Their JSON schemas are in docs/schemas and come from `copdns provider statement --schema` and
`copdns provider report --schema`.  A shape that was released gets no other meaning; a change is a
new version.  Moments are texts in UTC, such as `2026-11-24T18:00:00Z`.  Pure.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Utc = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SafeNumber = Annotated[
    int | None,
    Field(description="A number of people or of their doings; null: below 20, or not known."),
]


class _Published(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OperatorPart(_Published):
    """Who publishes it."""

    name: str
    country: CountryCode
    contact: str


class RegisterPart(_Published):
    """Which register it was made from: how many lines as the day began, in UTC, and the checksum of
    all of these."""

    entries: Annotated[int, Field(ge=0)]
    checksum: Sha256


class OrderPart(_Published):
    """A legal order that is in force, and what it does with each name that it covers.

    A name counts for itself and all names below it, with `=` before it for itself alone, with `*.`
    for those below it alone; where several of these cover a name, the longest counts, and of two
    equal ones that with a mark.  blocked: what this order blocks.  Of what is protected (it gives
    help, or networks need it) a person decides.  held: not blocked by this order, since nobody has
    decided yet; decide_by: when that is due, null where nothing is held.  open_after_decision: not
    blocked by this order, since a person decided so.  blocked_after_decision: those of `blocked`
    of which a person decided so.
    """

    number: int
    authority: str
    reference: str
    country: CountryCode
    scope: str
    since: Utc
    until: Utc
    document: Sha256
    link: str
    blocked: tuple[str, ...]
    blocked_after_decision: tuple[str, ...]
    held: tuple[str, ...]
    decide_by: Utc | None
    open_after_decision: tuple[str, ...]


class LawPart(_Published):
    """The layer of the law: extended error 16.

    confidential: how many orders were in force as the quarter began whose names nobody may tell.
    """

    orders: tuple[OrderPart, ...]
    confidential: int


class FeedPart(_Published):
    """A list in force, of a version that can be looked up."""

    feed: str
    source: str
    version: str
    checksum: Sha256
    names: int
    since: Utc


class ByHandPart(_Published):
    """A name that two people added for some days, and why."""

    name: str
    why: str
    since: Utc
    until: Utc


class SecurityPart(_Published):
    """The layer of security: extended error 15.  unvalidated: answered without validation."""

    feeds: tuple[FeedPart, ...]
    by_hand: tuple[ByHandPart, ...]
    unvalidated: tuple[ByHandPart, ...]


class FamilyListPart(_Published):
    """A list that a subscriber can choose.

    version: the SHA-256 of the copy that is used; names, since: how many it has, and when it was
    fetched.  They are empty, or null, where the machine that makes the statement has no copy.
    """

    list: str
    category: str
    maintainer: str
    source: str
    licence: str
    version: str = ""
    names: int | None = None
    since: Utc | None = None


class OpenedPart(_Published):
    """A line that two reviewers took out of a list for all, until an end."""

    list: str
    entry: str
    until: Utc


class FamilyOpeningPart(_Published):
    """A time in which nothing that families chose was blocked for anybody."""

    why: str
    since: Utc
    until: Utc


class FamilyPart(_Published):
    """The layer of families: extended error 17.  chosen_by: who turns it on and off.

    open_for_all: while it blocks nothing at all; null where it holds.
    """

    chosen_by: Literal["each subscriber"] = "each subscriber"
    lists: tuple[FamilyListPart, ...]
    opened: tuple[OpenedPart, ...]
    open_for_all: FamilyOpeningPart | None


class HotlinePart(_Published):
    """Where pictures of children being abused are reported."""

    name: str
    site: str


class PublicStatement(_Published):
    """What a provider filters at a moment, and why.

    preservation_requests: how many there were as the quarter began.
    """

    format: Literal["copdns-statement-v1"] = "copdns-statement-v1"
    made: Utc
    operator: OperatorPart
    register_: RegisterPart = Field(alias="register")
    law: LawPart
    security: SecurityPart
    family: FamilyPart
    hotlines: tuple[HotlinePart, ...]
    preservation_requests: int


class OrdersCount(_Published):
    """What became of legal orders in the time.  held: protected names of public orders; overdue:
    those that were decided late or not yet."""

    entered: int
    in_force: int
    ended: int
    withdrawn: int
    confidential_in_force: int
    held_names: int
    held_open: int
    held_blocked: int
    held_overdue: int


class ByHandCount(_Published):
    """What was added to the security layer by hand in the time."""

    blocked: tuple[ByHandPart, ...]
    unvalidated: tuple[ByHandPart, ...]


class DisputesCount(_Published):
    """Questions whether a list is right, in the time.

    accepted: the list was wrong.  median_hours: from the question to the decision; null where there
    are fewer than 20.  overdue: decided after the target, or past it and not decided.
    """

    received: SafeNumber
    accepted: SafeNumber
    refused: SafeNumber
    overdue: SafeNumber
    median_hours: float | None


class OutagePart(_Published):
    """A day, in UTC, on which something of a site did not answer.

    down_minutes: in which no node of the site answered as it should.  silent_node_minutes,
    failing_node_minutes: of its nodes added up, in which one did not answer, or answered SERVFAIL
    to a tenth of all or more.
    """

    day: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    site: str
    down_minutes: Annotated[int, Field(ge=0)]
    silent_node_minutes: Annotated[int, Field(ge=0)]
    failing_node_minutes: Annotated[int, Field(ge=0)]


FigureSource = Literal["families", "desk", "nodes", "operator", "unknown"]


class QuarterlyReport(_Published):
    """What a provider filtered in a quarter, and what was objected to.

    blocks_by_layer, blocks_by_category: two leading figures of each, rounded down; a category that
    fewer than 20 households chose is not there.  subscribers_with_filtering, filtering_by_tenant:
    households with a filter at the end of the quarter, at least, in steps of 20.  complaints: what
    families passed on and owners of sites asked; what became of these, and of what the staff
    asked, is in disputes.  help_desk_complaints, network_outages: what the provider says of its
    help desk and of what is beside copdns.  outages: how often a site did not answer; null where
    nothing is known.  sources: where each of these comes from.
    """

    format: Literal["copdns-report-v1"] = "copdns-report-v1"
    quarter: Annotated[str, Field(pattern=r"^\d{4}-Q[1-4]$")]
    made: Utc
    operator: OperatorPart
    register_: RegisterPart = Field(alias="register")
    legal_orders: OrdersCount
    by_hand: ByHandCount
    feeds: tuple[FeedPart, ...]
    preservation_requests: int
    disputes: DisputesCount
    family_open_for_all: tuple[FamilyOpeningPart, ...]
    blocks_by_layer: dict[str, SafeNumber]
    blocks_by_category: dict[str, SafeNumber]
    subscribers_with_filtering: SafeNumber
    complaints: SafeNumber
    outages: Annotated[int, Field(ge=0)] | None
    retention: dict[str, str]
    filtering_by_tenant: dict[str, SafeNumber] = {}
    complaints_by_origin: dict[str, SafeNumber] = {}
    complaints_by_reason: dict[str, SafeNumber] = {}
    help_desk_complaints: SafeNumber = None
    outage_days: tuple[OutagePart, ...] = ()
    network_outages: Annotated[int, Field(ge=0)] | None = None
    sources: dict[str, FigureSource] = {}


class TenantPart(_Published):
    """A brand or region of the provider."""

    id: str
    name: str
    country: CountryCode


class TenantReport(_Published):
    """What the staff of one tenant are told of a quarter.

    disputes: those of this tenant; null also where the rest of the provider's would be below 20,
    since all together are published.  subscribers_with_filtering: as in the provider's report.
    """

    format: Literal["copdns-tenant-report-v1"] = "copdns-tenant-report-v1"
    quarter: Annotated[str, Field(pattern=r"^\d{4}-Q[1-4]$")]
    made: Utc
    operator: OperatorPart
    tenant: TenantPart
    disputes: DisputesCount
    subscribers_with_filtering: SafeNumber = None


class SignaturePart(_Published):
    """Whose signature (RFC 8032) it is, in base64.

    Of the document as JSON with its keys sorted, without spaces, in UTF-8.
    """

    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: str
    value: str


class SignedStatement(_Published):
    """A statement with its signature."""

    document: PublicStatement
    signature: SignaturePart


class SignedReport(_Published):
    """A report with its signature."""

    document: QuarterlyReport
    signature: SignaturePart


class SignedTenantReport(_Published):
    """A report for the staff of one tenant with its signature."""

    document: TenantReport
    signature: SignaturePart


class OperatorFigures(BaseModel):
    """What copdns cannot know of a quarter: from the help desk, and of the network beside copdns.

    None where nobody said how many; 0 is a claim that the provider signs.
    """

    model_config = ConfigDict(extra="forbid")

    help_desk_complaints: Annotated[int, Field(ge=0)] | None = None
    network_outages: Annotated[int, Field(ge=0)] | None = None
