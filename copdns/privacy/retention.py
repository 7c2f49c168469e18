"""Decide what is kept of one look-up: a row, a count, both or nothing (docs/privacy.md).

Every trace on disk of what someone asked passes through here.  Pure, and called for every
query, so plain tuples and no loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from copdns.model.build import mypyc_attr
from copdns.model.household import PrivacyMode
from copdns.model.verdict import Action, Reason, Verdict

_new: Final = tuple.__new__  # a named tuple's own constructor costs twice as much

# Looked up in their class, which is not compiled, these would cost more than what they decide.
_OFF: Final = PrivacyMode.OFF
_BLOCKED: Final = PrivacyMode.BLOCKED
_FULL: Final = PrivacyMode.FULL

ROUND_TO: Final = (
    300  # seconds: a blocked name is kept with the five minutes it fell in, not the moment
)


class LogRow(NamedTuple):
    """One look-up as the log keeps it.

    at: seconds since the epoch; a multiple of 300 unless the mode was `full`.
    device: an id, "" unless the mode was `full`; the client's address is never here.
    qtype: the number on the wire.  rule: what matched, as written.
    via: the CNAME or SVCB target that decided.
    """

    at: int
    household: str
    profile: str
    device: str
    qname: str
    qtype: int
    action: str
    reason: str
    category: str
    service: str
    list: str
    rule: str
    via: str


@mypyc_attr(acyclic=True)
class WaitingRow:
    """A LogRow until it is written, in less than half the memory: thousands may wait.

    verdict: what was decided; action, reason and what follows in a LogRow are its own.
    """

    __slots__ = ("at", "device", "household", "profile", "qname", "qtype", "verdict")

    def __init__(
        self,
        at: int,
        household: str,
        profile: str,
        device: str,
        qname: str,
        qtype: int,
        verdict: Verdict,
    ) -> None:
        self.at = at
        self.household = household
        self.profile = profile
        self.device = device
        self.qname = qname
        self.qtype = qtype
        self.verdict = verdict

    def row(self) -> LogRow:
        """Return it as it is written."""
        verdict = self.verdict
        return LogRow(
            self.at,
            self.household,
            self.profile,
            self.device,
            self.qname,
            self.qtype,
            verdict.action,
            verdict.reason,
            verdict.category,
            verdict.service,
            verdict.list,
            verdict.rule,
            verdict.via,
        )


def list_values(rows: Sequence[tuple[object, ...] | WaitingRow]) -> list[object]:
    """Return the values of rows in turn, of a WaitingRow those of its LogRow.

    Texts are plain: of any other kind of them the driver asks Python each time what it is.
    """
    values: list[object] = []
    for row in rows:
        if not isinstance(row, WaitingRow):
            values.extend(row)
            continue
        verdict = row.verdict
        values.append(row.at)
        values.append(row.household)
        values.append(row.profile)
        values.append(row.device)
        values.append(row.qname)
        values.append(row.qtype)
        values.append(str(verdict.action))
        values.append(str(verdict.reason))
        values.append(verdict.category)
        values.append(verdict.service)
        values.append(verdict.list)
        values.append(verdict.rule)
        values.append(verdict.via)
    return values


def group_by_profile(
    rows: Sequence[LogRow | WaitingRow],
    groups: dict[tuple[str, str], list[LogRow | WaitingRow]],
) -> None:
    """Add rows to those of their household and profile, in their order."""
    for row in rows:
        whose = row.household, row.profile
        group = groups.get(whose)
        if group is None:
            groups[whose] = [row]
        else:
            group.append(row)


class WaitingRows:
    """Rows on their way from the event loop to the thread that writes them, the oldest first.

    One adds and the other takes, without a lock: what changes `rows` is one call of a list each
    time, in which Python changes no thread.

    capacity: how many wait at most.  refused: how many found no room.
    """

    __slots__ = ("capacity", "refused", "rows")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.refused = 0
        self.rows: list[LogRow | WaitingRow] = []

    def has_room(self) -> bool:
        """Tell whether another row finds room; one that finds none counts as refused."""
        if len(self.rows) < self.capacity:
            return True
        self.refused += 1
        return False

    def add(self, row: LogRow | WaitingRow) -> None:
        """Add a row that there is room for."""
        self.rows.append(row)

    def take(self) -> list[LogRow | WaitingRow]:
        """Return all rows, which wait no longer."""
        taken = self.rows[:]
        del self.rows[: len(taken)]  # not what came in between
        return taken

    def put_back(self, taken: list[LogRow | WaitingRow]) -> int:
        """Put rows before what came meanwhile; of too many the newest go.  Return how many went."""
        self.rows[:0] = taken
        excess = len(self.rows) - self.capacity
        if excess <= 0:
            return 0
        del self.rows[-excess:]
        return excess


class CountKey(NamedTuple):
    """The key of a count of look-ups.  household, profile: ids.  hour: hours since the epoch."""

    household: str
    profile: str
    hour: int
    action: str
    reason: str
    category: str


class LogQueue(Protocol):
    """Where rows and counts wait to be written; `QueryLog` of the store is one.

    waiting: its rows, the same object for good.  erasures: goes up when a profile is erased.
    `count` never raises and never waits.
    """

    @property
    def waiting(self) -> WaitingRows: ...

    @property
    def erasures(self) -> int: ...

    def count(self, key: CountKey, n: int = 1) -> None: ...


def may_log_name(verdict: Verdict, everything: bool) -> bool:
    """Tell whether a name may be kept at all, besides being counted.

    everything: the profile has a full log, now or soon.

    Never one below q.home.arpa: in `why.faith.example.q.home.arpa` stands a name that a mask would
    not see (`privacy/masked_names.py`), and a device asks for it, no site.
    """
    if verdict.local is not None and verdict.local.is_status:
        return False
    return everything or verdict.action is not Action.ALLOW


def _is_partial(verdict: Verdict) -> bool:
    """Tell whether only some addresses or record types of a site are blocked, by a rule or a list.

    The site itself is allowed, and often works by the others.  No such rule may record by name what
    somebody goes on to use: a list of patterns for AAAA alone would be a full log without an end.
    """
    rule = verdict.rule
    if verdict.reason is Reason.ADDRESS or ("=" in rule and "dnstype=" in rule):
        return True  # one character is found much sooner than a word
    return "/" in rule and rule[0] not in "/|"  # a network; expressions begin with a slash


def log_row(
    mode: PrivacyMode,
    household: str,
    profile: str,
    device: str,
    qname: str,
    qtype: int,
    verdict: Verdict,
    now: float,
    waiting: WaitingRows | None = None,
) -> WaitingRow | None:
    """Return the row to keep, or None.  household, profile, device: ids.

    waiting: where it will wait.  Without room there it is not made, and counted there.
    """
    # A child who looks for help must be able to trust that nobody can ever see it.
    if verdict.is_untraced:
        return None
    if mode is _FULL:
        at = int(now)
    elif (
        mode is _BLOCKED
        and verdict.action in (Action.BLOCK, Action.REFUSE)
        and not _is_partial(verdict)
    ):
        at = int(now) // ROUND_TO * ROUND_TO
        device = ""
    else:
        return None
    if waiting is not None and not waiting.has_room():
        return None
    return WaitingRow(at, household, profile, device, qname, qtype, verdict)


def count_key(
    mode: PrivacyMode, household: str, profile: str, verdict: Verdict, now: float
) -> CountKey | None:
    """Return what to count the look-up under, or None.

    A page of copdns and a check of a device, which looks up a handful of made-up names, are no
    visit to a site: a child would read that the tablet opened six.  A site that the household leads
    there, which has a rule, is one.
    """
    if verdict.is_untraced or mode is _OFF:
        return None
    local = verdict.local
    if local is not None and not verdict.rule and (local.is_own_address or local.is_status):
        return None
    hour = int(now) // 3600
    return _new(
        CountKey, (household, profile, hour, verdict.action, verdict.reason, verdict.category)
    )
