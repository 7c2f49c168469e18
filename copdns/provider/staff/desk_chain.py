"""Decisions of the reviewers' desk as lines of a chain, like the register's, and what does not fit.

A line says who decided what about which line of which list, as checksums of each other; the cases
themselves are rows that change.  `check_desk` compares both.  Lines go after two years, from the
first one on, as cases do.  Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from copdns.appeals.review import DecisionReason
from copdns.model.errors import RegisterError
from copdns.provider.law.chain import FIRST, StoredEntry, chain_line, follow_chain
from copdns.provider.staff.desk import DeskCase, DeskDecision

KEPT_FOR: Final = 2 * 366 * 86_400  # seconds after a case was asked, and after a line was written


class DeskLine(StrEnum):
    """What a line says."""

    DECIDED = "decided"
    ANEW = "begun anew"  # what was decided before does not count: two others decide
    FOUND = "found"  # decided before there were lines


@dataclass(frozen=True, slots=True)
class DeskHead:
    """What is signed of all lines: the number of the first that is kept and the checksum before it,
    the number of the last one (`first` - 1 for none) and its checksum."""

    first: int = 1
    before: str = FIRST
    last: int = 0
    digest: str = FIRST

    def text(self) -> str:
        """Return what a signature of it is about."""
        return f"copdns desk head v1 {self.first} {self.before} {self.last} {self.digest}"


def lines_for(before: DeskCase, after: DeskCase) -> list[tuple[DeskLine, DeskDecision | None]]:
    """Return what a change of a case decided."""
    many = len(before.decisions)
    if after.decisions[:many] == before.decisions:
        return [(DeskLine.DECIDED, each) for each in after.decisions[many:]]
    return [(DeskLine.ANEW, None), *((DeskLine.DECIDED, each) for each in after.decisions)]


def add_line(
    head: DeskHead,
    case: DeskCase,
    kind: DeskLine,
    decision: DeskDecision | None,
    now: int,
    shell: str = "",
) -> tuple[StoredEntry, DeskHead]:
    """Return the next line, and the head with it.  now: when it is written, without a decision."""
    at, by = (now, "") if decision is None else (decision.at, decision.by)
    body: dict[str, Any] = {"case": case.number, "subject": _subject(case)}
    if decision is not None:
        body |= {"reason": str(decision.reason), "policy": decision.policy}
    line = chain_line(head.last + 1, at, by, str(kind), body, head.digest, shell)
    return line, DeskHead(head.first, head.before, line.number, line.digest)


def without_old(lines: Iterable[StoredEntry], head: DeskHead, now: int) -> DeskHead:
    """Return the head without lines that are old, from the first one on.  lines: checked."""
    first, before = head.first, head.before
    for line in lines:
        if line.at >= now - KEPT_FOR:
            break
        first, before = line.number + 1, line.digest
    return DeskHead(first, before, head.last, head.digest)


def check_lines(lines: Sequence[StoredEntry], head: DeskHead) -> None:
    """Raise RegisterError at the first line that does not fit, and where some are missing."""
    digest, broken = follow_chain(lines, head.first, head.before)
    if broken is not None:
        raise RegisterError(
            "the decisions about lists were changed after they were written, at line %(number)s; "
            "restore a backup",
            number=broken,
        )
    if (head.first + len(lines) - 1, digest) != (head.last, head.digest):
        raise RegisterError(
            "lines of decisions about lists are missing, or something other than copdns wrote "
            "some: there are %(count)s up to %(number)s, and the signed head says %(last)s; "
            "restore a backup",
            count=len(lines),
            number=head.first + len(lines) - 1,
            last=head.last,
        )


def check_desk(lines: Sequence[StoredEntry], cases: Iterable[DeskCase], now: int) -> None:
    """Raise RegisterError for the first case that is not as its lines say.

    lines: checked.  cases: all.  A case may be gone once its lines are old.
    """
    said: dict[int, list[tuple[str, DeskDecision]]] = {}
    newest: dict[int, int] = {}
    for line in lines:
        body = json.loads(line.body)
        number = int(body["case"])
        newest[number] = max(line.at, newest.get(number, 0))
        if line.kind == DeskLine.ANEW:
            said[number] = []
        else:
            reason = DecisionReason(body["reason"])
            decision = DeskDecision(line.by, line.at, reason, body["policy"])
            said.setdefault(number, []).append((body["subject"], decision))
    there = {each.number: each for each in cases}
    for case in there.values():
        known = [(_subject(case), each) for each in case.decisions]
        # Of a case that is older than what is kept, only the last lines are there.
        mine = said.get(case.number, [])
        is_old = all(each.at < now - KEPT_FOR for each in case.decisions[: len(known) - len(mine)])
        if known[len(known) - len(mine) :] != mine or not is_old:
            raise RegisterError(
                "case %(number)s is not as its lines say: its decisions, its site or its list were "
                "changed by something other than copdns; restore a backup",
                number=case.number,
            )
    for number in sorted(said.keys() - there.keys()):
        if newest[number] >= now - KEPT_FOR:
            raise RegisterError(
                "case %(number)s is missing, though it was decided; restore a backup",
                number=number,
            )


def _subject(case: DeskCase) -> str:
    """Return a checksum of what a case is about: which site it was is not kept here."""
    parts = [case.number, case.tenant, str(case.origin), case.name, case.list, case.entry]
    return sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
