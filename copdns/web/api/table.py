"""All operations of the API, and the routes that they make."""

from __future__ import annotations

from aiohttp import web

from copdns.web.api import (
    accounts,
    agreement,
    appeals,
    calendar,
    checks,
    devices,
    events,
    grants,
    guests,
    house,
    kept,
    lists,
    log,
    mine,
    names,
    notices,
    pairings,
    pauses,
    profiles,
    proposals,
    report,
    rules,
    status,
    targets,
    tickets,
    times,
    unknown,
)
from copdns.web.api.openapi import BASE, serving_document
from copdns.web.api.operation import Operation
from copdns.web.api.serve import serving

OPERATIONS: tuple[Operation, ...] = (
    *status.OPERATIONS,
    *profiles.OPERATIONS,
    *proposals.OPERATIONS,
    *agreement.OPERATIONS,
    *kept.OPERATIONS,
    *pauses.OPERATIONS,
    *grants.OPERATIONS,
    *tickets.OPERATIONS,
    *times.OPERATIONS,
    *calendar.OPERATIONS,
    *rules.OPERATIONS,
    *devices.OPERATIONS,
    *unknown.OPERATIONS,
    *guests.OPERATIONS,
    *pairings.OPERATIONS,
    *lists.OPERATIONS,
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
    web.get(f"{BASE}/openapi.json", serving_document(OPERATIONS)),
    *(web.route(each.method, BASE + each.path, serving(each)) for each in OPERATIONS),
)
