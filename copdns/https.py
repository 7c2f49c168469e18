"""Serve the pages over HTTPS beside HTTP, and follow the certificate.

Trouble with it is told, and keeps nobody from being answered: DNS and the door go on without it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from aiohttp import web

from copdns import system
from copdns.certificate import Certificate, names_of
from copdns.config import WebSettings
from copdns.errors import CertificateError, CopdnsError

log = structlog.get_logger("copdns")


class Https:
    """warning: what is not as it should be, for people; "" for nothing."""

    def __init__(self, folder: Path, chosen: WebSettings, now: Callable[[], float]) -> None:
        self._certificate = Certificate(folder, (chosen.tls_certificate, chosen.tls_key))
        self._chosen = chosen
        self._now = now
        self._serving = False
        self.warning = ""

    async def start(self, runner: web.AppRunner, addresses: Sequence[str]) -> None:
        """Listen on the port of the settings; without one, or in trouble, do nothing else."""
        if not self._chosen.tls_port:
            return
        try:
            names = await asyncio.to_thread(_names)
            context = await asyncio.to_thread(self._certificate.begin, names, self._now())
            for address in addresses:
                port = self._chosen.tls_port
                await web.TCPSite(runner, address, port, ssl_context=context).start()
        except CopdnsError as error:
            self._trouble(str(error))
        except OSError as error:
            port = self._chosen.tls_port
            self._trouble(f"port {port} (HTTPS): {error.strerror}; see web.tls_port")
        else:
            self._serving = True
            self._tell()

    async def look(self) -> None:
        """Follow files that changed, new addresses, and the end of a certificate."""
        if not self._serving:
            return
        try:
            names = await asyncio.to_thread(_names)
            changed = await asyncio.to_thread(self._certificate.look, names, self._now())
        except CertificateError as error:
            if self.warning != f"HTTPS: {error}":
                self._trouble(str(error))
            return
        if changed:
            self.warning = ""
            self._tell()

    def _tell(self) -> None:
        log.info(
            "pages over HTTPS; a browser that warns should show this fingerprint",
            port=self._chosen.tls_port,
            sha256=self._certificate.fingerprint,
        )

    def _trouble(self, text: str) -> None:
        self.warning = f"HTTPS: {text}"
        log.warning("no new certificate, or no HTTPS", error=text)


def _names() -> tuple[str, ...]:
    return names_of(socket.gethostname(), system.private_addresses())
