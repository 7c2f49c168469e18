"""All operations of the API, and the routes that they make."""

from __future__ import annotations

from aiohttp import web

from copdns.web.api import (
    appeals,
    devices,
    events,
    grants,
    house,
    lists,
    log,
    pauses,
    profiles,
    rules,
    status,
    tickets,
    times,
)
from copdns.web.api.openapi import BASE, serving_document
from copdns.web.api.operation import Operation
from copdns.web.api.serve import serving

OPERATIONS: tuple[Operation, ...] = (
    *status.OPERATIONS,
    *profiles.OPERATIONS,
    *pauses.OPERATIONS,
    *grants.OPERATIONS,
    *tickets.OPERATIONS,
    *times.OPERATIONS,
    *rules.OPERATIONS,
    *devices.OPERATIONS,
    *lists.OPERATIONS,
    *appeals.OPERATIONS,
    *log.OPERATIONS,
    *events.OPERATIONS,
    *house.OPERATIONS,
)

API_ROUTES = (
    web.get(f"{BASE}/openapi.json", serving_document(OPERATIONS)),
    *(web.route(each.method, BASE + each.path, serving(each)) for each in OPERATIONS),
)
