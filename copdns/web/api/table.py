"""All operations of the API, and their routes."""

from __future__ import annotations

from aiohttp import web

from copdns.web.api import appeals, status
from copdns.web.api.events import events, notices, targets
from copdns.web.api.household import (
    accounts,
    checks,
    facts,
    house,
    lists,
    log,
    move_in,
    names,
    own_lists,
    report,
)
from copdns.web.api.openapi import BASE, make_document_handler
from copdns.web.api.operation import Operation
from copdns.web.api.people import (
    agreement,
    device_tokens,
    devices,
    guests,
    kept,
    mine,
    pairings,
    profiles,
    proposals,
    rules,
    signs,
    unknown,
)
from copdns.web.api.serve import make_handler
from copdns.web.api.time import bedtime, calendar, grants, pauses, tickets, times

OPERATIONS: tuple[Operation, ...] = (
    *status.OPERATIONS,
    *profiles.OPERATIONS,
    *proposals.OPERATIONS,
    *agreement.OPERATIONS,
    *kept.OPERATIONS,
    *signs.OPERATIONS,
    *pauses.OPERATIONS,
    *bedtime.OPERATIONS,
    *grants.OPERATIONS,
    *tickets.OPERATIONS,
    *times.OPERATIONS,
    *calendar.OPERATIONS,
    *rules.OPERATIONS,
    *devices.OPERATIONS,
    *device_tokens.OPERATIONS,
    *unknown.OPERATIONS,
    *guests.OPERATIONS,
    *pairings.OPERATIONS,
    *lists.OPERATIONS,
    *own_lists.OPERATIONS,
    *move_in.OPERATIONS,
    *facts.OPERATIONS,
    *appeals.OPERATIONS,
    *log.OPERATIONS,
    *report.OPERATIONS,
    *events.OPERATIONS,
    *house.OPERATIONS,
    *names.OPERATIONS,
    *accounts.OPERATIONS,
    *mine.OPERATIONS,
    *notices.OPERATIONS,
    *targets.OPERATIONS,
    *checks.OPERATIONS,
)

API_ROUTES = (
    web.get(f"{BASE}/openapi.json", make_document_handler(OPERATIONS)),
    *(web.route(each.method, BASE + each.path, make_handler(each)) for each in OPERATIONS),
)
