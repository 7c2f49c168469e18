"""Devices that are recognised away from home: whether that can be offered here, and what was made
for one, for the ten minutes in which it can be read.

A token is stored nowhere.  Until its ten minutes are over it is in memory, under a random code that
stands in addresses in its place: what a browser or a proxy remembers of these is of no use
afterwards, and files can be fetched without a script.
"""

from __future__ import annotations

import asyncio
from math import ceil
from typing import NamedTuple

from aiohttp import web

from copdns.model.device_tokens import token_digest
from copdns.model.errors import KeyProcessError
from copdns.model.household import Household
from copdns.network.certificate_faults import CertificateReport, FaultKind, Reader
from copdns.web.context import AppContext, context_of
from copdns.web.device_setup.apple import ProfileWishes
from copdns.web.device_setup.certificate_look import look_in_turn
from copdns.web.device_setup.offer import SetupOffer
from copdns.web.device_setup.server import Missing, find_missing_away, server_with_token

SHOWN_FOR = 600  # seconds
TWICE_WITHIN = 5  # seconds
MOST = 16  # setups at once; a further one ends the oldest


class AwayReadiness(NamedTuple):
    """What speaks against devices that are used away from home.

    missing: settings.  report: what devices think of the certificate; None where it was not looked
    at.  trouble: why that could not be said; "" for nothing.
    """

    missing: tuple[Missing, ...]
    report: CertificateReport | None = None
    trouble: str = ""

    @property
    def has_wildcard(self) -> bool:
        """Whether the certificate is for names with a token before them."""
        kinds = self.report.faults if self.report else ()
        return all(each.kind is not FaultKind.NO_WILDCARD for each in kinds)

    @property
    def refusers(self) -> tuple[Reader, ...]:
        """Who refuses the certificate whatever stands before the name."""
        faults = self.report.faults if self.report else ()
        refused = {by for e in faults if e.kind is not FaultKind.NO_WILDCARD for by in e.refusers}
        return tuple(each for each in Reader if each in refused)

    def offer(self, context: AppContext, token: str) -> SetupOffer:
        """Return what a device with a token is given."""
        chosen, own = context.settings().for_devices.encrypted, context.addresses()
        server = server_with_token(chosen, own, token, has_wildcard=self.has_wildcard)
        return SetupOffer(server, self.missing, self.refusers)

    def is_offered(self, context: AppContext) -> bool:
        """Tell whether there is a way for any device."""
        if self.missing or self.trouble or self.report is None:
            return False
        offer = self.offer(context, "")
        return bool(offer.by or offer.has_private_dns or offer.has_browsers)


async def look_at_readiness(request: web.Request) -> AwayReadiness:
    """Return whether devices can be set up here for use away from home, by the settings and the
    certificate as they are now."""
    context = context_of(request)
    settings = context.settings().for_devices
    chosen, path = settings.encrypted, settings.encrypted_files[0]
    missing = find_missing_away(chosen, has_certificate=bool(path))
    if missing:
        return AwayReadiness(missing)
    has_tls = bool(chosen.tls_port)
    try:
        report = await look_in_turn(request, path, chosen.name, context.now(), wildcard=has_tls)
    except KeyProcessError as error:
        return AwayReadiness((), None, str(error))
    return AwayReadiness((), report)


class AwaySetup(NamedTuple):
    """What was made for a device.

    code: by which it is asked for.  browser: whoever made it: the digest of a session.  until:
    seconds since the epoch.
    """

    code: str
    household: str
    device: str
    token: str
    readiness: AwayReadiness
    wishes: ProfileWishes
    browser: str
    until: float

    @property
    def digest(self) -> str:
        """What is stored of the token."""
        return token_digest(self.token)


class AwaySetups:
    """What was made in the last ten minutes, by its code.  one_by_one: held while one is made."""

    def __init__(self) -> None:
        self._by_code: dict[str, AwaySetup] = {}
        self.one_by_one = asyncio.Lock()

    def add(self, setup: AwaySetup) -> None:
        """Keep a setup until its end; whoever keeps it calls `forget` then."""
        self._by_code[setup.code] = setup
        while len(self._by_code) > MOST:
            del self._by_code[next(iter(self._by_code))]

    def find(self, code: str, household: Household, now: float) -> AwaySetup | None:
        """Return a setup of a household; None for none, for one whose ten minutes are over, and
        for one whose token was revoked."""
        found = self._by_code.get(code)
        if found is None or found.household != household.id or now >= found.until:
            return None
        is_right = any(
            each.id == found.device and found.digest in each.tokens for each in household.devices
        )
        return found if is_right else None

    def find_twin(self, setup: AwaySetup, household: Household, now: float) -> AwaySetup | None:
        """Return what the same browser made for the same device, with the same wishes, so short a
        time before that its button was pressed twice; None for nothing."""
        for code in reversed(self._by_code):
            one = self.find(code, household, now)
            if one is not None and setup.until - one.until < TWICE_WITHIN:
                who = one.device, one.browser, one.wishes
                if who == (setup.device, setup.browser, setup.wishes):
                    return one
        return None

    def forget(self, code: str) -> None:
        """Forget a setup, if it is there."""
        self._by_code.pop(code, None)


def end_in_time(
    request: web.Request, page: web.Response, setup: AwaySetup, now: float
) -> web.Response:
    """Return a page that its browser leaves when the ten minutes are over, which takes no script.

    It asks for the same page, without what stood behind its path, and reads that it is gone.
    """
    left = max(1, ceil(setup.until - now))
    page.headers["Refresh"] = f"{left}; url={request.rel_url.raw_path}"
    return page


AWAY: web.AppKey[AwaySetups] = web.AppKey("devices set up for use away from home", AwaySetups)
