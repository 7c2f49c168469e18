"""The certificate for HTTPS: generated or read, and renewed.

A failure is logged and shown as a warning.  DNS and the child's page work without HTTPS.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from copdns.model.errors import CertificateError, CopdnsError
from copdns.network import machine
from copdns.settings.config import WebSettings
from copdns.web.certificate import Certificate, names_of

log = structlog.get_logger("copdns")


class HttpsOffer(NamedTuple):
    """What pages know of HTTPS.

    port: 0 where there is none.  is_trusted_for: tells whether browsers trust the certificate for a
    host, so that nobody is led to a warning.
    """

    port: int = 0
    is_trusted_for: Callable[[str], bool] = lambda _host: False


class Https:
    """The TLS context that the web server uses, and the renewal of its certificate.

    context: None without HTTPS.  warning: what is wrong, as a sentence for people; "" for nothing.
    """

    def __init__(
        self,
        folder: Path,
        settings: WebSettings,
        now: Callable[[], float],
        is_clock_wrong: Callable[[], bool] = lambda: False,
    ) -> None:
        """is_clock_wrong: tells whether `now` is certainly not the time."""
        self._certificate = Certificate(folder, (settings.tls_certificate, settings.tls_key))
        self._settings = settings
        self._now = now
        self._is_clock_wrong = is_clock_wrong
        self.context: ssl.SSLContext | None = None
        self.warning = ""

    @property
    def offer(self) -> HttpsOffer:
        """Return at which port there is HTTPS, and for which names browsers trust it."""
        if self.context is None:
            return HttpsOffer()
        return HttpsOffer(self._settings.tls_port, self._is_trusted_for)

    def _is_trusted_for(self, host: str) -> bool:
        return self._certificate.authority.covers(host, self._now())

    async def begin(self) -> None:
        """Read or generate the certificate.  `context` stays None without a port in the settings,
        or where that fails."""
        if not self._settings.tls_port:
            return
        try:
            self.context = await asyncio.to_thread(self._begin)
        except (CopdnsError, OSError) as error:
            self._warn(str(error))
        else:
            self._log_fingerprint()

    async def refresh(self) -> None:
        """Follow changed files, new addresses, and the end of a certificate."""
        if self.context is None:
            return
        try:
            changed = await asyncio.to_thread(self._refresh)
        except CertificateError as error:
            self._warn(str(error))
            return
        if changed:
            self.warning = ""
            self._log_fingerprint()

    def _begin(self) -> ssl.SSLContext:
        wrong = self._is_clock_wrong()
        return self._certificate.begin(own_names(), self._now(), is_clock_wrong=wrong)

    def _refresh(self) -> bool:
        wrong = self._is_clock_wrong()
        return self._certificate.refresh(own_names(), self._now(), is_clock_wrong=wrong)

    def _log_fingerprint(self) -> None:
        log.info(
            "pages over HTTPS are ready; a browser that warns should show this fingerprint",
            port=self._settings.tls_port,
            sha256=self._certificate.fingerprint,
        )

    def _warn(self, text: str) -> None:
        if self.warning != f"HTTPS: {text}":
            self.warning = f"HTTPS: {text}"
            log.warning("the certificate could not be renewed, or HTTPS is off", error=text)


def own_names() -> tuple[str, ...]:
    """Return the names and addresses of this machine, for a certificate that is generated."""
    return names_of(socket.gethostname(), machine.private_addresses())
