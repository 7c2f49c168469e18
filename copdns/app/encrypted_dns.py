"""DNS over TLS and HTTPS, where the settings want it: its certificate, its ports, and what went
wrong.

A failure is logged and shown as a warning.  Plain DNS and the pages work without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import structlog

from copdns.config import Settings
from copdns.model.errors import CopdnsError
from copdns.server.answer import Resolver
from copdns.server.connection import ClientConnection, StreamLimits
from copdns.server.places import Places
from copdns.server.secure_listeners import SecureListeners
from copdns.server.tls import Handshakes, SecurePort, harden, speak_dns
from copdns.time.clock import Moment
from copdns.web.certificate import Certificate
from copdns.web.https import own_names

log = structlog.get_logger("copdns")


class EncryptedDns:
    """The encrypted listeners, and the renewal of their certificate."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        resolver: Resolver,
        clock: Callable[[], Moment],
        is_clock_wrong: Callable[[], bool],
    ) -> None:
        """is_clock_wrong: tells whether the clock certainly does not show the time."""
        self._chosen = chosen = settings.encrypted
        self._limits = StreamLimits(chosen.idle, chosen.connections, settings.dns.tcp_in_flight)
        self._certificate = Certificate(folder, settings.encrypted_files, with_authority=False)
        self._resolver = resolver
        self._clock = clock
        self._is_clock_wrong = is_clock_wrong
        self._places: Places[ClientConnection] = Places(
            chosen.connections, chosen.client_connections
        )
        self._handshakes = Handshakes(chosen.handshakes)
        self._listeners: SecureListeners | None = None  # None: no certificate yet, or it is off
        self._trouble = ""

    @property
    def warning(self) -> str:
        """Return what is wrong, as a sentence for people; "" for nothing."""
        return self._trouble or (self._listeners.warning if self._listeners else "")

    def count_handshakes(self) -> Mapping[str, int]:
        """Return how many handshakes ended how since the start."""
        return self._handshakes.counts if self._chosen.is_on else {}

    def count_connections(self) -> Mapping[str, int]:
        """Return how many encrypted connections are open, by transport."""
        return self._listeners.count_connections() if self._listeners else {}

    async def follow(self, addresses: Iterable[str]) -> None:
        """Listen at these addresses and at no others, with the certificate as it is now."""
        if not self._chosen.is_on:
            return
        try:
            if self._listeners is None:
                ports = await asyncio.to_thread(self._begin)
                self._listeners = SecureListeners(
                    self._resolver, self._clock, ports, self._places, self._handshakes
                )
                changed = True
            else:
                changed = await asyncio.to_thread(self._refresh)
        except (CopdnsError, OSError) as error:
            self._warn(str(error))
        else:
            self._trouble = "" if changed else self._trouble
            if changed:
                log.info("encrypted DNS has a certificate", sha256=self._certificate.fingerprint)
        if self._listeners is not None:
            await self._listeners.follow(addresses)

    def _begin(self) -> list[SecurePort]:
        now, is_wrong = self._clock().wall, self._is_clock_wrong()
        self._certificate.begin(own_names(), now, is_clock_wrong=is_wrong)
        return [*self._make_ports()]

    def _make_ports(self) -> Iterator[SecurePort]:
        chosen, limits = self._chosen, self._limits
        if chosen.tls_port:
            context = harden(self._certificate.context_for(("dot",)))
            setting = "encrypted.tls_port"
            yield SecurePort(
                "tls", "DNS over TLS", chosen.tls_port, setting, context, limits, speak_dns
            )
        if chosen.https_port:
            doh = import_module("copdns.server.doh")  # most do without, and it takes 7 MB
            context = harden(self._certificate.context_for(("h2", "http/1.1")))
            setting = "encrypted.https_port"
            yield SecurePort(
                "https",
                "DNS over HTTPS",
                chosen.https_port,
                setting,
                context,
                limits,
                doh.speak_http,
                doh.READ_SIZE,
            )

    def _refresh(self) -> bool:
        now, is_wrong = self._clock().wall, self._is_clock_wrong()
        return self._certificate.refresh(own_names(), now, is_clock_wrong=is_wrong)

    def _warn(self, text: str) -> None:
        if self._trouble != f"encrypted DNS: {text}":
            self._trouble = f"encrypted DNS: {text}"
            log.warning("encrypted DNS has no new certificate, or none", error=text)

    def close(self) -> None:
        """Stop listening, and drop all connections."""
        if self._listeners is not None:
            self._listeners.close()
