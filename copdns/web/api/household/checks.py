"""Whether copdns protects the household: the checks at the end of the setup."""

from __future__ import annotations

from copdns.accounts.roles import Permission
from copdns.as_json.plain import utc
from copdns.network.other_resolvers import OfferedBy, parse_offers
from copdns.network.setup_steps import Check, SetupItem, SetupState
from copdns.web.api.operation import Call, Given, Operation
from copdns.web.api.types import Moment
from copdns.web.house_checks import confirm_alone, run_checks


class OfferShown(Given):
    """Another one that hands resolvers out.  server: its address."""

    by: OfferedBy
    server: str
    resolvers: list[str]


class CheckShown(Given):
    """state: null where nobody looked.  detail: why it is not known, or which lists are missing."""

    check: Check
    state: SetupState | None
    at: Moment | None
    detail: str
    others: list[OfferShown]


class ChecksShown(Given):
    """protects: all passed.  Until then every page of the desk says so."""

    protects: bool
    checks: list[CheckShown]


async def checks(call: Call) -> object:
    """Return every check of the setup, also those that were never made."""
    found = await call.context.setups.progress(call.household.id)
    rows = [_check_json(each, found.items.get(each)) for each in Check]
    return {"protects": found.protects, "checks": rows}


def _check_json(check: Check, item: SetupItem | None) -> dict[str, object]:
    if item is None:
        return {"check": check, "state": None, "at": None, "detail": "", "others": []}
    has_others = check is Check.ALONE and item.state is SetupState.FAILED
    return {
        "check": check,
        "state": item.state,
        "at": utc(item.at),
        "detail": "" if has_others else item.detail,
        "others": [
            {"by": each.by, "server": each.server, "resolvers": list(each.resolvers)}
            for each in (parse_offers(item.detail) if has_others else ())
        ],
    }


async def look(call: Call) -> object:
    """Run the checks; they ask the network for its resolvers, as a new device does."""
    await run_checks(call.context, call.household)
    return await checks(call)


async def confirm(call: Call) -> object:
    """Confirm that nothing else hands out resolvers, where the machine cannot find out.  A second
    time is harmless."""
    await confirm_alone(call.context, call.household.id, call.actor.name)
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
