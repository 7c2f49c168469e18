"""A provider's register as programs read it: commands with --json, and operations.

Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from copdns.provider.law.chain import StoredEntry
from copdns.provider.law.register import (
    FamilyOpening,
    HandName,
    LegalOrder,
    Preservation,
    ProtectedHold,
    Register,
)
from copdns.provider.law.statement import utc_text as utc
from copdns.provider.staff.duties import StaffMember


def entry_json(line: StoredEntry) -> dict[str, object]:
    """Return a line as JSON has it, without what it says: names of some orders are confidential."""
    return {
        "number": line.number,
        "at": utc(line.at),
        "by": line.by,
        "shell": line.shell,
        "kind": line.kind,
        "checksum": line.digest,
    }


HIDDEN_NAME: Final = "a protected name"


def order_json(
    order: LegalOrder, now: int, reader: str = "", *, is_fresh: bool = True
) -> dict[str, object]:
    """Return an order as JSON has it, without the names of a confidential one.

    reader: the id of who reads it; whoever has to decide about protected names is told those.
    is_fresh: as in `holds_to_show`.
    """
    entered = order.entered
    return {
        "number": order.number,
        "authority": entered.authority,
        "reference": entered.reference,
        "country": entered.country,
        "scope": entered.scope,
        "state": str(order.state(now)),
        "from": utc(entered.begins),
        "until": utc(entered.ends),
        "document": entered.document,
        "link": entered.link,
        "confidential": entered.is_confidential,
        "names": list(names_to_show(order)),
        "entered_by": order.entered_by,
        "entered_at": utc(order.entered_at),
        "confirmed_by": order.confirmed_by,
        "withdrawn_by": order.withdrawn_by,
        "why_withdrawn": order.why_withdrawn,
        "held": [
            {
                "name": each.name,
                "decider": each.decider,
                "deadline": utc(each.deadline),
                "blocked": each.is_blocked,
                "overdue": each.is_overdue(now),
                "decided_by": each.decided_by,
                "why": each.why,
            }
            for each in holds_to_show(order, reader, is_fresh=is_fresh)
        ],
    }


def names_to_show(order: LegalOrder) -> tuple[str, ...]:
    """Return the names of an order; none of a confidential one."""
    return () if order.entered.is_confidential else order.entered.names


def holds_to_show(
    order: LegalOrder, reader: str = "", *, is_fresh: bool = True
) -> tuple[ProtectedHold, ...]:
    """Return the protected names of an order; of a confidential one, to their decider alone.

    is_fresh: that person proved a moment ago who they are; else they are told only that there are.
    """
    if not order.entered.is_confidential:
        return order.holds
    found = tuple(each for each in order.holds if each.decider == reader)
    return found if is_fresh else tuple(replace(each, name=HIDDEN_NAME, why="") for each in found)


def preservation_json(found: Preservation, now: int) -> dict[str, object]:
    """Return a request to preserve as JSON has it."""
    return {
        "number": found.number,
        "authority": found.entered.authority,
        "reference": found.entered.reference,
        "records": [str(record) for record in found.entered.records],
        "since": utc(found.entered.since),
        "through": utc(found.entered.through),
        "until": utc(found.entered.ends),
        "keeper": found.entered.keeper,
        "entered_by": found.entered_by,
        "confirmed_by": found.confirmed_by,
        "state": str(found.state(now)),
        "kept": found.keeps(now),
    }


def opening_json(found: FamilyOpening, now: int) -> dict[str, object]:
    """Return a time in which the layer of families is open for all, as JSON has it."""
    return {
        "number": found.number,
        "since": utc(found.opened_at),
        "until": utc(found.ends),
        "why": found.opened.why,
        "opened_by": found.opened_by,
        "closed_by": found.closed_by,
        "open": found.holds(now),
    }


def staff_json(who: StaffMember) -> dict[str, object]:
    """Return a member of the staff as JSON has it."""
    return {
        "id": who.id,
        "name": who.name,
        "role": str(who.role),
        "tenant": who.tenant,
        "login": who.subject,
        "gone": who.is_gone,
    }


def security_json(register: Register, now: int) -> dict[str, object]:
    """Return feeds and names by hand as JSON has them."""
    return {
        "feeds": [
            {
                "feed": slug,
                "source": each.source,
                "version": each.version,
                "checksum": each.digest,
                "names": each.names,
                "since": utc(taken[-1].at),
            }
            for slug, taken in register.feeds.items()
            for each in [taken[-1].taken]
        ],
        "by_hand": [_hand_json(each, now) for each in register.by_hand.values()],
    }


def _hand_json(found: HandName, now: int) -> dict[str, object]:
    return {
        "number": found.number,
        "layer": str(found.added.layer),
        "name": found.added.name,
        "why": found.added.why,
        "state": str(found.state(now)),
        "until": utc(found.added.ends),
        "added_by": found.added_by,
        "confirmed_by": found.confirmed_by,
    }
