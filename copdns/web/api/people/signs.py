"""Signs that a device may not use the filter, as guardians may know them (docs/bypass.md)."""

from __future__ import annotations

import asyncio

from copdns.accounts.roles import Permission
from copdns.as_json.signs import bypass_signs_json
from copdns.model.bypass_signs import SignKind
from copdns.privacy.bypass_signs import notices_about
from copdns.store.log_db.bypass_signs import load_signs
from copdns.web.api.operation import Call, Given, Operation
from copdns.web.api.types import Id, Moment


class BypassNoticeShown(Given):
    """A device was at home and asked nothing for much longer than usual.

    at: the hour in which that was noticed.  kind: what was asked before, by the device or in its
    name.  proven: over a transport that shows who asks.
    """

    device: Id
    at: Moment
    kind: SignKind
    proven: bool


class BypassSigns(Given):
    """noticed: signs are looked for now.  notices: the newest first, of the last two weeks; from 13
    on the person could read each a day before."""

    profile: Id
    noticed: bool
    notices: list[BypassNoticeShown]


async def bypass_signs(call: Call) -> object:
    """Return what guardians may know of a person's devices."""
    kept = await asyncio.to_thread(
        load_signs, call.context.folder, call.household.id, call.person.id
    )
    found = notices_about(call.household, [call.person], kept.signs, call.now)
    return bypass_signs_json(call.person, found, call.now)


OPERATIONS = (
    Operation(
        "GET",
        "/profiles/{profile}/bypass-signs",
        Permission.SEE_LOG,
        "Signs that a person's devices may not use the filter",
        bypass_signs,
        BypassSigns,
    ),
)
