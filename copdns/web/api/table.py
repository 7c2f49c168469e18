"""All operations of the API, and the routes that they make."""

from __future__ import annotations

from aiohttp import web

from copdns.web.api import appeals, status
from copdns.web.api.events import events, notices, targets
from copdns.web.api.household import accounts, checks, house, lists, log, names, report
from copdns.web.api.openapi import BASE, serving_document
from copdns.web.api.operation import Operation
from copdns.web.api.people import (
    agreement,
    devices,
    guests,
    kept,
    mine,
    pairings,
    profiles,
    proposals,
    rules,
    unknown,
)
from copdns.web.api.serve import serving
from copdns.web.api.time import calendar, grants, pauses, tickets, times

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
