"""The certificate that the pages are served with over HTTPS: made, or read, and followed.

Trouble with it is told, and keeps nobody from being answered: DNS and the door go on without it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import structlog

from copdns.config import WebSettings
from copdns.model.errors import CertificateError, CopdnsError
from copdns.network import machine
from copdns.web.certificate import Certificate, names_of

log = structlog.get_logger("copdns")


class Https:
    """context: what connections need; None without HTTPS.

    warning: what is not as it should be, for people; "" for nothing.
    """

    def __init__(self, folder: Path, chosen: WebSettings, now: Callable[[], float]) -> None:
        self._certificate = Certificate(folder, (chosen.tls_certificate, chosen.tls_key))
        self._chosen = chosen
        self._now = now
        self.context: ssl.SSLContext | None = None
        self.warning = ""

    async def begin(self) -> None:
        """Read or make the certificate; without a port in the settings, or in trouble, do not."""
        if not self._chosen.tls_port:
            return
        try:
            names = await asyncio.to_thread(_names)
            self.context = await asyncio.to_thread(self._certificate.begin, names, self._now())
        except (CopdnsError, OSError) as error:
            self._trouble(str(error))
        else:
            self._tell()

    async def look(self) -> None:
        """Follow files that changed, new addresses, and the end of a certificate."""
        if self.context is None:
            return
        try:
            names = await asyncio.to_thread(_names)
            changed = await asyncio.to_thread(self._certificate.look, names, self._now())
        except CertificateError as error:
            self._trouble(str(error))
            return
        if changed:
            self.warning = ""
            self._tell()

    def _tell(self) -> None:
        log.info(
            "pages over HTTPS are ready; a browser that warns should show this fingerprint",
            port=self._chosen.tls_port,
            sha256=self._certificate.fingerprint,
        )

    def _trouble(self, text: str) -> None:
        if self.warning != f"HTTPS: {text}":
            self.warning = f"HTTPS: {text}"
            log.warning("the certificate could not be renewed, or HTTPS is off", error=text)


def _names() -> tuple[str, ...]:
    return names_of(socket.gethostname(), machine.private_addresses())
