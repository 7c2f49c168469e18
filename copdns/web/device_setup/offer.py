"""What the dashboard and a child's page offer for a device: whether encrypted DNS can be set up
here, and the files for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog
from aiohttp import web

from copdns.model.addresses import Transport
from copdns.model.errors import KeyProcessError
from copdns.model.sentences import sentence
from copdns.network.certificate_faults import Reader
from copdns.web.context import AppContext, context_of
from copdns.web.device_setup import apple, files
from copdns.web.device_setup.apple import (
    USUAL_WISHES,
    ProfileTexts,
    ProfileWishes,
    read_networks,
)
from copdns.web.device_setup.server import EncryptedServer, Missing, find_missing, server_of
from copdns.web.device_setup.signing import sign_profile
from copdns.web.languages import phrases_in
from copdns.web.pages import language_of

PROFILE = "copdns.mobileconfig"
FIREFOX = "policies.json"
CHROME, CHROME_WINDOWS = "copdns-chrome.json", "copdns-chrome.reg"
CHROME_WINDOWS_END = "copdns-chrome-remove.reg"
_KINDS = {
    PROFILE: apple.MEDIA_TYPE,
    FIREFOX: "application/json",
    CHROME: "application/json",
    CHROME_WINDOWS: "text/plain",
    CHROME_WINDOWS_END: "text/plain",
}
# One process at once signs: pages wait for it, and nothing else of the program does.
SIGNING: web.AppKey[asyncio.Lock] = web.AppKey("signing a profile", asyncio.Lock)

log = structlog.get_logger("copdns")


class SetupOffer(NamedTuple):
    """What can be set up here.

    missing: what has to be set first; nothing: it is complete.  refusers: who does not take the
    certificate.
    """

    server: EncryptedServer
    missing: tuple[Missing, ...]
    refusers: tuple[Reader, ...] = ()

    @property
    def by(self) -> Transport | None:
        """By what Apple's devices send queries; None where they cannot."""
        if Reader.APPLE in self.refusers:
            return None
        if self.server.https_url:
            return Transport.HTTPS
        return Transport.TLS if self.server.has_usual_tls_port else None

    @property
    def has_private_dns(self) -> bool:
        """Whether Android can be told: it knows one port only."""
        return self.server.has_usual_tls_port and Reader.ANDROID not in self.refusers

    @property
    def has_automatic(self) -> bool:
        """Whether Android finds it at home by itself, which checks neither name nor certificate."""
        return self.server.has_usual_tls_port and Missing.OWN_NAME not in self.missing

    @property
    def has_browsers(self) -> bool:
        """Whether browsers and Windows can be told."""
        return bool(self.server.https_url) and Reader.FIREFOX not in self.refusers

    @property
    def files(self) -> frozenset[str]:
        """The files that are offered."""
        if self.missing:
            return frozenset()
        profile = frozenset({PROFILE}) if self.by else frozenset()
        return profile | (_KINDS.keys() - {PROFILE} if self.has_browsers else frozenset())


def offer_of(context: AppContext) -> SetupOffer:
    """Return what can be set up for a device that is recognised by its address."""
    settings = context.settings()
    chosen = settings.encrypted
    missing = find_missing(chosen, has_certificate=bool(settings.encrypted_files[0]))
    return SetupOffer(server_of(chosen, context.addresses()), missing)


def read_wishes(query: Mapping[str, str]) -> ProfileWishes:
    """Return what a form says of a profile; what it does not say is as usual.  Raises
    HouseholdError for networks that fit in none."""
    return ProfileWishes("strict" not in query, read_networks(query.get("networks", "")))


async def send_file(
    request: web.Request, device: Sequence[str], wishes: ProfileWishes = USUAL_WISHES
) -> web.Response:
    """Return the file that the path names, for a device that is recognised by its address; raise
    HTTPNotFound where it is not offered.

    device, wishes: as `make_profile` takes them.
    """
    return await send_offered(request, offer_of(context_of(request)), device, wishes)


async def send_offered(
    request: web.Request, offer: SetupOffer, device: Sequence[str], wishes: ProfileWishes
) -> web.Response:
    """Return the file of an offer that the path names; raise HTTPNotFound for another one."""
    name = request.match_info["file"]
    if name not in offer.files:
        raise web.HTTPNotFound
    return web.Response(
        body=await _make_file(request, name, offer, device, wishes),
        content_type=_KINDS[name],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _make_file(
    request: web.Request,
    name: str,
    offer: SetupOffer,
    device: Sequence[str],
    wishes: ProfileWishes,
) -> bytes:
    server, may_fall_back = offer.server, wishes.may_fall_back
    if name == PROFILE and offer.by is not None:
        texts = _texts(request, is_home_only=server.is_home_only)
        profile = apple.make_profile(server, offer.by, device, texts, wishes)
        return await _sign(request, profile, is_secret=not server.is_home_only)
    if name == FIREFOX:
        return files.firefox_policies(server, may_fall_back=may_fall_back).encode()
    if name == CHROME:
        return files.chromium_policies(server, may_fall_back=may_fall_back).encode()
    if name == CHROME_WINDOWS:
        return files.chromium_registry(server, may_fall_back=may_fall_back).encode()
    return files.chromium_registry_end().encode()


async def _sign(request: web.Request, profile: bytes, *, is_secret: bool) -> bytes:
    """Return a profile signed, where that works; the device says of one without that nobody
    signed it, and takes it as well."""
    certificate, key = context_of(request).settings().encrypted_files
    try:
        async with request.app[SIGNING]:
            return await asyncio.to_thread(
                sign_profile, profile, certificate, key or certificate, is_secret=is_secret
            )
    except KeyProcessError as error:
        log.warning("a profile for an Apple device goes out without a signature", error=str(error))
        return profile


def _texts(request: web.Request, *, is_home_only: bool) -> ProfileTexts:
    phrases = phrases_in(language_of(request))
    about = phrases.tell(
        sentence("this sends the names of sites to copdns at home, encrypted")
        if is_home_only
        else sentence("this sends the names of sites to copdns, encrypted, wherever you are"),
        sentence(
            "to remove it: Settings, General, VPN & Device Management, this profile, Remove Profile"
        ),
    )
    consent = phrases.tell(
        sentence("the device sends the names of sites to copdns encrypted"),
        sentence("the same rules apply as before, and nothing more is recorded"),
        sentence("you can remove this at any time in the settings of the device"),
    )
    return ProfileTexts("copdns", about, consent)
