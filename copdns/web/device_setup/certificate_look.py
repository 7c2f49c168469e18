"""Have a process of its own look at the certificate of encrypted DNS: the library for it takes
10 MB, and the page that shows it is opened a few times a year."""

from __future__ import annotations

import asyncio
import json
import sys

from aiohttp import web

from copdns.events.key_files import run_process
from copdns.model.sentences import Sentence
from copdns.network.certificate_faults import CertificateReport, Fault, FaultKind, Reader

# One process at once looks: who presses a button again and again starts no more.
LOOKING: web.AppKey[asyncio.Lock] = web.AppKey("looking at a certificate", asyncio.Lock)


async def look_in_turn(
    request: web.Request, path: str, name: str, now: float, *, wildcard: bool
) -> CertificateReport:
    """Return what `look_at_certificate` does, once those who asked before have theirs."""
    async with request.app[LOOKING]:
        return await asyncio.to_thread(look_at_certificate, path, name, now, wildcard=wildcard)


def look_at_certificate(path: str, name: str, now: float, *, wildcard: bool) -> CertificateReport:
    """Return what devices think of a certificate file.  It blocks.

    name: that devices are told, "" for none.  wildcard: for names of devices below it too.
    now: seconds since the epoch.  Raises KeyProcessError, with a sentence for people where there is
    no certificate.
    """
    wanted = {"path": path, "name": name, "now": now, "wildcard": wildcard}
    command = (sys.executable, "-m", "copdns.network.certificate_reading")
    names, end, faults = json.loads(run_process(command, json.dumps(wanted)))
    found = tuple(
        Fault(FaultKind(kind), Sentence(*what), Sentence(*todo), tuple(map(Reader, by)))
        for kind, what, todo, by in faults
    )
    return CertificateReport(tuple(names), end, found)
