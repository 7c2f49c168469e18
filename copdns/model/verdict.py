"""What was decided about a query and why, and for whom it was asked.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from copdns.model.addresses import Network
from copdns.model.hosts import child_page_url
from copdns.model.nat64 import Nat64


class Action(StrEnum):
    """What happens to a query."""

    ALLOW = "allow"
    BLOCK = "block"
    REWRITE = "rewrite"  # answered with another name's data
    LOCAL = "local"  # answered from what this machine knows
    REFUSE = "refuse"


class StepNumber(IntEnum):
    """The places in the order of decision (`policy/order.py`, docs/decision.md), and what follows.

    RESPONSE is no step of the order: it is what a response brought, after a name was allowed.
    Hash and comparison are those of `int`, so a member costs no more than a bare number.
    """

    ACCESS = 1
    LOCAL = 2
    LEGAL = 3
    PROTECTED = 4
    SECURITY = 5
    GRANTS = 6
    PAUSE = 7
    SCHEDULES = 8
    BUDGETS = 9
    RULES = 10
    BYPASS = 11
    SERVICES = 12
    CATEGORIES = 13
    SAFE_SEARCH = 14
    DEFAULT = 15
    RESPONSE = 16


class Reason(StrEnum):
    """Why, as a closed list: a metric label, a key of the text catalogue, a column of the log.

    docs/reasons.md explains each to people; docs/decision.md gives the order.
    """

    NOT_A_CLIENT = "not_a_client"
    LOCAL = "local"
    CANARY = "canary"
    LEGAL = "legal"
    PROTECTED = "protected"
    SECURITY = "security"
    GRANTED = "granted"
    PAUSED = "paused"
    SCHEDULE = "schedule"
    BUDGET = "budget"
    RULE = "rule"
    BYPASS = "bypass"
    SERVICE = "service"
    CONTACT = "contact"
    CATEGORY = "category"
    SAFE_SEARCH = "safe_search"
    NO_SAFE_SEARCH = "no_safe_search"
    DEFAULT = "default"
    NOT_ON_ALLOWLIST = "not_on_allowlist"
    ADDRESS = "address"
    REBINDING = "rebinding"
    UPSTREAM_FILTERED = "upstream_filtered"


SCHOOL: Final = "household"  # as the category of a verdict: the household itself protects the name


@dataclass(frozen=True, slots=True)
class Requestor:
    """What a query's packet tells of its sender, before the device is identified.

    listener: the local address that received it.  address: the peer's, without port or zone.
    transport: udp, tcp, tls, https or quic.  mac: the device's, as a trusted forwarder gave it,
    such as "02:00:00:00:00:01"; else "".  is_old_tls: it is encrypted by an older TLS than 1.3.
    token: the digest of what it showed as its own name, right or wrong; it decides in place of all
    else.  "" for none.
    household: the id of the one that it belongs to, as a trusted forwarder of a provider gave it;
    "" for none, as at home.
    """

    listener: str
    address: str
    transport: str
    mac: str = ""
    is_old_tls: bool = False
    token: str = ""
    household: str = ""


@dataclass(frozen=True, slots=True)
class LocalRecord:
    """A record that copdns makes itself.

    data: as zone files have it, by rtype; TXT unquoted.  Of SVCB and RESINFO in the form for any
    type (RFC 3597 section 5).
    """

    name: str
    rtype: int
    data: str
    ttl: int


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """The answer to a special-use name or a name of this house.

    rcode: of the reply.  records: where there are none, an SOA record limits how long the answer
        may be cached.
    is_own_address: the answer is the address of this machine to which the query was sent, for A
        or AAAA, as it fits.
    is_status: the answer depends on the requestor; `server/status_names.py` makes the records.
    is_probe: the query is noted (`network/probes.py`).
    additionals: records of other names, for which the client would ask next.
    """

    rcode: int = 0
    records: tuple[LocalRecord, ...] = ()
    is_own_address: bool = False
    is_status: bool = False
    is_probe: bool = False
    additionals: tuple[LocalRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided and why: the wire, the log, `check` and the child's page all read this.

    step: a StepNumber; 0 where only the words are needed, as for a row of the log, which does not
        keep it.
    category, service, list, list_version: slugs, where one decided.
    contact: with reason CONTACT the kind that decided, "known" or "strangers"; "" where that is not
        known any more, as for a row of the log.  With reason DEFAULT the kind that the service is
        an exception from.
    rule: what matched, as written ("*.games.example"): unbounded, so for people only, never a
        label.
    via: the CNAME or SVCB target that decided, "" for the name of the question.
    valid_until: seconds since the epoch: the first moment at which the same question could get
        another verdict under the same policy; None: not before the policy changes.
    ttl: seconds for which the reply to a blocked query may be cached.
    target: the name whose data a rewrite gives.
    local: the answer of the action LOCAL; else None.
    is_untraced: a name of the help groups, or one with a token; it leaves no trace anywhere.
    nothing_open_below: no name below this one is allowed, so NXDOMAIN is true (RFC 8020
        section 2); computed only for profiles in that block mode.
    period: the id of the schedule or budget that decided, "homework" for that kind of pause.
    no_minutes: of a budget that gives none on this day, rather than one that is used up.
    log_only: the slug of a list that would block the name, but only counts for now.
    ends_text: when it ends, on the household's clock, for people: "Tue 07:00".
    """

    action: Action
    reason: Reason
    step: int
    category: str = ""
    service: str = ""
    list: str = ""
    list_version: str = ""
    rule: str = ""
    via: str = ""
    valid_until: float | None = None
    ttl: int = 0
    target: str = ""
    local: LocalAnswer | None = None
    is_untraced: bool = False
    nothing_open_below: bool = False
    period: str = ""
    ends_text: str = ""
    contact: str = ""
    no_minutes: bool = False
    log_only: str = ""

    @property
    def is_exception(self) -> bool:
        """Whether it allows a service although its contact kind is blocked."""
        return self.reason is Reason.DEFAULT and self.service != ""

    @property
    def blocks(self) -> bool:
        """Whether the query is blocked; refused is not."""
        return self.action is Action.BLOCK

    def __hash__(self) -> int:
        # Verdicts are counted per query; the sum over all fields would cost more than deciding.
        return hash(self.rule)


@dataclass(frozen=True, slots=True)
class AnswerDefaults:
    """What the settings say about answers.

    allow: networks that are served.  TTLs are in seconds.  door: the children's page.
    sends_reverse: reverse names of private addresses are sent to upstreams of their own.
    nat64: how devices without IPv4 reach it; None where none is helped to.
    unknown_is_guest: whoever shows a token that no device has is a guest here; else refused.
    listener: the name of the encrypted listeners, before which tokens stand; "" for none.
    """

    allow: tuple[Network, ...]
    block_ttl: int = 10
    security_ttl: int = 60
    child_max_ttl: int = 60
    door: str = child_page_url(80)
    sends_reverse: bool = False
    nat64: Nat64 | None = None
    unknown_is_guest: bool = False
    listener: str = ""
