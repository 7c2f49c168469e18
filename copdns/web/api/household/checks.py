"""Whether copdns protects this house: what the set-up ends with."""

from __future__ import annotations

from copdns.accounts.roles import Permission
from copdns.as_json.plain import utc
from copdns.network.other_resolvers import OfferedBy, others
from copdns.network.setup_steps import Check, Item, State
from copdns.web.api.operation import Call, Given, Operation
from copdns.web.api.types import Moment
from copdns.web.house_checks import confirm_alone, look_at


class OfferShown(Given):
    """Another one that hands resolvers out.  server: its address."""

    by: OfferedBy
    server: str
    resolvers: list[str]


class CheckShown(Given):
    """state: null where nobody looked.  detail: why it is not known, or which lists are missing."""

    check: Check
    state: State | None
    at: Moment | None
    detail: str
    others: list[OfferShown]


class ChecksShown(Given):
    """protects: all passed.  Until then every page of the desk says so."""

    protects: bool
    checks: list[CheckShown]


async def checks(call: Call) -> object:
    found = await call.parts.setups.progress(call.household.id)
    shown = [_shown(each, found.items.get(each)) for each in Check]
    return {"protects": found.protects, "checks": shown}


def _shown(check: Check, item: Item | None) -> dict[str, object]:
    if item is None:
        return {"check": check, "state": None, "at": None, "detail": "", "others": []}
    strange = check is Check.ALONE and item.state is State.FAILED
    return {
        "check": check,
        "state": item.state,
        "at": utc(item.at),
        "detail": "" if strange else item.detail,
        "others": [
            {"by": each.by, "server": each.server, "resolvers": list(each.resolvers)}
            for each in (others(item.detail) if strange else ())
        ],
    }


async def look(call: Call) -> object:
    """It asks the network for its resolvers, as a device does that comes new."""
    await look_at(call.parts, call.household)
    return await checks(call)


async def confirm(call: Call) -> object:
    """Where the machine cannot see whether other resolvers are handed out.  Twice is harmless."""
    await confirm_alone(call.parts, call.household.id, call.actor.name)
    return await checks(call)


OPERATIONS = (
    Operation(
        "GET",
        "/checks",
        Permission.SEE_STATUS,
        "Whether the house is protected",
        checks,
        ChecksShown,
    ),
    Operation(
        "POST",
        "/checks",
        Permission.EDIT_HOUSEHOLD,
        "Look again whether the house is protected",
        look,
        ChecksShown,
    ),
    Operation(
        "POST",
        "/checks/confirm",
        Permission.EDIT_HOUSEHOLD,
        "Say that no other resolver is handed out",
        confirm,
        ChecksShown,
    ),
)
