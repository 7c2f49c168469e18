"""What the query of the log's page asks for: a search and filters, each of which is a link.  Pure.

docs/privacy.md ("Searching the log") says what a search never finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from copdns.model.names import host_of, name_of
from copdns.model.verdict import Action, Reason
from copdns.privacy.row_filter import RowFilter
from copdns.time.days import starts_at, zone_of

LOG: Final = "/guardian/log"
MAX_TEXT: Final = 100  # characters of a search
_YEARS: Final = range(2000, 2200)
_MAX_DIGITS: Final = 18  # of the id of a row

TIME_REASONS: Final = (Reason.PAUSED, Reason.SCHEDULE, Reason.BUDGET)
# Reasons to choose from: why a site is blocked, but for those that name a category.
REASONS: Final = (
    *TIME_REASONS,
    Reason.RULE,
    Reason.NOT_ON_ALLOWLIST,
    Reason.SERVICE,
    Reason.CONTACT,
    Reason.BYPASS,
    Reason.SECURITY,
    Reason.NO_SAFE_SEARCH,
    Reason.LEGAL,
    Reason.ADDRESS,
    Reason.REBINDING,
    Reason.UPSTREAM_FILTERED,
)


class LookupOutcome(StrEnum):
    """What became of a look-up, as the page sorts it."""

    BLOCKED = "blocked"
    ALLOWED = "allowed"
    TIME = "time"  # blocked because of the time: a pause, a schedule or a limit


_ACTIONS: Final = {
    LookupOutcome.BLOCKED: (Action.BLOCK, Action.REFUSE),
    LookupOutcome.ALLOWED: (Action.ALLOW, Action.REWRITE, Action.LOCAL),
}


class CauseKind(StrEnum):
    """By what a row was decided, as far as somebody can ask for it."""

    REASON = "reason"
    CATEGORY = "category"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A search of the log; what is empty is not asked for.

    text: as typed.  person, device: ids.  cause: a kind and a word, such as "category:games".
    day: of the household's calendar.  before: the id of a row, for those before it.
    """

    text: str = ""
    person: str = ""
    outcome: LookupOutcome | None = None
    cause: tuple[CauseKind, str] | None = None
    device: str = ""
    day: date | None = None
    before: int | None = None

    @property
    def is_filtered(self) -> bool:
        """Tell whether more is asked for than the rows of people."""
        return bool(self.text or self.outcome or self.cause or self.device or self.day)

    @property
    def asks_about_sites(self) -> bool:
        """Tell whether an answer tells something of the sites in it.

        What is shown as "other" is then left out: a search would tell what it is.
        """
        return bool(self.text or self.cause or self.outcome is LookupOutcome.TIME)

    @property
    def cause_text(self) -> str:
        """Return the cause as it stands in an address."""
        return ":".join(self.cause) if self.cause else ""

    @property
    def fields(self) -> dict[str, str]:
        """Return what stands in the address of the page, without what is empty."""
        fields = {
            "q": self.text,
            "person": self.person,
            "show": str(self.outcome or ""),
            "cause": self.cause_text,
            "device": self.device,
            "day": self.day.isoformat() if self.day else "",
            "before": str(self.before or ""),
        }
        return {name: value for name, value in fields.items() if value}

    def address(self, path: str = LOG, **changed: object) -> str:
        """Return the address of the page with something else asked for, from the newest row on."""
        fields = replace(self, **{"before": None, **changed}).fields  # type: ignore[arg-type]
        return f"{path}?{urlencode(fields)}" if fields else path

    def row_filter(self, timezone: str) -> RowFilter:
        """Return which rows are asked for."""
        since = until = 0.0
        if self.day:
            zone = zone_of(timezone)
            since, until = (starts_at(self.day + timedelta(days=n), 0, zone) for n in (0, 1))
        kind, word = self.cause or (None, "")
        reasons: tuple[str, ...] = (word,) if kind is CauseKind.REASON else ()
        if self.outcome is LookupOutcome.TIME:
            reasons = tuple(each for each in TIME_REASONS if not reasons or each in reasons) or (
                "",
            )
        return RowFilter(
            text=searched_text(self.text),
            device=self.device,
            actions=_ACTIONS.get(self.outcome, ()) if self.outcome else (),
            reasons=reasons,
            category=word if kind is CauseKind.CATEGORY else "",
            service=word if kind is CauseKind.SERVICE else "",
            since=since,
            until=until,
        )


def parse_log_query(fields: Mapping[str, str]) -> LogQuery:
    """Return what an address asks for; what means nothing is not asked for."""
    kind, _, word = fields.get("cause", "").partition(":")
    outcome = fields.get("show", "")
    return LogQuery(
        text=" ".join(fields.get("q", "").split())[:MAX_TEXT],
        person=fields.get("person", ""),
        outcome=LookupOutcome(outcome) if outcome in set(LookupOutcome) else None,
        cause=(CauseKind(kind), word[:MAX_TEXT]) if kind in set(CauseKind) and word else None,
        device=fields.get("device", "")[:MAX_TEXT],
        day=_parse_day(fields.get("day", "")),
        before=_parse_id(fields.get("before", "")),
    )


def searched_text(typed: str) -> str:
    """Return what is searched in names: of a pasted URL its host; a name in another script as it is
    stored (RFC 5891)."""
    text = (host_of(typed) if "://" in typed else typed).lower()
    return text if text.isascii() else name_of(text) or text


def _parse_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def _parse_day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _YEARS.start <= day.year < _YEARS.stop else None  # its neighbours exist too
