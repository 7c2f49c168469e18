"""What the handlers need of the rest of the house."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry

from copdns.live import Client, Live
from copdns.model import Asker
from copdns.recent import Recent
from copdns.timing import Readings
from copdns.web.pages import Pages

Readiness = Callable[[], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Parts:
    """One for as long as the application runs; what changes is asked for anew each time.

    readiness: tells what is missing; nothing: ready.  warnings: tells what is not as it should be,
    though queries are answered.  hosts: names, besides addresses, under which the pages may be
    reached.  live: the snapshot in force; readings: what it was built from besides the household.
    who: whose device asks, as for DNS.  now: seconds since the epoch.
    """

    registry: CollectorRegistry
    readiness: Readiness
    warnings: Readiness
    hosts: frozenset[str]
    live: Callable[[], Live]
    readings: Callable[[], Readings]
    who: Callable[[Asker], Client]
    recent: Recent
    now: Callable[[], float]
    pages: Pages


PARTS = web.AppKey("parts", Parts)


def parts_of(request: web.Request) -> Parts:
    return request.app[PARTS]
